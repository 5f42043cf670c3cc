"""Agreement where large scores count most: by hand, against scipy, and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.metrics import jensen_shannon, weighted_kendall

VALUES = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0])
PAIRS = st.integers(1, 8).flatmap(lambda n: st.tuples(*[st.lists(VALUES, min_size=n, max_size=n)] * 2))


def array(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("a", "b", "tau"),
    [
        ([3, 2, 1], [3, 2, 1], 1.0),
        ([3, 2, 1], [1, 2, 3], -1.0),
        ([3, 2, 1], [3, 1, 2], 6 / 11),  # weights 1, 1/2, 1/3: pairs 3/2 + 4/3 - 5/6 of 3/2 + 4/3 + 5/6
        ([3, 2, 1], [2, 3, 1], 2 / 11),  # the first two are out of order: -3/2 + 4/3 + 5/6, of 11/3
        ([-3, 2, 1], [-1, 2, 3], 4 / 11),  # weights by size, 6/11 under those of a and 2/11 under those of b
        (
            [1, 1, 0],
            [1, 0, 0],
            (13 / math.sqrt(26 * 31) + 17 / math.sqrt(27 * 34)) / 2,
        ),
        ([1, 1], [1, 2], math.nan),
        ([1], [1], math.nan),
        ([], [], math.nan),
        ([1, math.nan], [1, 2], math.nan),
    ],
)
def test_weighted_kendall_by_hand(a: list[float], b: list[float], tau: float) -> None:
    assert weighted_kendall(array(a), array(b)) == pytest.approx(tau, abs=1e-14, nan_ok=True)


def test_weighted_kendall_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for n in (2, 3, 10, 200):
        a, b = rng.random((2, n))
        assert weighted_kendall(a, b) == pytest.approx(stats.weightedtau(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "bits"),
    [
        ([1, 2], [-2, 4], 0.0),  # shares of sizes
        ([1, 0], [0, 5], 1.0),
        ([1, 0, 0], [1, 1, 0], (math.log2(4 / 3) + math.log2(2 / 3) / 2 + 1 / 2) / 2),
        ([0, 0], [1, 1], math.nan),
        ([1, math.inf], [1, 1], math.nan),
        ([1, math.nan], [1, 1], math.nan),
        ([], [], math.nan),
        ([1e308, 1e308], [1e-300, 1e-300], 0.0),
    ],
)
def test_jensen_shannon_by_hand(a: list[float], b: list[float], bits: float) -> None:
    assert jensen_shannon(array(a), array(b)) == pytest.approx(bits, abs=1e-15, nan_ok=True)


def test_jensen_shannon_is_that_of_scipy() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    a, b = np.random.default_rng(0).normal(size=(2, 50))
    expected = distance.jensenshannon(np.abs(a), np.abs(b), base=2) ** 2
    assert jensen_shannon(a, b) == pytest.approx(expected, abs=1e-12)


@given(PAIRS, st.randoms(use_true_random=False), st.sampled_from([1e-9, 3.0, 1e100]))
def test_laws(pair: tuple[list[float], list[float]], dice: object, factor: float) -> None:
    a, b = map(array, pair)
    order = dice.sample(range(len(a)), len(a))
    for measure, low, itself in ((weighted_kendall, -1, 1), (jensen_shannon, 0, 0)):
        value = measure(a, b)
        assert math.isnan(value) or low <= value <= 1
        for same in (measure(b, a), measure(a[order], b[order]), measure(a * factor, b)):
            assert same == pytest.approx(value, abs=1e-12, nan_ok=True)
        assert measure(a, a) == pytest.approx(itself, abs=1e-12) or math.isnan(measure(a, a))
    assert weighted_kendall(-a, b) == pytest.approx(-weighted_kendall(a, b), abs=1e-12, nan_ok=True)
