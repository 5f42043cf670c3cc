"""Weights of coalition sizes, and their representation as mixtures of binomials.

Shapley values, every other semivalue and LIME weigh a coalition by its size alone. With units kept independently of
each other with probability p, sizes are binomial; so a mixture of a few binomials that reproduces the wanted size
weights turns the sum over all coalitions into a few product expectations. What the mixture misses is the certificate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from heedful.errors import PrecisionError, SettingError
from heedful.games.exact import compiled
from heedful.games.exact.checks import check_number
from heedful.games.exact.prepared import EPS
from heedful.games.ratio import Array, Number
from heedful.games.terms import floats

Vector = Float64[np.ndarray, " sizes"]
Density = Callable[[Float64[np.ndarray, " n"]], Float64[np.ndarray, " n"]]
_PANEL = 24  # Gauss-Legendre nodes a panel of [0, 1]
_PANELS = 4000
_NARROWEST = 2.0**-64


@dataclass(frozen=True)
class Beta:
    """Beta density on [0, 1]: proportional to p^(a-1) (1-p)^(b-1), p being the chance that another unit is kept.

    `Beta(1, 1)` gives Shapley values; Beta Shapley with parameters (alpha, beta) in the sense of Kwon and Zou
    (AISTATS 2022) is `Beta(beta, alpha)`.

    Raises:
        SettingError: `a` or `b` is not positive and finite.

    Example:
        >>> Beta(1, 1).sizes(3)
        array([0.25, 0.25, 0.25, 0.25])
    """

    a: Number
    b: Number

    def __post_init__(self) -> None:
        check_number("a", self.a)
        check_number("b", self.b)
        if not (0 < self.a < math.inf and 0 < self.b < math.inf):
            raise SettingError(f"Beta needs two positive numbers, got a={self.a}, b={self.b}")

    def sizes(self, n: int) -> Vector:
        """Return beta-binomial probabilities of 0..n kept units out of n, by ratios from the likeliest size on."""
        k = np.arange(n)
        ratio = (n - k) / (k + 1) * (k + self.a) / (n - k - 1 + self.b)
        mode = int(np.argmax(np.append(0.0, np.cumsum(np.log(ratio)))))
        weights = np.ones(n + 1)
        weights[mode + 1 :] = np.cumprod(ratio[mode:])
        weights[:mode] = np.cumprod(1.0 / ratio[:mode][::-1])[::-1]
        return weights / weights.sum()


@dataclass(frozen=True, eq=False)
class Mixture:
    """Size weights, one column or several, as combinations of the same binomials and of the two extreme sizes.

    Attributes:
        p: chances of being kept, ascending, strictly between 0 and 1.
        weight: weight of each, (nodes, columns); negative ones may occur.
        ends: weights of the sizes zero and n on top, (2, columns).
        missed: sum over sizes of the absolute difference between the wanted weights and these, one a column.
    """

    p: Float64[np.ndarray, " nodes"]
    weight: Float64[np.ndarray, "nodes columns"]
    ends: Float64[np.ndarray, "two columns"]
    missed: Float64[np.ndarray, " columns"]

    @property
    def total(self) -> Float64[np.ndarray, " columns"]:
        """Sum of absolute weights: what one unit of error in every product expectation becomes."""
        total: Float64[np.ndarray, " columns"] = np.abs(self.weight).sum(0) + np.abs(self.ends).sum(0)
        return total


def density_sizes(density: Density, n: int, target: float = 1e-13) -> tuple[Vector, float]:
    """Size weights of a density on [0, 1], and a bound on their summed error by halving panels until they agree.

    Raises:
        SettingError: the density is negative or not finite somewhere, or does not integrate to 1.
        PrecisionError: it is too rough for `target`: a pole, or noise.
    """
    panels = [(0.0, 1.0, _panel(density, n, 0.0, 1.0))]
    sizes, error, tried = np.zeros(n + 1), 0.0, 0
    while panels:
        low, high, whole = panels.pop()
        middle, tried = 0.5 * (low + high), tried + 1
        left, right = _panel(density, n, low, middle), _panel(density, n, middle, high)
        change = float(np.abs(left + right - whole).sum())
        if change <= target * max(high - low, 1e-3):
            sizes, error = sizes + left + right, error + change
        elif tried < _PANELS and high - low > _NARROWEST:
            panels += [(low, middle, left), (middle, high, right)]
        else:
            raise PrecisionError("the density is too rough to integrate: give Beta(a, b), or a smoother one")
    if abs(sizes.sum() - 1.0) > 1e-6:
        raise SettingError(f"a density on [0, 1] must integrate to 1, this one gives {sizes.sum():.6g}")
    return sizes, error + abs(float(sizes.sum()) - 1.0)  # what no panel has seen is missing there


def _panel(density: Density, n: int, low: float, high: float) -> Vector:
    x, weight = np.polynomial.legendre.leggauss(_PANEL)
    p = 0.5 * (low + high) + 0.5 * (high - low) * x
    value = floats("what a density returns", density(p))
    if value.shape not in ((), p.shape):
        raise SettingError(f"a density must return one value for each of {p.size} chances, got {value.shape}")
    if not (np.isfinite(value).all() and (value >= 0).all()):
        raise SettingError("a density must be finite and non-negative between 0 and 1")
    sizes: Vector = compiled.binomial(n, p) @ (0.5 * (high - low) * weight * value)
    return sizes


def mixture(sizes: Float64[np.ndarray, "sizes columns"], target: float, *, ends: bool = False) -> Mixture:
    """Return the smallest mixture tried that misses at most `target` times the sum of each column, or the best one.

    The nodes are those of Gauss and Legendre, the weights the least-squares solution of smallest norm. About
    4 sqrt(n) to 8 sqrt(n) nodes are needed: the width of a binomial is sqrt(n) / 2 sizes.
    """
    return mixtures([(sizes, ends)], target)[0]


def mixtures(wanted: list[tuple[Array, bool]], target: float) -> list[Mixture]:
    """Return mixtures on the same nodes, as `mixture` does, for each (sizes, ends); numbers of sizes may differ."""
    n = max(len(sizes) for sizes, _ in wanted) - 1
    scales = [np.abs(sizes).sum(0) for sizes, _ in wanted]

    def fit(count: int) -> list[Mixture]:
        return [_fit(sizes / scale, count, ends) for (sizes, ends), scale in zip(wanted, scales, strict=True)]

    def missed(fits: list[Mixture]) -> float:
        return max(float(one.missed.max()) for one in fits)

    count, most = math.ceil(4.0 * math.sqrt(n)) + 2, 10.0 * math.sqrt(n) + 16
    best = fit(count)
    while missed(best) > target and count <= most:
        count = math.ceil(1.15 * count)
        tried = fit(count)
        if 1e-10 > missed(tried) > 0.5 * missed(best):
            break  # rounding is all that is left
        best = min(best, tried, key=missed)
    return [
        Mixture(one.p, one.weight * scale, one.ends * scale, one.missed * scale)
        for one, scale in zip(best, scales, strict=True)
    ]


def _fit(sizes: Float64[np.ndarray, "sizes columns"], count: int, ends: bool) -> Mixture:
    p = 0.5 * (1.0 + np.polynomial.legendre.leggauss(count)[0])
    corners = np.zeros((len(sizes), 2 if ends else 0))
    if ends:
        corners[0, 0] = corners[-1, 1] = 1.0
    basis = np.concatenate([compiled.binomial(len(sizes) - 1, p), corners], axis=1)
    orthogonal, triangle = np.linalg.qr(basis)
    weight = np.linalg.lstsq(triangle, orthogonal.T @ sizes, rcond=1e-15)[0]
    # rounding in the binomials themselves does not show in the residual
    missed = np.abs(basis @ weight - sizes).sum(0) + 8.0 * EPS * np.abs(weight).sum(0)
    return Mixture(p, weight[:count], weight[count:] if ends else np.zeros((2, sizes.shape[1])), missed)
