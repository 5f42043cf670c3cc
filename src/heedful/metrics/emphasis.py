"""Agreement of two explanations where large scores count most: weighted rank correlation, and distance of shares."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64


def weighted_kendall(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]) -> float:
    """Compute Kendall's rank correlation with pairs weighted by the places of their units (Vigna 2015).

    The unit with the k-th largest absolute score weighs 1 / k, units of equal size the mean of theirs; a pair weighs
    the sum of its two units. The correlation is computed under the places of `a`, and of `b`, and both are averaged.
    Without ties and negative scores it is `scipy.stats.weightedtau`. O(n^2) time, O(n) memory.

    Returns:
        A number in [-1, 1]; not-a-number where it is undefined, as for `kendall_tau_b`.

    Example:
        >>> round(weighted_kendall(np.array([3.0, 2.0, 1.0]), np.array([3.0, 1.0, 2.0])), 4)
        0.5455
    """
    if len(a) < 2 or np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    return (_under(_weights(a), a, b) + _under(_weights(b), a, b)) / 2


def jensen_shannon(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]) -> float:
    """Compute the Jensen-Shannon divergence, in bits, of the shares that units have in all absolute scores.

    Returns:
        A number in [0, 1]: 0 for equal shares, 1 where no unit has a share in both; not-a-number where a sum of
        absolute scores is zero or not finite.

    Example:
        >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, -3.0]))
        1.0
        >>> round(jensen_shannon(np.array([2.0, 0.0]), np.array([1.0, -1.0])), 4)
        0.3113
    """
    p, q = _shares(a), _shares(b)
    if len(a) == 0 or np.isnan(p).any() or np.isnan(q).any():
        return math.nan
    middle = (p + q) / 2
    bits = sum(float(np.sum(x[x > 0] * np.log2(x[x > 0] / middle[x > 0]))) for x in (p, q)) / 2
    return min(1.0, max(0.0, bits))


def _weights(scores: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " units"]:
    _, inverse, counts = np.unique(-np.abs(scores), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    upto = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(scores) + 1))])
    return ((upto[ends] - upto[ends - counts]) / counts)[inverse]


def _under(
    weights: Float64[np.ndarray, " units"], a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]
) -> float:
    both = untied_a = untied_b = 0.0
    for i in range(1, len(a)):
        x, y = ((scores[:i] > scores[i]) * 1.0 - (scores[:i] < scores[i]) for scores in (a, b))
        pair = weights[:i] + weights[i]
        both += float(pair @ (x * y))
        untied_a += float(pair @ np.abs(x))
        untied_b += float(pair @ np.abs(y))
    untied = math.sqrt(untied_a) * math.sqrt(untied_b)
    return min(1.0, max(-1.0, both / untied)) if untied > 0 else math.nan


def _shares(scores: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " units"]:
    size = np.abs(scores)
    largest = size.max(initial=0.0)
    if not 0 < largest < math.inf:
        return np.full(len(scores), math.nan)
    size = size / largest  # no sum overflows, and none is lost to underflow
    share: np.ndarray = size / size.sum()
    return share
