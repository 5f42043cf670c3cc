"""Nodes of the Laplace integral, and the tables the compiled loops run over, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from heedful.games.exact import compiled
from heedful.games.exact.arrays import AnyArray
from heedful.games.exact.laplace import ExponentialSum
from heedful.games.exact.prepared import Prepared

_BLOCK = 1 << 16  # nodes x units x outputs of one block: bounds its memory, some 3 MB

PerNode = Float64[AnyArray, " nodes"]
NodesUnits = Float64[AnyArray, "nodes units"]
NodesOutputs = Float64[AnyArray, "nodes outputs"]
NodesOutputsUnits = Float64[AnyArray, "nodes outputs units"]
Arrays = tuple[NodesUnits, NodesUnits, NodesOutputsUnits, NodesOutputsUnits, NodesOutputsUnits, NodesOutputs, PerNode]


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes u of all heads, in one list.

    Attributes:
        log_u: logarithm of u; infinite for the node that finds the masks without any term.
        share: quadrature weight divided by u.
        head: head of each node.
    """

    log_u: PerNode
    share: PerNode
    head: Int[np.ndarray, " nodes"]

    def __len__(self) -> int:
        return len(self.log_u)

    def __getitem__(self, part: slice) -> Nodes:
        return Nodes(self.log_u[part], self.share[part], self.head[part])


def all_nodes(game: Prepared, recipe: ExponentialSum) -> Nodes:
    """The nodes of every head, for its own range of total weights."""
    log_u, share, head = [], [], []
    for h in range(game.n_heads):
        log_points, weight = recipe.nodes(float(game.weights.lowest[h]), float(game.weights.highest[h]))
        if np.isneginf(game.weights.floor[h]):
            log_points, weight = np.append(log_points, np.inf), np.append(weight, 1.0)
        log_u.append(log_points)
        share.append(weight)
        head.append(np.full(len(log_points), h))
    return Nodes(np.concatenate(log_u), np.concatenate(share), np.concatenate(head))


def split(nodes: Nodes, game: Prepared) -> list[Nodes]:
    """Blocks of nodes, so that memory stays bounded whatever the number of units."""
    size = max(1, _BLOCK // (game.n_units * game.n_outputs))
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]


@dataclass(frozen=True, eq=False)
class Tables:
    """What the compiled loops read for a block of nodes, and sizes that the certificate needs.

    Attributes:
        arrays: factor, factor_step, part, part_step, cross, base and scale, as described in `compiled`; scale is the
            quadrature weight times exp(-u * smallest total weight), divided by the number of heads.
        on, on2: sum and sum of squares of the losses 1 - exp(-u * difference) of the units that are heavier kept.
        off, off2: the same of the units that are heavier removed.
        mass: scale * (|base| + sum |m B| + sum |n A|), (nodes, outputs).
        steepest: scale * bound on |part_step_j| + |factor_step_j| * mass over the units, (nodes, outputs).
    """

    arrays: Arrays
    on: PerNode
    on2: PerNode
    off: PerNode
    off2: PerNode
    mass: NodesOutputs
    steepest: NodesOutputs

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.arrays[0].shape[1]


def tables(game: Prepared, nodes: Nodes) -> Tables:
    """Fill the tables of a block of nodes."""
    head, weights, values = nodes.head, game.weights, game.values
    unit_weights = (weights.kept_high, weights.high, weights.low, weights.ratio, weights.gap)
    unit_values = (values.heavy, values.light, values.excess)
    filled, stats, sums = compiled.fill((head, nodes.log_u), unit_weights, unit_values)
    last = np.asarray(np.isposinf(nodes.log_u))
    log_u = np.where(last, 0.0, nodes.log_u)
    fixed, smallest = (
        np.exp(np.minimum(log_u + log[head], compiled.OVERFLOW)) for log in (weights.fixed, weights.floor)
    )
    base = np.where(last[:, None], values.empty[head], fixed[:, None] * values.fixed[head])
    scale = nodes.share * np.exp(-smallest) / game.n_heads
    mass = np.abs(base) + sums[..., 0] + sums[..., 1]
    steepest = sums[..., 2] + stats[:, 4:] * mass
    on, on2, off, off2 = stats[:, :4].T
    return Tables((*filled, base, scale), on, on2, off, off2, scale[:, None] * mass, scale[:, None] * steepest)
