"""Soft comprehensiveness and sufficiency: the draw by its law, the metrics by hand."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful import metrics
from heedful.metrics.soft import drawn
from judged import Posed, additive, pose, probable, scored


def judged(spec: str, question: Posed, scores: list[float], *, signed: bool = True) -> float:
    return metrics.get(spec).measure(question, scored(scores, signed=signed))


def chance_of(chosen: set[int], weights: list[float]) -> float:
    """Of a set of units under successive sampling: over all orders in which it can be drawn."""
    total = 0.0
    for order in permutations(chosen):
        left, chance = list(weights), 1.0
        for unit in order:
            chance *= left[unit] / sum(left)
            left[unit] = 0.0
        total += chance
    return total


@pytest.mark.parametrize("k", [1, 2, 3])
def test_sets_are_drawn_as_often_as_successive_sampling_says(k: int) -> None:
    n, weights = 20_000, [4.0, 2.0, 1.0, 1.0]
    masks = drawn(np.array(weights), k, n, seed=0)
    assert (masks.sum(1) == k).all()
    for some in combinations(range(4), k):
        expected = chance_of(set(some), weights)
        share = (masks == np.isin(range(4), some)).all(1).mean()
        assert abs(share - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)  # standard errors of a share


def test_what_scores_nothing_comes_last_at_equal_chances() -> None:
    masks = drawn(np.array([0.0, 2.0, -5.0, 1.0, -1.0]), 3, 6000, seed=1)
    assert masks[:, [1, 3]].all()
    assert masks[:, [0, 2, 4]].mean(0) == pytest.approx([1 / 3] * 3, abs=4.5 * math.sqrt(2 / 9 / 6000))
    equal = drawn(np.zeros(4), 1, 6000, seed=1).mean(0)
    assert equal == pytest.approx([1 / 4] * 4, abs=4.5 * math.sqrt(3 / 16 / 6000))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6),
    st.integers(0, 6),
    st.sampled_from([1e-200, 3.0]),
)
def test_every_draw_has_as_many_units(scores: list[float], k: int, factor: float) -> None:
    given, k = np.array(scores), min(k, len(scores))
    masks = drawn(given, k, 7, seed=5)
    assert masks.sum(1).tolist() == [k] * 7
    if np.abs(given).max() < 1e290 and (np.abs(given[given != 0]) > 1e-90).all():
        np.testing.assert_array_equal(masks, drawn(given * factor, k, 7, seed=5))  # the scale plays no part


def test_by_hand() -> None:
    """With a peak, the hard metrics; a unit alone in proportion to its score; equal scores at chance."""
    shares = [0.4, 0.2, 0.1, 0.05]
    question = probable(shares, 0.1)
    peaked = [1.0, 1e-300, 1e-310, 0.0]
    assert judged("soft-comprehensiveness", question, peaked) == pytest.approx(0.4)
    assert judged("soft-sufficiency", question, peaked) == pytest.approx(0.35)
    assert judged("soft-suff:share=0.5", question, [1.0, 1e-200, 0.0, 0.0]) == pytest.approx(0.15)
    one, se = "soft-comp:share=0.25,n_samples=4000", 0.15 / math.sqrt(4000)  # the falls' deviation is below 0.15
    expected = 0.75 * 0.4 + 0.25 * 0.1
    assert judged(one, question, [3.0, 0.0, 1.0, -9.0]) == pytest.approx(expected, abs=4.5 * se)
    assert judged(one, question, [3.0, 0.0, 1.0, 0.0], signed=False) == pytest.approx(expected, abs=4.5 * se)
    assert judged(one, question, [1.0] * 4) == pytest.approx(np.mean(shares), abs=4.5 * se)


def test_nothing_and_everything() -> None:
    question = additive([1.0, -0.5, 2.0])
    scores = [0.3, 0.2, 0.1]
    everything = judged("soft-comprehensiveness:share=1", question, scores)
    assert everything == judged("soft-sufficiency:share=0", question, scores)
    assert everything == pytest.approx(judged("comprehensiveness:share=1", question, scores), abs=1e-14)  # a mean
    assert judged("soft-comprehensiveness:share=0", question, scores) == 0.0
    assert judged("soft-sufficiency:share=1", question, scores) == 0.0


def test_flat_scores_keep_no_more_words_than_peaked_ones() -> None:
    """As they do in the paper's own form: here the number of words is that of the draw, whatever the scores."""
    kept: list[np.ndarray] = []

    def log_odds(masks: np.ndarray) -> np.ndarray:
        kept.append(masks.sum(1))
        return masks.sum(1) * 1.0

    question = pose(10, log_odds)
    for scores in ([1.0] * 10, [100.0, *[1.0] * 9], [-1.0] * 10):
        judged("soft-sufficiency:share=0.3", question, scores)
        assert kept[-1].tolist() == [10] + [3] * 50
        judged("soft-comprehensiveness:share=0.3", question, scores)
        assert kept[-1].tolist() == [10] + [7] * 50


@pytest.mark.parametrize("spec", ["soft-comprehensiveness", "soft-sufficiency"])
def test_signs_seeds_and_what_is_undefined(spec: str) -> None:
    question = additive([2.0, -1.0, 0.5, -0.25], start=1.0)
    assert math.isnan(judged(spec, question, [1.0, math.nan, 0.0, 0.0]))
    assert math.isnan(judged(spec, question, [1.0, math.inf, 0.0, 0.0]))
    against = [0.0, 1.0, 0.0, 0.5]  # takes the words against first: the output rises without them
    sign = 1 if spec == "soft-sufficiency" else -1
    assert sign * judged(spec, question, against) > 0
    values = [judged(spec, additive([2.0, -1.0, 0.5, -0.25], seed=seed), [1.0] * 4) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
