"""One pass over all nodes of many games on tensors: what `compiled` and `engine.run` do for one, on any torch device.

The nodes u of all heads of all games form one list. Those with equally many chances p are evaluated together, (nodes,
chances, units) in blocks of bounded memory, and every sum has a fixed order: an answer is the same bits on every run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64

from heedful.games.exact import bounds, rules
from heedful.games.exact.compiled import OVERFLOW
from heedful.games.exact.engine import Pass
from heedful.games.exact.laplace import LUMPED, ExponentialSum, exponential_sum, gauss_legendre
from heedful.games.exact.prepared import Prepared, Weights
from heedful.games.exact.rules import Allowance
from heedful.games.exact.tables import Tables

_CELLS = {"cpu": 1 << 18}  # numbers in one table of a block; some 25 such tables live at once
_CELLS_ELSEWHERE = 1 << 23

PerNode = Float64[torch.Tensor, " nodes"]
WholePerNode = Int64[torch.Tensor, " nodes"]
NodesOutputs = Float64[torch.Tensor, "nodes outputs"]
PerUnit = Float64[torch.Tensor, "nodes outputs units"]
PerPoint = Float64[torch.Tensor, "nodes chances"]
Points = tuple[PerPoint, Float64[torch.Tensor, "nodes chances sums"], Float64[torch.Tensor, "nodes chances columns"]]


def cells(device: torch.device) -> int:
    """Numbers in the largest table of a block."""
    return _CELLS.get(device.type, _CELLS_ELSEWHERE)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes u of all heads, game by game: game, head, log u, and quadrature weight divided by u."""

    game: WholePerNode
    head: WholePerNode
    log_u: PerNode
    share: PerNode

    def split(self, size: int) -> list[Nodes]:
        """Consecutive parts."""
        columns = (torch.split(column, size) for column in (self.game, self.head, self.log_u, self.share))
        return [Nodes(*part) for part in zip(*columns, strict=True)]


@dataclass(frozen=True, eq=False)
class Chosen:
    """The chances for a block of nodes.

    Attributes:
        count: how many each node takes.
        relative: what they miss, relative to the node's sizes, see `rules`.
        points: for given nodes, that all take the given number: chances, weights of the slopes, of each unit and (the
            last, if there are two) of all units together, and weights of the expected values in each weighted sum.
    """

    count: WholePerNode
    relative: PerNode
    points: Callable[[WholePerNode, int], Points]


class Uniform:
    """The integral over all chances by Gauss and Legendre; the only sum of expected values is their mean."""

    columns, width = 1, 6  # `rules` tries six ellipses a node

    def __call__(self, block: Tables, allow: Allowance, game: WholePerNode) -> Chosen:
        """See `rules.interval`."""
        middle, half, wanted, relative = rules.interval(block, allow)

        def points(at: WholePerNode, count: int) -> Points:
            nodes, weights = (half.new_tensor(table[count, :count]) for table in gauss_legendre())
            weight = (half[at, None] * weights)[..., None]
            return middle[at, None] + half[at, None] * nodes, weight, weight

        return Chosen(wanted.long(), relative, points)


@dataclass(frozen=True, eq=False)
class Mixed:
    """The same chances at every node of a game.

    Attributes:
        p, weight, of_values: chances, padded by infinity, weights of the slopes, see `Chosen`, and of the expected
            values.
        row: the row of these tables that belongs to each game.
    """

    p: Float64[torch.Tensor, "rows chances"]
    weight: Float64[torch.Tensor, "rows chances sums"]
    of_values: Float64[torch.Tensor, "rows chances columns"]
    row: Int64[torch.Tensor, " games"]

    @property
    def columns(self) -> int:
        """Number of weighted sums of expected values."""
        return self.of_values.shape[2]

    @property
    def width(self) -> int:
        """Number of chances."""
        return self.p.shape[1]

    def __call__(self, block: Tables, allow: Allowance, game: WholePerNode) -> Chosen:
        """See `rules.support`."""
        low, high, relative = rules.support(block, allow)
        row = self.row[game]
        p = self.p[row]
        start, stop = (p < low[:, None]).sum(1), (p <= high[:, None]).sum(1)

        def points(at: WholePerNode, count: int) -> Points:
            place = row[at, None], start[at, None] + torch.arange(count, device=at.device)
            return self.p[place], self.weight[place], self.of_values[place]

        return Chosen((stop - start).clip(min=0), relative, points)


def run(game: Prepared, target: float, rule: Uniform | Mixed) -> Pass:
    """Integrate the first derivatives of many games, and sums of expected values; arrays have the games first."""
    recipe = exponential_sum(target)
    nodes = _all_nodes(game, recipe)
    n_games, n_units = len(game.n_units), game.weights.high.shape[-1]
    share = 0.1 * target / nodes.game.bincount(minlength=n_games).double()
    difference, mean = bounds.first_scale(game), game.bounds.swing.mean(-2)
    most = cells(nodes.game.device)
    sums: list[torch.Tensor] = []
    for part in nodes.split(max(1, most // max(n_units * game.n_outputs, rule.width))):
        block = _tables(game, part)
        chosen = rule(block, Allowance(difference[part.game], mean[part.game], share[part.game]), part.game)
        missed = chosen.relative[:, None] * block.steepest
        per_block = (*_marginals(block, chosen, rule.columns, most), missed, chosen.count.double())
        lengths = part.game.bincount(minlength=n_games)
        of_games = [torch.segment_reduce(rows, "sum", lengths=lengths) for rows in per_block]
        sums = [total + more for total, more in zip(sums, of_games, strict=True)] if sums else of_games
    slope, together, value, missed, points = sums
    return Pass(slope, together, value, missed, recipe, points)


def _all_nodes(game: Prepared, recipe: ExponentialSum) -> Nodes:
    """The nodes of every head, for its own range of total weights: `ExponentialSum.nodes` for all at once."""
    start, needed = recipe.span(game.weights.lowest, game.weights.highest)
    length = needed.ceil().clip(min=0).long() + LUMPED
    games, heads = torch.meshgrid(*(torch.arange(n, device=length.device) for n in length.shape), indexing="ij")
    ends = length.flatten().cumsum(0)
    first = (ends - length.flatten()).repeat_interleave(length.flatten())
    place = torch.arange(int(ends[-1]), device=length.device) - first
    u, share = (start.new_tensor(lumped) for lumped in recipe.lumps)
    steps = recipe.step * torch.arange(1, int(length.max()) - LUMPED + 1, dtype=start.dtype, device=start.device)
    log_u, share = torch.cat([u.log(), steps]), torch.cat([share, torch.full_like(steps, recipe.step)])
    game_of, head_of, start_of = (
        per_head.flatten().repeat_interleave(length.flatten()) for per_head in (games, heads, start)
    )
    return Nodes(game_of, head_of, start_of + log_u[place], share[place])


def _tables(game: Prepared, nodes: Nodes) -> Tables:
    """What `tables.tables` and `compiled.fill` give, but `part_step` holds n A in place of n A - m B."""
    head, values = (nodes.game, nodes.head), game.values
    high, light, decay, loss, fixed, left = _at_nodes(game.weights, head, nodes.log_u)
    base, scale = fixed[:, None] * values.fixed[head], nodes.share * left / game.n_heads
    kept_high, heavy = game.weights.kept_high[head], high * decay
    more, less = heavy[:, None] * values.heavy[head], light[:, None] * values.light[head]
    kept, removed = torch.where(kept_high[:, None], more, less), torch.where(kept_high[:, None], less, more)
    cross = torch.where(kept_high, heavy, -heavy)[:, None] * values.excess[head]
    factor, step = torch.where(kept_high, 1.0, decay), torch.where(kept_high, -loss, loss)
    on = torch.where(kept_high, loss, 0.0)
    off = loss - on
    mass = abs(base) + abs(removed).sum(-1) + abs(kept).sum(-1)
    # |kept - removed|, bounded without cancellation
    steepest = (abs(cross) + loss[:, None] * abs(less)).amax(-1) + loss.amax(-1)[:, None] * mass
    losses = (on.sum(-1), on.square().sum(-1), off.sum(-1), off.square().sum(-1))
    arrays = (factor, step, removed, kept, cross, base, scale)
    return Tables(arrays, *losses, scale[:, None] * mass, scale[:, None] * steepest)


def _at_nodes(weights: Weights, head: tuple[WholePerNode, WholePerNode], log_u: PerNode) -> tuple[torch.Tensor, ...]:
    """What the weights come to at nodes u of the heads that `head` selects.

    Returns:
        u times the larger and the smaller weight of every unit, exp(-u * difference) and 1 minus that; u times the
        fixed weight, and exp(-u * smallest total weight).
    """
    log_high = log_u[:, None] + weights.high[head]
    high = torch.exp(log_high.clip(max=OVERFLOW))
    light = high * weights.ratio[head] if log_high.max() < OVERFLOW else torch.exp(log_u[:, None] + weights.low[head])
    difference = high * weights.gap[head]
    fixed, smallest = (torch.exp((log_u + log[head]).clip(max=OVERFLOW)) for log in (weights.fixed, weights.floor))
    return high, light, torch.exp(-difference), -torch.expm1(-difference), fixed, torch.exp(-smallest)


def _marginals(
    block: Tables, chosen: Chosen, columns: int, most: int
) -> tuple[PerUnit, NodesOutputs, Float64[torch.Tensor, "nodes outputs columns"]]:
    """Return what `engine._sums` does, node by node, but the expected values summed with their weights.

    For equal numbers of chances, sums over units and over chances are matrix products with 1 / M.
    """
    factor, step, removed, kept, cross, base, scale = block.arrays
    outputs = base.shape[1]
    slope, together, value = (cross.new_zeros(len(scale), outputs, n) for n in (block.n_units, 1, columns))
    numerators = torch.cat([removed, kept], 1).mT
    order = chosen.count.argsort(stable=True)
    counts, lengths = torch.unique_consecutive(chosen.count[order], return_counts=True)
    for count, rows in zip(counts.tolist(), torch.split(order, lengths.tolist()), strict=True):
        for at in torch.split(rows, max(1, most // (count * block.n_units))) if count else ():
            p, weight, of_values = chosen.points(at, count)
            M = torch.addcmul(factor[at, None], p[..., None], step[at, None])
            product = scale[at, None] * M.prod(-1)
            inverse = M.reciprocal_()
            gone, stay = torch.split(inverse @ numerators[at], outputs, -1)
            # (1 - p) m B + p n A, not m B + p (n A - m B): nothing cancels
            total = base[at, None] + (1.0 - p)[..., None] * gone + p[..., None] * stay
            value[at] = (product[..., None] * total).mT @ of_values
            weight = product[..., None] * weight
            along = (weight[..., None] * total[:, :, None]).flatten(2).mT @ inverse
            slopes = step[at, None, None] * along.unflatten(1, (-1, outputs))
            slopes += cross[at, None] * (weight.mT @ inverse.square_())[:, :, None]
            slope[at], together[at] = slopes[:, 0], slopes[:, -1].sum(-1, keepdim=True)
    return slope, together[..., 0], value
