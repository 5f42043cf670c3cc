"""Quadrature with bounds known beforehand: 1/D as a short sum of exponentials, and tables of Gauss-Legendre.

The trapezoid rule in log u turns 1/D = integral of exp(-u D) du into a sum of exponentials; its relative error, with
step h, is at most 2 sum_k |Gamma(1 + 2 pi i k / h)| whatever D. Where u D is small the integrand is nearly polynomial,
so the infinitely many nodes on that side collapse into a few by Gauss quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from heedful.games.exact.arrays import AnyArray

LUMPED = 8  # Gauss nodes that stand in for all trapezoid nodes on the side of small u D
MOST = 64  # largest Gauss-Legendre rule in p

Vector = Float64[np.ndarray, " nodes"]


@dataclass(frozen=True, eq=False)
class ExponentialSum:
    """Recipe for 1/D = sum(weight * exp(-u D)) (1 + error), for D within any given range.

    Attributes:
        step: step h of the trapezoid rule in log u.
        first: largest u D that the lumped nodes reach.
        last: smallest u D beyond which nodes are left out.
        lumps: the lumped nodes and their shares (weight / u), for a first node at u = 1.
        relative: bound on the relative error.
        slope, curve: bounds on its first and second derivative by log D.
    """

    step: float
    first: float
    last: float
    lumps: tuple[Vector, Vector]
    relative: float
    slope: float
    curve: float

    def nodes(self, log_smallest: float, log_largest: float) -> tuple[Vector, Vector]:
        """(log u, weight / u) of the nodes that cover D from exp(log_smallest) to exp(log_largest)."""
        start, needed = self.span(log_smallest, log_largest)
        count = max(0, math.ceil(needed))
        u, share = self.lumps
        log_u = np.concatenate([np.log(u), self.step * np.arange(1, count + 1)]) + start
        return log_u, np.concatenate([share, np.full(count, self.step)])

    def span(self, log_smallest: AnyArray, log_largest: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Where log u starts, and how many nodes follow the lumped ones, before rounding up; numbers or arrays."""
        start = math.log(self.first) - log_largest
        return start, (math.log(self.last) - log_smallest - start) / self.step


def exponential_sum(target: float) -> ExponentialSum:
    """The cheapest recipe whose error, and whose error's slope, stay below `target`."""
    return _exponential_sum(math.floor(20.0 * math.log10(target)) / 20.0)  # few different ones, so that they are kept


@lru_cache(maxsize=256)
def _exponential_sum(log_target: float) -> ExponentialSum:
    target = 10.0**log_target
    frequency = 4.0  # 2 pi / h
    while _periodic(frequency)[1] > 0.8 * target:
        frequency += 0.02
    step = 2.0 * math.pi / frequency
    last = 3.0
    while _tail(last, step)[1] > 0.1 * target:
        last += 0.1
    u, weight, norm = _geometric_gauss(step)
    degree = 2 * LUMPED + 1
    # Gauss quadrature misses at most (u D)^degree norm / (2 m)! for exp(-u D), and `degree` times that for its slope
    lumped = 0.1 * target / degree
    first = math.exp((math.log(lumped) + math.lgamma(degree) - math.log(norm)) / degree)
    bounds = [sum(parts) for parts in zip(_periodic(frequency), _tail(last, step), strict=True)]
    relative, slope, curve = (bound + lumped * degree**order for order, bound in enumerate(bounds))
    return ExponentialSum(step, first, last, (u, weight / u), relative, slope, curve)


def _periodic(frequency: float) -> tuple[float, float, float]:
    """Error of the infinite trapezoid rule and its derivatives: |Gamma(1 + i y)|^2 = pi y / sinh(pi y)."""
    y = frequency * np.arange(1, 6)
    size = 2.0 * np.sqrt(2.0 * np.pi * y / -np.expm1(-2.0 * np.pi * y)) * np.exp(-0.5 * np.pi * y)
    return float(size.sum()), float(y @ size), float(y**2 @ size)


def _tail(z: float, step: float) -> tuple[float, float, float]:
    """Error, and its derivatives, of leaving out all nodes with u D > z, for z >= 3."""
    parts = (step * z + 1.0, step * z**2 + z + 1.0, step * z**3 + z**2 + 2.0 * z + 2.0)
    return parts[0] * math.exp(-z), parts[1] * math.exp(-z), parts[2] * math.exp(-z)


def _geometric_gauss(step: float) -> tuple[Vector, Vector, float]:
    """Gauss rule for the atoms u = exp(-j h), j = 0, 1, ..., of mass h u; and the norm that bounds its error.

    The rule comes from the three-term recurrence of the orthogonal polynomials (Golub and Welsch, 1969).
    """
    u = np.exp(-step * np.arange(math.ceil(60.0 / step)))
    mass = step * u
    before, now = np.zeros_like(u), np.full_like(u, 1.0 / math.sqrt(mass.sum()))
    centres, spreads = np.empty(LUMPED), np.empty(LUMPED)
    spread = 0.0
    for m in range(LUMPED):
        centres[m] = (mass * u * now * now).sum()
        following = (u - centres[m]) * now - spread * before
        spread = math.sqrt((mass * following * following).sum())
        spreads[m] = spread
        before, now = now, following / spread
    recurrence = np.diag(centres) + np.diag(spreads[:-1], 1) + np.diag(spreads[:-1], -1)
    nodes, vectors = np.linalg.eigh(recurrence)
    return nodes, mass.sum() * vectors[0] ** 2, float(mass.sum() * np.prod(spreads**2))


@lru_cache(maxsize=1)
def gauss_legendre() -> tuple[Float64[np.ndarray, "rules nodes"], Float64[np.ndarray, "rules nodes"]]:
    """Nodes on [-1, 1] and weights of the rules with 0, 1, ..., MOST nodes, one a row, padded with weight 0."""
    nodes, weights = np.zeros((MOST + 1, MOST)), np.zeros((MOST + 1, MOST))
    for n in range(1, MOST + 1):
        nodes[n, :n], weights[n, :n] = np.polynomial.legendre.leggauss(n)
    return nodes, weights
