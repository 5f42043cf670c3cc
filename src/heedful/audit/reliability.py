"""Correlations with effects that are sampled: how large they could be, and how large without the noise.

Sources: Spearman, The proof and measurement of association between two things (1904), for the correction; Spearman
1910 and Brown 1910 for the reliability of the whole from that of its halves; Greiner 1909 for Kendall's tau of normal
scores, r = sin(pi tau / 2).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy import stats

from heedful.support.intervals import LEVEL, Estimate

_RESAMPLES = 2000

Taus = Float64[np.ndarray, "*n"]


def ceiling(halves: Taus) -> Taus:
    """Return the largest tau-b that scores can have with a sampled reference: that of the true effects themselves.

    Args:
        halves: tau-b of two independent halves of the reference; at or below 0 they share nothing, and so the ceiling
            is 0.

    Example:
        >>> ceiling(np.array([1.0, 0.5, 0.0, -0.1])).round(3).tolist()
        [1.0, 0.728, 0.0, 0.0]
    """
    r = np.maximum(np.sin(np.pi / 2 * halves), 0.0)
    return _tau(np.sqrt(2 * r / (1 + r)))


def corrected(tau: Taus, halves: Taus) -> Taus:
    """Return tau-b with a sampled reference, corrected for its noise: what it would be with the true effects.

    Args:
        tau: tau-b of scores with the whole reference.
        halves: tau-b of its two halves.

    Returns:
        Numbers in [-1, 1]; not-a-number where the halves share nothing.

    Example:
        >>> corrected(np.array([0.4, 0.4, 0.4]), np.array([1.0, 0.5, 0.0])).round(3).tolist()
        [0.4, 0.447, nan]
    """
    most = np.sin(np.pi / 2 * ceiling(halves))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(most > 0, np.sin(np.pi / 2 * tau) / most, math.nan)
    return _tau(np.clip(r, -1.0, 1.0))


def mean_corrected(tau: Float64[np.ndarray, " texts"], halves: Float64[np.ndarray, " texts"]) -> Estimate:
    """Return the corrected mean tau-b over texts; its interval, by the BCa bootstrap, has the error of both means.

    Single texts are too short to be corrected one by one: the correction is of the means.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> result = mean_corrected(draw.normal(0.4, 0.1, 100), draw.normal(0.5, 0.1, 100))
        >>> round(result.value, 2), result.low < 0.45 < result.high
        (0.46, True)
    """
    known = ~(np.isnan(tau) | np.isnan(halves))
    pairs = tau[known], halves[known]
    if len(pairs[0]) == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)

    def statistic(tau: np.ndarray, halves: np.ndarray, axis: int = -1) -> np.ndarray:
        return corrected(np.asarray(tau.mean(axis)), np.asarray(halves.mean(axis)))

    value, n = float(statistic(*pairs)), len(pairs[0])
    if n < 2 or np.ptp(pairs[0]) + np.ptp(pairs[1]) == 0 or math.isnan(value):
        return Estimate(value, math.nan, math.nan, n)
    interval = stats.bootstrap(
        pairs, statistic, paired=True, vectorized=True, n_resamples=_RESAMPLES, batch=200, confidence_level=LEVEL,
        method="BCa", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(value, float(interval.low), float(interval.high), n)


def _tau(r: Taus | float) -> Taus:
    """Kendall's tau of normal scores with this correlation."""
    return np.asarray(2 / np.pi * np.arcsin(r))
