"""Effects that are sampled: how far two halves of the budget agree, and the order of words corrected for their noise.

Noise hides order: true effects themselves order noisy ones only so well, their ceiling. Spearman 1904: a correlation
with a noisy reference is that with the true one times the root of the reference's reliability; Spearman 1910 and Brown
1910: if r is the correlation of two halves, the whole has reliability 2 r / (1 + r). Here the correlation is that of
pairs, 1 if all are ordered alike and -1 if none is: twice the share of pairs ordered alike, less 1.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy import stats

from heedful.support.intervals import LEVEL, Estimate

_RESAMPLES = 2000

Values = Float64[np.ndarray, " texts"]


def ceiling(halves: float) -> float:
    """Return the share of pairs that the true effects order as the sampled ones: no scores can do better.

    Args:
        halves: share of pairs that one half orders as the other; at or below 0.5 they share nothing.

    Example:
        >>> [round(ceiling(halves), 3) for halves in (1.0, 0.9, 0.5)]
        [1.0, 0.971, 0.5]
    """
    return float((1 + _ceiling(np.array([halves]))[0]) / 2)


def corrected(ordered: Values, halves: Values) -> Values:
    """Return the share of pairs that scores order as the true effects do, from that with sampled effects.

    Args:
        ordered: share of pairs that the scores order as the sampled effects do.
        halves: share of pairs that one half of the sampled effects orders as the other.

    Returns:
        Numbers in 0..1; not-a-number where the halves share nothing.

    Example:
        >>> corrected(np.array([0.8, 0.8, 0.8]), np.array([1.0, 0.9, 0.5])).round(3).tolist()
        [0.8, 0.818, nan]
    """
    return np.clip(_stretched(ordered, halves), 0.0, 1.0)


def mean_corrected(ordered: Values, halves: Values) -> Estimate:
    """Return the corrected mean over texts; its interval, by the BCa bootstrap, has the error of both means.

    Single texts are too short to be corrected one by one: the correction is of the means.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> result = mean_corrected(draw.normal(0.7, 0.1, 100), draw.normal(0.9, 0.02, 100))
        >>> result.low < 0.5 + 0.2 / math.sqrt(1.6 / 1.8) < result.high
        True
    """
    known = ~(np.isnan(ordered) | np.isnan(halves))
    order = np.lexsort((halves[known], ordered[known]))  # the bootstrap draws by place: texts in any order, same bits
    pairs = ordered[known][order], halves[known][order]
    n = len(order)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)

    def statistic(ordered: np.ndarray, halves: np.ndarray, axis: int = -1) -> np.ndarray:
        means = (np.atleast_1d(values.mean(axis)) for values in (ordered, halves))
        return np.squeeze(_stretched(*means))  # cut off only at the end: else the bootstrap can see one value only

    value = float(statistic(*pairs))
    if n == 1 or np.ptp(pairs[0]) + np.ptp(pairs[1]) == 0 or math.isnan(value):
        return Estimate(_cut(value), math.nan, math.nan, n)
    interval = stats.bootstrap(
        pairs, statistic, paired=True, vectorized=True,
        n_resamples=_RESAMPLES, batch=200, confidence_level=LEVEL, method="BCa", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(_cut(value), _cut(interval.low), _cut(interval.high), n)


def _stretched(ordered: Values, halves: Values) -> Values:
    """As `corrected`, but not cut off at 0 and 1."""
    most = _ceiling(halves)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (1 + np.where(most > 0, (2 * ordered - 1) / most, math.nan)) / 2


def _ceiling(halves: Values) -> Values:
    """The correlation of pairs of the true effects with the sampled ones."""
    r = np.maximum(2 * halves - 1, 0.0)
    return np.sqrt(2 * r / (1 + r))


def _cut(share: float) -> float:
    return float(np.clip(share, 0.0, 1.0))
