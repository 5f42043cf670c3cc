"""A model that is random in evaluation mode too is refused, whatever the randomness comes from."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import heedful
import tiny
from heedful.classifier import Classifier
from heedful.errors import ModelError

TEXT = "the plot was not good but the acting was very good"
REFORMER = {
    "attention_head_size": 8, "attn_layers": ["lsh", "local"], "lsh_attn_chunk_length": 4,
    "local_attn_chunk_length": 4, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 8], "num_buckets": 4,
    "feed_forward_size": 16,
}  # fmt: skip


def dropping(n_labels, shared):
    """A BERT whose logits are dropped at random, each for itself or all of a pass together."""
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer, num_labels=n_labels)

    def drop(_, __, logits):
        return logits * (torch.rand(()) < 0.5) if shared else nn.functional.dropout(logits, 0.5, training=True)

    model.classifier.register_forward_hook(drop)
    return model, tokenizer


def scaled(draw):
    """A BERT whose logits are scaled by a number from another stream than torch's."""
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    model.classifier.register_forward_hook(lambda _, __, logits: logits * draw())
    return model, tokenizer


def reformer():
    tokenizer = tiny.tokenizer("unigram")
    return tiny.model("reformer", tokenizer, **REFORMER), tokenizer


MODELS = {
    "dropout": lambda: dropping(3, shared=False),
    "dropout of one logit": lambda: dropping(1, shared=False),
    "dropout of a pass": lambda: dropping(3, shared=True),
    "hashing": reformer,
    "numpy": lambda: scaled(np.random.default_rng(0).random),
    "a generator of its own": lambda: scaled(partial(torch.rand, (), generator=torch.Generator().manual_seed(0))),
}


@pytest.mark.parametrize("method", ["occlusion", "gradient-x-input", "random"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_random_is_refused_and_draws_no_numbers_of_the_callers(name, method):
    torch.manual_seed(0)
    model, tokenizer = MODELS[name]()
    before = torch.get_rng_state()
    classifier = heedful.load(model, tokenizer)
    for _ in range(3):
        with pytest.raises(ModelError, match="gives other logits each time for the same text: it is random in"):
            heedful.explain(classifier, TEXT, method)
        with pytest.raises(ModelError, match="gives other logits each time"):
            classifier.predict([TEXT, "a dull film"])
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_drawn_by_others_refuse_nothing():
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    expected, drawn = heedful.explain(heedful.load(model, tokenizer), TEXT, "occlusion").scores, []
    model.register_forward_hook(lambda *_: drawn.append(torch.rand(1)))
    np.testing.assert_array_equal(heedful.explain(heedful.load(model, tokenizer), TEXT, "occlusion").scores, expected)


def test_a_model_that_changes_from_call_to_call_is_refused_where_the_whole_text_is_run_again():
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    classifier, calls = Classifier(model, tokenizer, "moody"), []

    def drift(_, __, logits):
        calls.append(1)
        return logits + 0.1 * len(calls) * torch.arange(3)

    model.classifier.register_forward_hook(drift)
    with pytest.raises(ModelError, match="moody gives other logits for the same text again"):
        heedful.explain(classifier, TEXT, "lime:n_samples=20")
