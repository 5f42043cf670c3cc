"""Products with masks: dense matrices are the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.games.sampled.lime.products import second_moments, shared, times, transposed_times


def problem(seed: int, n: int, d: int):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)) < rng.random((n, 1)), rng.normal(size=n), rng.normal(size=d)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 30))
def test_equal_those_with_a_dense_matrix(seed: int, n: int, d: int) -> None:
    masks, values, coefficients = problem(seed, n, d)
    x = masks.astype(float)
    assert times(masks, coefficients) == pytest.approx(x @ coefficients, rel=1e-12, abs=1e-12)
    assert transposed_times(masks, values) == pytest.approx(values @ x, rel=1e-12, abs=1e-12)
    assert second_moments(masks, values) == pytest.approx((x.T * values) @ x, rel=1e-12, abs=1e-12)


def test_rows_that_keep_all_or_nothing() -> None:
    masks = np.array([[True] * 5, [False] * 5, [True] * 5])
    assert np.array_equal(second_moments(masks, np.array([1.0, 2.0, 4.0])), np.full((5, 5), 5.0))


@pytest.mark.parametrize("n", [63, 64, 65, 128, 500])
def test_rows_of_equal_weight(n: int) -> None:
    masks, _, _ = problem(1, n, 9)
    x, weights = masks.astype(float), np.where(np.arange(n) % 3, 2.0, -0.5)
    assert np.array_equal(second_moments(masks, weights), (x.T * weights) @ x)  # halves: exact in any order


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 20))
def test_shared_weights_are_means_of_neighbours(numbers: list[float], n_groups: int) -> None:
    weights = np.array(numbers)
    found = shared(weights, n_groups)
    for value in np.unique(found):
        group = weights[found == value]
        assert value == pytest.approx(group.mean(), rel=1e-12, abs=1e-300)
        others = weights[found != value]
        assert not ((others > group.min()) & (others < group.max())).any()
        assert len(np.unique(group)) == 1 or group.sum() <= weights.sum() * (2 / n_groups) * (1 + 1e-12)


def test_rows_of_long_texts() -> None:
    masks, values, _ = problem(2, 600, 520)  # every weight once: rows are multiplied
    moments, x = second_moments(masks, values), masks.astype(float)
    assert np.abs(moments - (x.T * values) @ x).max() < 1e-11
    assert np.array_equal(moments, moments.T)


@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_the_number_of_threads_changes_no_bit(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    masks, values, _ = problem(0, 3001, d)
    found = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
        found.append(second_moments(masks, values))
    assert found[0] == pytest.approx((masks.T * values) @ masks, rel=1e-12, abs=1e-10)
    assert all(np.array_equal(found[0], other) for other in found)
