"""Gradients at many points: batches bounded by tokens and by memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from heedful import inside
from heedful.errors import ModelError
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good !"


def test_many_points_run_in_batches_bounded_by_tokens_and_by_memory() -> None:
    classifier = zoo.make("bert")
    question = ask(classifier, TEXT, Choices(output="probability"))
    encoded, output = question.encoded, question.output
    own = inside.own_vectors(classifier, encoded)
    points = [own * factor for factor in np.linspace(0.5, 1.5, 10)]
    rows: list[int] = []

    def watch(_: object, args: tuple[torch.Tensor]) -> None:
        if len(args[0]) > 3:
            raise torch.OutOfMemoryError
        rows.append(len(args[0]))

    alone = [next(inside.gradients(classifier, encoded, output, [point])) for point in points]
    classifier.model.bert.encoder.register_forward_pre_hook(watch)
    for budget, expected in ((1, [1] * 10), (2 * len(encoded) + 1, [2] * 5), (8 * len(encoded), [2] * 5)):
        rows.clear()
        found = list(inside.gradients(classifier, encoded, output, iter(points), batch_tokens=budget))
        assert rows == expected  # the last: 8 are halved to 4 and to 2, the other 2 fit
        for (value, gradient), (own_value, own_gradient) in zip(found, alone, strict=True):
            assert value == pytest.approx(own_value, rel=1e-12)
            assert np.abs(gradient - own_gradient).max() < 1e-12 * np.abs(own_gradient).max()


def test_a_single_point_that_exceeds_the_memory_is_an_error() -> None:
    classifier = zoo.make("bert")
    question = ask(classifier, TEXT, Choices())

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    classifier.model.bert.encoder.register_forward_pre_hook(full)
    point = np.zeros((len(question.encoded), 16))
    with pytest.raises(torch.OutOfMemoryError):
        list(inside.gradients(classifier, question.encoded, question.output, [point, point]))


def test_a_readout_in_float16_is_refused_with_its_reason() -> None:
    classifier = zoo.make("bert")
    classifier.model.half()
    message = "bert is in float16; which positions the logits read is found by a gradient.*: load it in bfloat16 or"
    with pytest.raises(ModelError, match=message):
        inside.attention(classifier, classifier.encode(TEXT))


@pytest.mark.parametrize("name", ["bert", "llama", "gpt2", "paper"])
def test_a_configuration_that_wants_tuples_changes_nothing(name: str) -> None:
    classifier = zoo.make(name)
    encoded = classifier.encode(TEXT)

    def everything() -> list[np.ndarray]:
        return [
            classifier.logits_of(encoded),
            inside.attention(classifier, encoded),
            inside.gradient(classifier, encoded, np.array([0.5, -1.0, 0.25])),
            inside.own_vectors(classifier, encoded),
        ]

    expected = everything()
    classifier.model.config.return_dict = False
    for found, own in zip(everything(), expected, strict=True):
        np.testing.assert_array_equal(found, own)
    assert classifier.model.config.return_dict is False
