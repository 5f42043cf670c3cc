"""Student's t without scipy: scipy is the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from heedful.support.student import half_widths, quantile


@pytest.mark.parametrize("n", [*range(1, 40), 99, 100, 198, 199, 200, 201, 1000, 10**6, 10**12])
def test_equals_scipy(n: int) -> None:
    assert quantile(float(n)) == pytest.approx(stats.t.ppf(0.975, n), rel=1e-9)


def test_ends() -> None:
    assert quantile(math.inf) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)
    assert quantile(2.9) == quantile(2.0)
    assert all(math.isnan(quantile(n)) for n in (0.0, 0.9, -1.0, math.nan))


def test_half_widths_of_many_draws_are_those_of_each_and_of_few_are_moved_towards_the_mean_square() -> None:
    errors = np.array([0.0, 3.0])
    assert half_widths(errors, math.inf) == pytest.approx(1.959964 * errors, rel=1e-6)
    assert half_widths(errors, 4.0) == pytest.approx(2.776445 * np.sqrt([2.25, 6.75]), rel=1e-6)


def test_half_widths_of_unknown_and_of_extreme_errors() -> None:
    assert np.isnan(half_widths(np.array([1.0, 2.0]), 0.0)).all()
    assert np.isnan(half_widths(np.array([1.0, 2.0]), -4.0)).all()
    assert np.isnan(half_widths(np.array([np.nan, np.nan]), 9.0)).all()
    some = half_widths(np.array([1.0, np.nan]), 9.0)
    assert np.isnan(some[1])
    assert some[0] == pytest.approx(2.262157, rel=1e-6)
    assert len(half_widths(np.zeros(0), 9.0)) == 0
    assert half_widths(np.array([1e300, 0.0]), 9.0)[0] < np.inf
    assert half_widths(np.array([1e-300, 0.0]), 9.0)[0] > 0
