"""What a model does to itself while it runs is undone: of all it holds, nothing is other than before."""

import copy
from collections import Counter, OrderedDict, deque

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedConfig

import heedful
import tiny
from heedful.classifier import Classifier
from heedful.classifier.leaving import unchanged
from heedful.errors import ModelError
from untouched import assert_same_state, state

TEXT = "the plot was not good"


def note(*_):
    """A hook that does nothing."""


def hooks(module):
    module.register_forward_hook(note)
    module.register_forward_hook(note, with_kwargs=True, always_call=True, prepend=True)
    module.register_forward_pre_hook(note)
    module.register_forward_pre_hook(note, with_kwargs=True)
    module.register_full_backward_hook(note)
    module.register_full_backward_pre_hook(note)
    module.register_state_dict_post_hook(note)


def attributes(model):
    del model.kept
    model.bert.added = [1]
    model.own = nn.Identity()
    model.kept = "other"


def exchanged(model):
    for layer in model.bert.encoder.layer:
        layer.attention = copy.deepcopy(layer.attention)  # as BigBird does, which draws random numbers for it
    del model.bert.encoder.layer[1]
    model.bert.encoder.append = nn.Linear(2, 2)
    torch.rand(1)


def contents(model):
    model.notes.append(1)
    model.notes.reverse()
    model.table["b"].append(3)
    model.table["new"] = model.table.pop("a")
    model.seen.add(2)
    model.seen.discard(1)
    model.empty.append(1)


def other_contents(model):
    """Of kinds whose ways to be filled or ordered are their own, and inside what cannot be changed."""
    model.counts["b"] += 1
    model.counts["a"] += 1
    model.queue.popleft()
    model.queue.append(3)
    model.ordered.move_to_end("a")
    model.ordered["new"] = 1
    model.fixed[0].append(1)
    model.numbers += 1


def configuration(model):
    model.config.id2label[0] = "other"
    vars(model.config)["hidden_size"] = 7
    model.config.extra = 1
    model.config.inner.number += 1


def tensors(model):
    model.count += 1
    model.bert.register_buffer("new", torch.ones(2))
    model.bert.embeddings.position_ids = torch.zeros(1, 64, dtype=torch.long)
    model.classifier.bias = nn.Parameter(torch.ones(3, dtype=torch.float64))


MEDDLING = {
    "hooks": lambda model: [hooks(module) for module in model.modules()],
    "dropped hooks": lambda model: (model._forward_hooks.clear(), model.bert._forward_hooks.clear()),
    "hooks in another order": lambda model: model._forward_hooks.move_to_end(next(iter(model._forward_hooks))),
    "attributes": attributes,
    "exchanged modules": exchanged,
    "contents": contents,
    "other contents": other_contents,
    "configuration": configuration,
    "tensors": tensors,
    "mode": lambda model: model.bert.train(),
}


def meddler(do):
    """A model that does something to itself at the end of each forward pass, and its state."""
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    model.notes, model.table, model.seen, model.empty = [3, 4], {"a": 1, "b": [1, 2]}, {1}, []
    model.counts, model.queue = Counter(a=2), deque([1, 2])
    model.ordered, model.fixed, model.numbers = OrderedDict(a=1, b=2), ([0],), torch.zeros(3)
    model.kept = "as it is"
    model.register_buffer("count", torch.zeros(()))
    model.config.inner = PreTrainedConfig()
    model.config.inner.number = 1
    for _ in range(2):
        model.register_forward_hook(note)
        model.bert.register_forward_hook(note)

    def forward(*args, **options):
        out = type(model).forward(model, *args, **options)
        do(model)
        return out

    model.forward = forward
    return Classifier(model, tokenizer, "meddler")


@pytest.mark.parametrize("what", MEDDLING)
def test_what_a_model_does_to_itself_is_undone(what):
    classifier = meddler(MEDDLING[what])
    before, number = state(classifier), classifier.model.config.inner.number
    for method in ("occlusion", "gradient-x-input", "attention-mean"):
        heedful.explain(classifier, TEXT, method)
        assert_same_state(before, state(classifier))
    model = classifier.model
    assert model.config.inner.number == number
    assert (model.counts, model.queue, [*model.ordered.items()]) == ({"a": 2}, deque([1, 2]), [("a", 1), ("b", 2)])
    assert (model.fixed, model.numbers.tolist()) == (([0],), [0, 0, 0])


@pytest.mark.parametrize("what", MEDDLING)
def test_and_so_it_is_where_the_model_fails(what):
    def fail(model):
        MEDDLING[what](model)
        raise RuntimeError("half way")

    classifier = meddler(note)
    encoded = classifier.encode(TEXT)
    before = state(classifier)
    with pytest.raises(RuntimeError, match="half way"), unchanged(classifier.model):
        fail(classifier.model)
    assert_same_state(before, state(classifier))
    assert np.isfinite(classifier.logits_of(encoded)).all()


def test_a_model_that_draws_random_numbers_and_builds_nothing_leaves_them_drawn():
    # other threads may have drawn them, who must not draw the same again
    classifier = meddler(lambda _: torch.rand(1))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    classifier.logits([classifier.encode(TEXT).input_ids])
    assert not torch.equal(before, torch.get_rng_state())


def test_a_model_compiled_in_place_runs_as_it_is_written_and_stays_compiled():
    classifier = meddler(note)
    expected = classifier.logits_of(classifier.encode(TEXT))

    def compiled(*_):
        raise AssertionError

    classifier.model._compiled_call_impl = compiled  # as `model.compile()` sets it
    np.testing.assert_array_equal(classifier.logits_of(classifier.encode(TEXT)), expected)
    assert classifier.model._compiled_call_impl is compiled


def test_a_model_whose_failure_is_its_own_is_named():
    def fail(model):
        raise TypeError("takes 2 arguments")

    classifier = meddler(fail)
    with pytest.raises(ModelError, match=r"^meddler fails on a text of 7 tokens: takes 2 arguments; if it is too long"):
        classifier.logits_of(classifier.encode(TEXT))
