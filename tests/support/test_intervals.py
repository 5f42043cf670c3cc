"""Estimates and their intervals: by hand, by enumeration, and laws."""

from __future__ import annotations

import importlib.util
import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from heedful.errors import MissingExtraError
from heedful.support import intervals
from heedful.support.intervals import Estimate, columns, mean, of_few, proportion, quantile, share

Z = 1.959963984540054  # of the normal distribution, 97.5 %
NUMBERS = st.lists(st.floats(-100, 100), min_size=2, max_size=25)


def wilson(k: int, n: int) -> tuple[float, float]:
    middle, half = k + Z**2 / 2, Z * math.sqrt(k * (n - k) / n + Z**2 / 4)
    return (middle - half) / (n + Z**2), (middle + half) / (n + Z**2)


@pytest.mark.parametrize(("k", "n"), [(193, 200), (0, 10), (10, 10), (1, 2), (6225, 25_000)])
def test_shares_of_texts_have_wilsons_interval(k: int, n: int) -> None:
    for found in (proportion(k, n), share(np.arange(n) < k), share((np.arange(n) < k).astype(float))):
        assert (found.value, found.n) == (k / n, n)
        assert (found.low, found.high) == pytest.approx(wilson(k, n), abs=1e-12)


def test_a_share_of_fractions_is_a_mean() -> None:
    values = np.array([0.0, 0.4, 1.0, 0.6, 0.8])
    assert share(values) == mean(values)


def test_the_bootstrap_is_that_of_all_resamples_of_few_numbers() -> None:
    """By the definition of BCa, from all 5^5 resamples; without its corrections both ends would lie lower."""
    values = np.array([0.0, 1.0, 4.0, 9.0, 30.0])
    means = np.array([np.mean(drawn) for drawn in itertools.product(values, repeat=len(values))])
    z = norm.ppf((np.mean(means < values.mean()) + np.mean(means <= values.mean())) / 2)
    jump = values - values.mean()  # the mean, minus that without one number, up to a factor
    a = (jump**3).sum() / (6 * (jump**2).sum() ** 1.5)
    found = mean(values)
    for end, q, plain in ((found.low, -Z, 0.025), (found.high, Z, 0.975)):
        at = norm.cdf(z + (z + q) / (1 - a * (z + q)))
        error = 4 * math.sqrt(at * (1 - at) / intervals.RESAMPLES)  # four standard errors of the share of resamples
        below, above = np.quantile(means, [at - error, min(at + error, 1.0)], method="inverted_cdf")
        assert np.quantile(means, plain) < below <= end <= above


def test_many_numbers_have_students_t_and_few_nearly_the_same() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, intervals.FEW + 1)
    many, few = mean(values), mean(values[:-1])
    half = Z * values.std(ddof=1) / math.sqrt(len(values))
    assert (many.low, many.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-3 * half)  # t, z
    # 5,000 resamples know an end to about a twenty-fifth of a standard error: within four times that
    for one, other in ((many.low, few.low), (many.high, few.high)):
        assert one == pytest.approx(other, abs=4 * half / Z / 25)


def test_the_bootstrap_covers_a_skewed_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    found = [mean(rng.exponential(1.0, 40)) for _ in range(200)]
    inside = sum(one.low <= 1.0 <= one.high for one in found)
    # BCa is a little short for 40 skewed numbers: 93 %; less than 87 % in 200 would have a chance of 1 in 1,000
    assert 174 <= inside <= 199


@pytest.mark.parametrize("at", [0.05, 0.25, 0.5, 0.9])
def test_quantiles_lie_between_the_values_that_the_binomial_distribution_says(at: float) -> None:
    n = 60
    found = quantile(np.random.default_rng(2).permutation(n).astype(float), at)
    chance = [math.comb(n, k) * at**k * (1 - at) ** (n - k) for k in range(n + 1)]
    # value number r, from 0, is above the quantile if at most r of all lie below it
    assert sum(chance[: int(found.low) + 1]) <= 0.025 + 1e-12 if not math.isnan(found.low) else chance[0] > 0.025
    assert sum(chance[int(found.high) + 1 :]) <= 0.025 + 1e-12
    assert found.value == pytest.approx(at * (n - 1))
    assert math.isnan(found.low) or found.low <= found.value <= found.high


def test_too_few_numbers_bound_no_median() -> None:
    five, six = quantile(np.arange(5.0)), quantile(np.arange(6.0))
    assert math.isnan(five.low)
    assert math.isnan(five.high)
    assert (six.low, six.high) == (0.0, 5.0)  # outside with a chance of 2 / 2^6


def test_few_runs_are_an_interval_of_students_t() -> None:
    found = of_few(np.array([0.79, 0.80, 0.84]))
    half = 4.302652729911275 * math.sqrt(0.0007) / math.sqrt(3)  # t of 2 degrees of freedom; variance by hand
    assert (found.value, found.n) == (pytest.approx(0.81), 3)
    assert (found.low, found.high) == pytest.approx((0.81 - half, 0.81 + half))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=25), st.sampled_from([0.125, 2.0, 64.0]), st.integers(-9, 9))
def test_intervals_move_and_stretch_with_the_numbers(numbers: list[int], factor: float, shift: int) -> None:
    values = np.array(numbers, dtype=float)  # whole numbers: none is rounded, so equal ones stay equal
    for estimate in (mean, quantile, of_few):
        one, other = estimate(values), estimate(factor * (values + shift))
        for name in ("value", "low", "high"):
            expected = factor * (getattr(one, name) + shift)
            assert getattr(other, name) == pytest.approx(expected, abs=1e-9 * factor, nan_ok=True)


@settings(deadline=None, max_examples=20)
@given(NUMBERS)
def test_intervals_hold_their_figure_and_lie_among_the_numbers(numbers: list[float]) -> None:
    values = np.round(np.array(numbers), 3)
    found = mean(values)
    assert math.isnan(found.low) == math.isnan(found.high) == (np.ptp(values) == 0)
    if not math.isnan(found.low):
        order = [values.min(), found.low, found.value, found.high, values.max()]
        assert np.diff(order).min() >= -1e-12 * np.ptp(values)  # put to 0..1 and back, which rounds


@pytest.mark.parametrize("estimate", [mean, share, quantile, of_few])
def test_what_is_no_number_is_left_out_and_not_counted(estimate) -> None:
    values = np.array([0.1, 0.7, 0.2, 0.3, 0.9, 0.5, 0.4])
    holes = np.insert(values, [0, 3, 7], math.nan)
    assert estimate(holes) == estimate(values) == estimate(values.copy())
    assert estimate(holes).n == 7
    nothing = estimate(np.array([math.nan]))
    assert nothing.n == 0
    assert all(math.isnan(number) for number in (nothing.value, nothing.low, nothing.high))


def test_equal_numbers_bound_no_mean() -> None:
    for estimate in (mean, of_few):
        found = estimate(np.full(9, 0.3))
        assert found.value == pytest.approx(0.3)
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_very_small_numbers_have_an_interval() -> None:
    found = mean(np.array([1.0, 2.0, 5.0]) * 1e-200)  # their third powers are 0
    assert (found.low, found.high) == pytest.approx((4e-200 / 3, 5e-200))


def test_columns_stand_side_by_side_and_increasing_functions_take_the_ends_along() -> None:
    found = columns({"bias": Estimate(0.04, 0.01, 0.09, 7).map(math.sqrt), "x": proportion(1, 2)})
    assert list(found) == [f"{name}{end}" for name in ("bias", "x") for end in ("", "_low", "_high", "_n")]
    assert [found[name] for name in ("bias", "bias_low", "bias_high", "bias_n")] == pytest.approx([0.2, 0.1, 0.3, 7])


def test_without_scipy_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    spec = importlib.util.spec_from_file_location("apart", intervals.__file__)
    with pytest.raises(MissingExtraError, match=r"scipy.*heedful\[study\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
