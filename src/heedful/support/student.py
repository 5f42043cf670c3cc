"""Intervals by Student's t, without scipy, which a light install lacks."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from jaxtyping import Float64

_PRIOR = 4  # degrees of freedom that the mean square error over units counts for
_MANY = 200  # degrees of freedom from which on the series in their inverse is exact to 1e-9


def half_widths(
    std_error: Float64[np.ndarray, " units"], degrees_of_freedom: float | int
) -> Float64[np.ndarray, " units"]:
    """Return half widths of 95 % intervals for estimates from one sample; see `Explanation.margin_of_error`.

    Example:
        >>> half_widths(np.array([0.0, 1.0]), 4).round(3), half_widths(np.array([0.0, 1.0]), np.inf).round(3)
        (array([1.388, 2.404]), array([0.  , 1.96]))
    """
    known = std_error[np.isfinite(std_error)]
    if not (degrees_of_freedom >= 1 and len(known)):
        return np.full_like(std_error, np.nan)
    largest = float(known.max()) or 1.0  # squares of others would vanish or overflow
    share = _PRIOR / (degrees_of_freedom + _PRIOR)
    squares = (1.0 - share) * (std_error / largest) ** 2 + share * float(np.mean((known / largest) ** 2))
    return quantile(degrees_of_freedom) * largest * np.sqrt(squares)


@cache
def quantile(degrees_of_freedom: float | int) -> float:
    """Return the 97.5 % quantile: a 95 % interval is an estimate plus or minus so many standard errors.

    Args:
        degrees_of_freedom: 1 or more; of a fraction the whole part counts. Infinity gives the normal distribution's.
            Fewer than 1 give not-a-number.

    Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4 for the probability, 26.7.5 for the series.

    Example:
        >>> [round(quantile(n), 4) for n in (1, 2, 9, 30, 1000, math.inf)]
        [12.7062, 4.3027, 2.2622, 2.0423, 1.9623, 1.96]
    """
    if not degrees_of_freedom >= 1:
        return math.nan
    if degrees_of_freedom >= _MANY:
        return _series(1.0 / degrees_of_freedom)
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _within(middle, int(degrees_of_freedom)) < 0.95 else (low, middle)
    return math.sqrt(int(degrees_of_freedom)) * math.tan(low)


def _within(angle: float, n: int) -> float:
    """Probability that t of n degrees of freedom is no farther from 0 than sqrt(n) tan(angle)."""
    odd = n % 2
    term = math.cos(angle) if odd else 1.0
    total = term if n > 1 else 0.0
    for k in range(2 + odd, n - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    part = math.sin(angle) * total
    return 2.0 / math.pi * (angle + part) if odd else part


def _series(share: float) -> float:
    z = 1.959963984540054
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term * share**power for power, term in enumerate(terms))
