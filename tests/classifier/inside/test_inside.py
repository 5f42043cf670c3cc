"""Looking into a model: its readout where padding ends the text, gradients at many points within the memory."""

from __future__ import annotations

import copy
import threading
from functools import cache

import numpy as np
import pytest
import torch
from tokenizers import processors

import heedful
import zoo
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import ModelError
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good !"
full_memory = pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
    ids=["cuda", "mps", "cpu"],
)
METHODS = (
    "attention-mean", "attention-rollout", "attention-flow", "attention-value-norm", "attention-x-gradient",
    "gradient-x-input", "integrated-gradients", "lrp",
)  # fmt: skip


@full_memory
def test_many_points_run_in_batches_bounded_by_tokens_and_by_memory(error: RuntimeError) -> None:
    classifier = zoo.make("bert")
    question = ask(classifier, TEXT, Choices(output="probability"))
    encoded, output = question.encoded, question.output
    look = question.look_inside()
    own = look.vectors()
    points = [own * factor for factor in np.linspace(0.5, 1.5, 10)]
    rows: list[int] = []

    def watch(_: object, args: tuple[torch.Tensor]) -> None:
        if len(args[0]) > 3:
            raise error
        rows.append(len(args[0]))

    alone = [next(look.gradients(output, [point])) for point in points]
    classifier.model.bert.encoder.register_forward_pre_hook(watch)
    for budget, expected in ((1, [1] * 10), (2 * len(encoded) + 1, [2] * 5), (8 * len(encoded), [2] * 5)):
        rows.clear()
        found = list(look.gradients(output, iter(points), batch_tokens=budget))
        assert rows == expected  # the last: 8 are halved to 4 and to 2, the other 2 fit
        for (value, gradient), (own_value, own_gradient) in zip(found, alone, strict=True):
            assert value == pytest.approx(own_value, rel=1e-12)
            assert np.abs(gradient - own_gradient).max() < 1e-12 * np.abs(own_gradient).max()


@full_memory
def test_a_single_point_that_exceeds_the_memory_is_an_error(error: RuntimeError) -> None:
    classifier = zoo.make("bert")
    question = ask(classifier, TEXT, Choices())

    def full(*_: object) -> None:
        raise error

    classifier.model.bert.encoder.register_forward_pre_hook(full)
    point = np.zeros((len(question.encoded), 16))
    with pytest.raises(type(error)):
        list(question.look_inside().gradients(question.output, [point, point]))


@full_memory
def test_masked_texts_too_are_halved_until_they_fit(error: RuntimeError) -> None:
    classifier = zoo.make("bert")
    game = ask(classifier, TEXT, Choices()).game()
    masks = ~np.eye(game.n_units, dtype=bool)
    expected = game(masks)

    def full(_: object, args: tuple[torch.Tensor]) -> None:
        if len(args[0]) > 3:
            raise error

    classifier.model.bert.encoder.register_forward_pre_hook(full)
    assert game(masks) == pytest.approx(expected, rel=1e-12)


def test_another_error_is_not_taken_for_full_memory() -> None:
    classifier = zoo.make("bert")
    question = ask(classifier, TEXT, Choices())
    rows: list[int] = []

    def fail(_: object, args: tuple[torch.Tensor]) -> None:
        rows.append(len(args[0]))
        raise RuntimeError("something else")

    point = question.look_inside().vectors()
    game = question.game()
    classifier.model.bert.encoder.register_forward_pre_hook(fail)
    with pytest.raises(ModelError, match=r"bert cannot be looked into \(something else\): use lime"):
        list(question.look_inside().gradients(question.output, [point, point]))
    with pytest.raises(ModelError, match="something else"):
        game(~np.eye(game.n_units, dtype=bool))
    assert rows == [2, game.n_units, 1]  # a batch that fails is tried text by text


def test_a_readout_in_float16_is_refused_with_its_reason() -> None:
    classifier = zoo.make("bert")
    classifier.model.half()
    message = "bert is in float16; which positions the logits read is found by a gradient.*: load it in bfloat16 or"
    with pytest.raises(ModelError, match=message):
        look_inside(classifier, classifier.encode(TEXT)).attention()


@pytest.mark.parametrize("name", ["bert", "llama", "gpt2", "paper"])
def test_a_configuration_that_wants_tuples_changes_nothing(name: str) -> None:
    classifier = zoo.make(name)
    encoded = classifier.encode(TEXT)

    def everything() -> list[np.ndarray]:
        return [
            classifier.logits_of(encoded),
            look_inside(classifier, encoded).attention(),
            look_inside(classifier, encoded).gradient(np.array([0.5, -1.0, 0.25])),
            look_inside(classifier, encoded).vectors(),
        ]

    expected = everything()
    classifier.model.config.return_dict = False
    for found, own in zip(everything(), expected, strict=True):
        np.testing.assert_array_equal(found, own)
    assert classifier.model.config.return_dict is False


@cache
def decoder(name: str, template: str) -> Classifier:
    """A decoder that takes </s> for padding, its texts in this template."""
    made = zoo.make(name)
    tokenizer = copy.deepcopy(made.tokenizer)
    ends = [("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
    made.model.config.pad_token_id = tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=ends)
    return Classifier(made.model, tokenizer, name)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("method", METHODS)
def test_a_decoders_text_may_end_in_its_padding(name: str, method: str) -> None:
    """Logits are read in front of it, which sees nothing behind: as if it were not there."""
    plain, ended = decoder(name, "<s> $A"), decoder(name, "<s> $A </s>")
    encoded = ended.encode(TEXT)
    assert len(encoded) == len(plain.encode(TEXT)) + 1
    assert look_inside(ended, encoded).readout()[-2:] == pytest.approx([1.0, 0.0])
    expected, found = (heedful.explain(c, TEXT, method, unit="token").scores for c in (plain, ended))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)  # float32 inside


def test_a_readout_from_other_logits_is_refused() -> None:
    classifier = zoo.make("bert")
    moved_where_gradients_are_taken(classifier)
    encoded = classifier.encode(TEXT)
    for known in (None, classifier.logits_of(encoded)):
        with pytest.raises(ModelError, match="other logits when it is looked into"):
            look_inside(classifier, encoded, known).readout()


def moved_where_gradients_are_taken(classifier: Classifier) -> None:
    """Let the first layer double its output, but not in the classifier's ordinary forward pass."""
    classifier.model.bert.encoder.layer[0].register_forward_hook(
        lambda _, __, out: 2 * out if torch.is_grad_enabled() else out
    )


def test_other_threads_take_ids_as_before() -> None:
    classifier = zoo.make("bert")
    own, found = threading.get_ident(), []
    ids = torch.from_numpy(classifier.encode("a dull film").input_ids)[None]
    expected = classifier.model(ids).logits

    def meanwhile(*_: object) -> None:
        if threading.get_ident() == own:
            thread = threading.Thread(target=lambda: found.append(classifier.model(ids).logits))
            thread.start()
            thread.join()

    encoded = classifier.encode(TEXT)
    look = look_inside(classifier, encoded)
    points = 2 * look.word_vectors(encoded.input_ids)[None]
    classifier.model.register_forward_pre_hook(meanwhile)
    with look.looking():
        look.run(points)
    assert torch.equal(found[0], expected)


@pytest.mark.parametrize("method", ["attention-mean", "attention-value-norm"])
def test_a_readout_that_gradients_do_not_show_is_refused(method: str) -> None:
    classifier = zoo.make("bert")
    with torch.no_grad():
        classifier.model.classifier.weight.zero_()
    with pytest.raises(ModelError, match="bert's logits by its last layer is 0 or not finite"):
        heedful.explain(classifier, TEXT, method)
