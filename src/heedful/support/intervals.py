"""Estimates with their 95 % intervals and the number of observations behind them.

Observations are independent of one another, one a text (or one a training run). What is not a number is left out, and
not counted. The same observations give the same interval, to the bit. An interval is not-a-number where the
observations allow none: fewer than two, or all of one value where that bounds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import MissingExtraError

try:
    from scipy import stats
except ImportError:
    raise MissingExtraError("scipy", "study", "computing the intervals of a study") from None

LEVEL = 0.95
FEW = 2000  # up to so many observations the bootstrap; beyond, its corrections are far smaller than a shown digit
RESAMPLES = 5000
_TOGETHER = 500  # resamples in memory at once

Values = Float64[np.ndarray, " n"] | Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval, and the number of observations.

    Attributes:
        value: the figure.
        low, high: ends of the interval.
        n: observations that were numbers.
    """

    value: float
    low: float
    high: float
    n: int

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Return the estimate of an increasing function of the figure.

        Example:
            >>> Estimate(4.0, 1.0, 9.0, 20).map(math.sqrt)
            Estimate(value=2.0, low=1.0, high=3.0, n=20)
        """
        return Estimate(function(self.value), function(self.low), function(self.high), self.n)


def columns(estimates: Mapping[str, Estimate]) -> dict[str, float | int]:
    """Return a table's columns for named estimates: NAME, NAME_low, NAME_high and NAME_n.

    Example:
        >>> columns({"tau": Estimate(0.5, 0.4, 0.6, 20)})
        {'tau': 0.5, 'tau_low': 0.4, 'tau_high': 0.6, 'tau_n': 20}
    """
    return {
        f"{name}{ending}": value
        for name, one in estimates.items()
        for ending, value in (("", one.value), ("_low", one.low), ("_high", one.high), ("_n", one.n))
    }


def mean(values: Values) -> Estimate:
    """Return the mean, by the BCa bootstrap up to `FEW` observations and by Student's t beyond.

    Source: Efron, Better bootstrap confidence intervals, JASA 1987; as in `scipy.stats.bootstrap`.

    Example:
        >>> mean(np.array([1.0, np.nan, 3.0])).value
        2.0
    """
    known = _known(values)
    if len(known) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    centre = float(known.mean())
    if np.ptp(known) == 0:
        return Estimate(centre, math.nan, math.nan, len(known))
    low, high = _bca(known) if len(known) <= FEW else _student(known)
    return Estimate(centre, low, high, len(known))


def share(values: Values) -> Estimate:
    """Return the mean of numbers within 0..1: by Wilson's interval where all of them are 0 or 1, else as `mean`.

    Source: Wilson, Probable inference, JASA 1927.

    Example:
        >>> result = share(np.array([True] * 193 + [False] * 7))
        >>> result.value, round(result.low, 3), round(result.high, 3), result.n
        (0.965, 0.93, 0.983, 200)
    """
    known = _known(values)
    if len(known) == 0 or not np.isin(known, (0.0, 1.0)).all():
        return mean(known)
    return proportion(int(known.sum()), len(known))


def proportion(successes: int, n: int) -> Estimate:
    """Return the share of successes among n, with Wilson's interval.

    Example:
        >>> result = proportion(0, 10)
        >>> result.low, round(result.high, 3)
        (0.0, 0.278)
    """
    interval = stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def quantile(values: Values, at: float = 0.5) -> Estimate:
    """Return the median, or another quantile: its interval lies between two of the sorted observations.

    Whatever the distribution, it covers the quantile with at least 95 %: Conover, Practical Nonparametric Statistics
    (1999), section 3.2. An end is not-a-number where the observations are too few for it.

    Example:
        >>> quantile(np.arange(10.0))
        Estimate(value=4.5, low=1.0, high=8.0, n=10)
    """
    known = _known(values)
    if len(known) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    interval = stats.quantile_test(known, q=float(known[0]), p=at).confidence_interval(LEVEL)
    return Estimate(float(np.quantile(known, at)), float(interval.low), float(interval.high), len(known))


def of_few(values: Values) -> Estimate:
    """Return the mean by Student's t however few there are, as training runs are: too few to be drawn from.

    Example:
        >>> result = of_few(np.array([0.80, 0.81, 0.82]))
        >>> round(result.value, 3), round(result.low, 3), round(result.high, 3), result.n
        (0.81, 0.785, 0.835, 3)
    """
    known = _known(values)
    centre = float(known.mean()) if len(known) else math.nan
    if len(known) < 2 or np.ptp(known) == 0:
        return Estimate(centre, math.nan, math.nan, len(known))
    return Estimate(centre, *_student(known), len(known))


def _known(values: Values) -> Float64[np.ndarray, " known"]:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[~np.isnan(numbers)]


def _student(known: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = stats.t.interval(LEVEL, len(known) - 1, loc=known.mean(), scale=stats.sem(known))
    return float(low), float(high)


def _bca(known: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    start, size = float(known.min()), float(np.ptp(known))  # put to 0..1: third powers of small numbers would vanish
    interval = stats.bootstrap(
        ((known - start) / size,), np.mean, n_resamples=RESAMPLES, batch=_TOGETHER, confidence_level=LEVEL,
        method="BCa", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return start + size * float(interval.low), start + size * float(interval.high)
