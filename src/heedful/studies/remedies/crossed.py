"""Means over seeds and texts at once, with intervals that hold for other seeds and other texts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import stats

from heedful.support.intervals import LEVEL, Estimate

Grid = Float64[np.ndarray, "seeds texts"]


@dataclass(frozen=True)
class Crossed:
    """A mean over seeds and texts.

    Attributes:
        estimate: with its interval; n counts texts.
        p: of the two-sided test that the mean is 0; not-a-number where there is no interval.
    """

    estimate: Estimate
    p: float


def crossed(grid: Grid, degree: int = 1) -> Crossed:
    """Return the mean of a grid, a row a training and a column a text, all trainings on the same texts.

    Both are drawn: another study would have other seeds and other texts. The variance of the mean is that of the seeds'
    means by their number plus that of the texts' means by theirs, each with its own degrees of freedom, put together
    after Welch and Satterthwaite; the quantile is Student's. What belongs to a seed and a text together is counted
    twice, so that intervals are a little too wide. With few seeds that differ they are wide: that is
    what few seeds say.

    Args:
        grid: not-a-number where a text says nothing.
        degree: 1; or 2 where a seed's row compares it with each of the others, as stability does: of such a mean over
            pairs, the variance by seeds is four times as large (Hoeffding 1948), times ((n - 1) / (n - 2))^2 as in the
            jackknife (Arvesen 1969).

    Source:
        Satterthwaite, An approximate distribution of estimates of variance components, 1946; two crossed samples: Owen,
        The pigeonhole bootstrap, 2007.

    Example:
        >>> one = crossed(np.array([[0.1, 0.3, 0.2], [0.3, 0.5, 0.4]]))
        >>> round(one.estimate.value, 3), round(one.estimate.low, 3), one.estimate.n
        (0.3, -0.298, 3)
    """
    known = grid[:, ~np.isnan(grid).all(0)]
    known = known[~np.isnan(known).all(1)]
    if not known.size:
        return Crossed(Estimate(math.nan, math.nan, math.nan, 0), math.nan)
    by_seed, by_text = np.nanmean(known, 1), np.nanmean(known, 0)
    centre, n = float(by_seed.mean()), known.shape[1]
    if len(by_seed) <= degree or n < 2:
        return Crossed(Estimate(centre, math.nan, math.nan, n), math.nan)
    factor = 1.0 if degree == 1 else 4.0 * ((len(by_seed) - 1) / (len(by_seed) - 2)) ** 2
    seeds, texts = factor * float(by_seed.var(ddof=1)) / len(by_seed), float(by_text.var(ddof=1)) / n
    variance = seeds + texts
    if variance <= 1e-24:
        return Crossed(Estimate(centre, math.nan, math.nan, n), math.nan)
    freedom = variance**2 / (seeds**2 / (len(by_seed) - 1) + texts**2 / (n - 1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(variance)
    p = 2 * float(stats.t.sf(abs(centre) / math.sqrt(variance), freedom))
    return Crossed(Estimate(centre, centre - half, centre + half, n), p)
