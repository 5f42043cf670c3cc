"""Which chances p of being kept to evaluate at each node u, and what that misses at most.

With the losses t = 1 - exp(-u |a - b|), the product of a node is at most exp(-(p on + (1 - p) off)), on and off being
the sums of t over the units that are heavier kept and heavier removed: where that is negligible nothing is evaluated.
For complex p, |1 - z| <= exp(-Re z + |z|^2 / 2) bounds the product on the ellipses that Gauss-Legendre's error needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from heedful.games.exact.arrays import AnyArray, namespace
from heedful.games.exact.laplace import MOST, gauss_legendre
from heedful.games.exact.tables import Tables

_ELLIPSES = np.array([1.3, 2.0, 3.0, 4.5, 8.0, 20.0])  # sums of their semi-axes
_OUT_REAL, _OUT_COMPLEX = 3.0, 1.5  # leaving three units out raises the bounds by at most these exponents
_DROPPED = 0.1  # share of the allowance that parts left out may use

PerNode = Float64[AnyArray, " nodes"]
NodesOutputs = Float64[AnyArray, "nodes outputs"]
NodesColumns = Float64[np.ndarray, "nodes columns"]
PerNodeInt = Int[np.ndarray, " nodes"]
PerOutput = Float64[np.ndarray, " outputs"]


@dataclass(frozen=True, eq=False)
class Allowance:
    """How much a rule may miss, the same at all nodes or, for those of many games, one a node.

    Attributes:
        difference: scale of the differences that are averaged, one an output.
        mean: scale of the expected values.
        share: what one node may miss, as a share of either.
        order: 1 for differences by one unit, 2 for differences by pairs.
    """

    difference: Float64[AnyArray, "*nodes outputs"]
    mean: Float64[AnyArray, "*nodes outputs"]
    share: Any
    order: int = 1


@dataclass(frozen=True, eq=False)
class Chances:
    """Chances of being kept, ascending, strictly between 0 and 1.

    Attributes:
        p: the chances.
        weight: weights of the derivatives by each unit's chance.
        together: weights of the derivatives by the chance that all units share, if others than those of each unit.
    """

    p: Float64[np.ndarray, " columns"]
    weight: Float64[np.ndarray, " columns"]
    together: Float64[np.ndarray, " columns"] | None = None

    @property
    def weights(self) -> Float64[np.ndarray, "columns sums"]:
        """Both kinds of weights side by side, or the only kind."""
        return np.column_stack([self.weight] if self.together is None else [self.weight, self.together])


HALF = Chances(np.array([0.5]), np.ones(1))


@dataclass(frozen=True, eq=False)
class Rule:
    """Columns start..stop of each node's row of (p, weight).

    Over these nodes, `missed` bounds the error of a sum of differences whose weights add up to 1; `together` is that of
    the chances.
    """

    p: Float64[np.ndarray, "nodes columns"]
    weight: Float64[np.ndarray, "nodes columns"]
    start: Int[np.ndarray, " nodes"]
    stop: Int[np.ndarray, " nodes"]
    missed: PerOutput
    together: Float64[np.ndarray, " columns"] | None = None

    @property
    def points(self) -> int:
        """Number of evaluations."""
        return int((self.stop - self.start).sum())

    @property
    def arrays(self) -> tuple[NodesColumns, NodesColumns, PerNodeInt, PerNodeInt]:
        """What the compiled loops read."""
        return self.p, self.weight, self.start, self.stop

    def part(self, columns: slice) -> tuple[NodesColumns, NodesColumns, PerNodeInt, PerNodeInt]:
        """Return the same of some columns alone, all with weight 1."""
        p = self.p[:, columns]
        start, stop = (np.clip(edge - columns.start, 0, p.shape[1]) for edge in (self.start, self.stop))
        return p, np.ones_like(p), start, stop


def uniform(block: Tables, allow: Allowance) -> Rule:
    """The integral over p from 0 to 1 by Gauss and Legendre, on the part where a node's product is not negligible."""
    middle, half, wanted, relative = interval(block, allow)
    count = wanted.astype(np.int64)
    nodes, weights = gauss_legendre()
    columns = max(1, int(count.max()))
    p = middle[:, None] + half[:, None] * nodes[count, :columns]
    missed = relative @ (allow.order * block.steepest)
    return Rule(p, half[:, None] * weights[count, :columns], np.zeros_like(count), count, missed)


def interval(block: Tables, allow: Allowance) -> tuple[PerNode, PerNode, PerNode, PerNode]:
    """Where each node integrates over p, by how many Gauss-Legendre nodes, and what that misses.

    Returns:
        Middle and half width of the interval, not positive if it is empty; the number of nodes, whole and at most MOST;
        the error relative to the node's size, order times `steepest`.
    """
    xp = namespace(block.on)
    need = _need(allow.order * block.steepest, allow.difference, allow.share)
    low, high = _support(block, _reach(need))
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    count, log_error = _count(block, middle, half, need)
    exact = (block.n_units - allow.order + 2) // 2
    error = xp.where((half > 0) & (count < exact), xp.exp(log_error), 0.0)
    count = xp.where(half > 0, xp.clip(count, None, exact), 0.0)
    return middle, half, count, error + _left_out(need)


def mixed(block: Tables, allow: Allowance, chances: Chances) -> Rule:
    """The same chances at every node, without those at which its product is negligible."""
    low, high, relative = support(block, allow)
    start = np.asarray(np.searchsorted(chances.p, low))
    stop = np.maximum(start, np.searchsorted(chances.p, high, side="right"))
    p, weight = (np.repeat(row[None], len(low), axis=0) for row in (chances.p, chances.weight))
    return Rule(p, weight, start, stop, relative @ (allow.order * block.steepest), chances.together)


def support(block: Tables, allow: Allowance) -> tuple[PerNode, PerNode, PerNode]:
    """Lower and upper end of the chances that matter at each node, the upper one -1 if none does, and what others miss.

    The last is relative to the node's sizes: order times `steepest` for differences, `mass` for expected values.
    """
    of_differences = _need(allow.order * block.steepest, allow.difference, allow.share)
    need = namespace(block.on).maximum(of_differences, _need(block.mass, allow.mean, allow.share))
    return *_support(block, _reach(need)), _left_out(need)


def _need(size: NodesOutputs, scale: Float64[AnyArray, "*nodes outputs"], share: Any) -> PerNode:
    """Logarithm of the factor by which each node's integrand exceeds what may be missed; minus infinity for nothing."""
    xp = namespace(size)
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = xp.amax(xp.where(scale > 0, size / scale, 0.0), 1)
        need: PerNode = xp.log(worst / share)
    return need


def _reach(need: PerNode) -> PerNode:
    """The exponent beyond which a product counts as negligible."""
    return need + _OUT_REAL - math.log(_DROPPED)


def _left_out(need: PerNode) -> PerNode:
    """What the parts beyond that exponent hold at most, relative to the node's size."""
    xp = namespace(need)
    return xp.where(xp.isneginf(need), 0.0, _DROPPED * xp.exp(-need))


def _support(block: Tables, reach: PerNode) -> tuple[PerNode, PerNode]:
    """The interval of p on which p on + (1 - p) off <= reach; its upper end lies below its lower one if it is empty."""
    xp = namespace(reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (reach - block.off) / (block.on - block.off)
    low = xp.where(block.off > block.on, crossing, 0.0)
    high = xp.where(block.on > block.off, crossing, 1.0)
    high = xp.where(xp.minimum(block.on, block.off) > reach, -1.0, high)
    return xp.clip(low, 0.0, 1.0), xp.clip(high, -1.0, 1.0)


def _count(block: Tables, middle: PerNode, half: PerNode, need: PerNode) -> tuple[PerNode, PerNode]:
    """Gauss-Legendre nodes needed, and the logarithm of the relative error they leave.

    n nodes on an interval of half width w miss at most w (16/3) sup|f| rho^(-2n) / (1 - rho^-2), the supremum being
    over the ellipse around it whose semi-axes sum to rho w (Trefethen, SIAM Review 2008, section 4). The bound's
    exponent is a convex quadratic in the cosine along the ellipse: it is largest at one of the two real vertices.
    """
    xp = namespace(half)
    rho = xp.asarray(_ELLIPSES, device=half.device)
    vertex = half[:, None] * (rho + 1.0 / rho) / 2.0
    log_bound = xp.full_like(vertex, -np.inf)
    for end in (middle[:, None] - vertex, middle[:, None] + vertex):
        other = 1.0 - end
        exponent = -end * block.on[:, None] - other * block.off[:, None]
        exponent += 0.5 * (end**2 * block.on2[:, None] + other**2 * block.off2[:, None])
        log_bound = xp.maximum(log_bound, exponent)
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = xp.log(half * 16.0 / 3.0)[:, None] + _OUT_COMPLEX - xp.log1p(-(rho**-2.0))
        # chances of modulus above 1 enlarge the numerators
        outside = xp.maximum(vertex + middle[:, None], vertex + 1.0 - middle[:, None])
        log_bound += constant + xp.log(xp.clip(outside, 1.0, None))
        wanted = (log_bound + need[:, None]) / (2.0 * xp.log(rho))
    wanted = xp.where(xp.isfinite(wanted), wanted, 1.0)
    best = wanted.argmin(1)
    rows = xp.arange(len(best), device=half.device)
    count = xp.clip(xp.ceil(wanted[rows, best]), 1, MOST)
    return count, log_bound[rows, best] - 2.0 * count * xp.log(rho[best])
