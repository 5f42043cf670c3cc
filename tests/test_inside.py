"""Gradients at many points: batches bounded by tokens and by memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from heedful import inside
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
