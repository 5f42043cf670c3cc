"""A ratio game brought into the form the integrals need, with a-priori bounds on what it can do.

Per head and unit only the larger of the two weights (in logarithms) and the share by which the smaller one falls short
are kept, so that equal weights cancel exactly and small differences keep their digits. Values are taken relative to the
head's value of the whole text: a constant shifts every average and drops out of every difference.

Arrays may have a leading axis for many games at once, whose missing units have no term: that is how `device` uses this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import SettingError
from heedful.games.exact.arrays import AnyArray, namespace, reordered
from heedful.games.exact.checks import check_game
from heedful.games.ratio import RatioGame

_TOGETHER = 64  # games whose arrays should fit a core's cache
EPS = float(np.finfo(np.float64).eps)

PerHead = Float64[AnyArray, "*games heads"]
HeadsUnits = Float64[AnyArray, "*games heads units"]
HeadsOutputs = Float64[AnyArray, "*games heads outputs"]
HeadsOutputsUnits = Float64[AnyArray, "*games heads outputs units"]


@dataclass(frozen=True, eq=False)
class Parts:
    """The terms of a game as arrays: log weights, values, and the value of a head without any term, 0 if undefined."""

    log_kept: HeadsUnits
    log_removed: HeadsUnits
    log_fixed: PerHead
    kept: HeadsOutputsUnits
    removed: HeadsOutputsUnits
    fixed: HeadsOutputs
    empty: HeadsOutputs


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the units, relative to the head's largest.

    Attributes:
        kept_high: whether a unit weighs more while it is kept.
        high, low: logarithms of its larger and its smaller weight.
        ratio: smaller over larger weight; 1 for units without any term.
        gap: 1 - ratio, without cancellation.
        fixed: log weight of the fixed part.
        floor: logarithm of the smallest total weight over all masks; minus infinity if no term may be left.
        lowest, highest: range of the log total weight over the masks that leave a term.
    """

    kept_high: Bool[AnyArray, "*games heads units"]
    high: HeadsUnits
    low: HeadsUnits
    ratio: HeadsUnits
    gap: HeadsUnits
    fixed: PerHead
    floor: PerHead
    lowest: PerHead
    highest: PerHead


@dataclass(frozen=True, eq=False)
class Values:
    """Values of the terms, relative to the head's value of the whole text; 0 where there is no term.

    Attributes:
        heavy, light: values that go with a unit's larger and its smaller weight.
        excess: numerator of the heavy term minus that of the light one, divided by the larger weight.
        fixed: value of the fixed part.
        empty: value of a head without any term.
        nothing: value of a head with every unit removed.
        everything: size of a head's value with every unit kept, which rounding leaves a little above 0.
        centre: value of a head with every unit kept, itself not relative to anything.
    """

    heavy: HeadsOutputsUnits
    light: HeadsOutputsUnits
    excess: HeadsOutputsUnits
    fixed: HeadsOutputs
    empty: HeadsOutputs
    nothing: HeadsOutputs
    everything: HeadsOutputs
    centre: HeadsOutputs


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the values of a game can do at most, over all masks.

    Attributes:
        reach: change of a head's value by one unit.
        stretch: change of the logarithm of a head's total weight by one unit.
        deviation: a head's value, relative to that of the whole text, also if no terms cancelled.
        swing: the same, with what is known of the units' changes: no larger.
    """

    reach: HeadsOutputsUnits
    stretch: HeadsUnits
    deviation: HeadsOutputs
    swing: HeadsOutputs


@dataclass(frozen=True, eq=False)
class Prepared:
    """A ratio game, ready to be integrated; `n_units` counts no padding, and is one number a game for many games."""

    weights: Weights
    values: Values
    bounds: Bounds
    n_units: Any

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return self.weights.high.shape[-2]

    @property
    def n_outputs(self) -> int:
        """Number of outputs; 1 for a game with a single one."""
        return self.values.fixed.shape[-1]


Part = TypeVar("Part", Weights, Values, Bounds)

_PREPARED: WeakKeyDictionary[RatioGame, Prepared] = WeakKeyDictionary()


def prepare(game: RatioGame) -> Prepared:
    """Orient, centre and bound a game; once, however many methods ask.

    Raises:
        SettingError: this is no ratio game, or some mask leaves a head without any term, and the game has no `empty`
            value.
    """
    check_game(game)
    prepared = _PREPARED.get(game)
    if prepared is None:
        prepared = _PREPARED[game] = _prepared(game)
    return prepared


def prepare_all(games: Iterable[object]) -> None:
    """Prepare many games, those of one size together; `prepare` then finds what it would have made, bit for bit.

    What is no game, or none that can be prepared, is left to `prepare`.
    """
    sizes: dict[tuple[int, ...], list[RatioGame]] = {}
    for game in games:
        if isinstance(game, RatioGame) and game not in _PREPARED and _is_plain(game):
            sizes.setdefault(game.kept.value.shape, []).append(game)
    for alike in sizes.values():
        for start in range(0, len(alike), _TOGETHER):
            _prepare_alike(alike[start : start + _TOGETHER])


def _is_plain(game: RatioGame) -> bool:
    """Whether there is one output, and all lies in memory as it will lie among others: else sums round otherwise."""
    arrays = (game.kept.log_weight, game.kept.value, game.removed.log_weight, game.removed.value)
    return not game.outputs and all(array.flags.c_contiguous for array in arrays)


def _prepare_alike(games: list[RatioGame]) -> None:
    if len(games) < 2:
        return
    each = [_parts(game) for game in games]
    parts = Parts(*(np.stack([getattr(one, field.name) for one in each]) for field in fields(Parts)))
    together = arranged(parts, games[0].n_units)
    for i, game in enumerate(games):
        weights = _one_of(together.weights, i)
        if game.empty is not None or not np.isneginf(weights.floor).any():
            values, bounds = _one_of(together.values, i), _one_of(together.bounds, i)
            _PREPARED[game] = Prepared(weights, values, bounds, game.n_units)


def _one_of(many: Part, i: int) -> Part:
    """One game's arrays of those of many."""
    return type(many)(**{name: array[i] for name, array in vars(many).items()})


def _prepared(game: RatioGame) -> Prepared:
    prepared = arranged(_parts(game), game.n_units)
    if np.isneginf(prepared.weights.floor).any() and game.empty is None:
        raise SettingError("with every unit removed no term is left: give the game an `empty` value, or a fixed part")
    return prepared


def _parts(game: RatioGame) -> Parts:
    terms = (game.kept, game.removed, game.fixed)
    kept, removed, fixed = (np.moveaxis(t.value.reshape(*t.log_weight.shape, -1), -1, 1) for t in terms)
    empty = np.broadcast_to(0.0 if game.empty is None else np.asarray(game.empty, dtype=np.float64), fixed.shape)
    logs = (game.kept.log_weight, game.removed.log_weight, game.fixed.log_weight)
    return Parts(*logs, kept, removed, fixed, empty)


def arranged(parts: Parts, n_units: Any) -> Prepared:
    """Orient, centre and bound one game or many."""
    logs = _relative_logs(parts)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # no term: log of 0, infinity minus infinity
        weights = _weights(parts, logs)
        values = _values(parts, weights, logs)
        return Prepared(weights, values, _bounds(weights, values), n_units)


def _relative_logs(parts: Parts) -> tuple[HeadsUnits, HeadsUnits, PerHead]:
    """Log weights kept, removed and fixed, relative to the largest of each head."""
    xp = namespace(parts.log_fixed)
    top = xp.maximum(xp.maximum(xp.amax(parts.log_kept, -1), xp.amax(parts.log_removed, -1)), parts.log_fixed)
    top = xp.where(xp.isneginf(top), 0.0, top)
    return parts.log_kept - top[..., None], parts.log_removed - top[..., None], parts.log_fixed - top


def _weights(parts: Parts, logs: tuple[HeadsUnits, HeadsUnits, PerHead]) -> Weights:
    xp = namespace(parts.log_fixed)
    log_kept, log_removed, log_fixed = logs
    high, low = xp.maximum(log_kept, log_removed), xp.minimum(log_kept, log_removed)
    # differences come from the logarithms as they were: making them relative rounds
    fall = xp.where(xp.isfinite(high), -abs(parts.log_kept - parts.log_removed), -0.0)
    floor, highest = _log_sum(low, log_fixed), _log_sum(high, log_fixed)
    # where nothing else is left, the lightest unit alone is the smallest total weight there is
    lightest = xp.amin(xp.where(xp.isfinite(high), high, np.inf), -1)
    lowest = xp.where(xp.isneginf(floor), xp.where(xp.isfinite(lightest), lightest, 0.0), floor)
    kept_high = parts.log_kept > parts.log_removed
    gap, highest = -xp.expm1(fall), xp.maximum(highest, lowest)
    return Weights(kept_high, high, low, xp.exp(fall), gap, log_fixed, floor, lowest, highest)


def _log_sum(log_weight: HeadsUnits, log_fixed: PerHead) -> PerHead:
    xp = namespace(log_fixed)
    every = xp.concatenate([log_weight, log_fixed[..., None]], -1)
    top = xp.amax(every, -1)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total: PerHead = top + xp.log(xp.exp(every - top[..., None]).sum(-1))
    return total


def _values(parts: Parts, weights: Weights, logs: tuple[HeadsUnits, HeadsUnits, PerHead]) -> Values:
    xp = namespace(parts.fixed)
    log_kept, log_removed, log_fixed = logs
    kept_high, lighter = weights.kept_high[..., None, :], xp.isfinite(weights.low)[..., None, :]
    difference = xp.where(kept_high, parts.kept - parts.removed, parts.removed - parts.kept)  # centring rounds
    kept, removed, fixed, empty = parts.kept, parts.removed, parts.fixed, parts.empty
    centre = xp.zeros_like(fixed)
    for _ in range(2):  # the first centre is rounded: the whole text would keep a value
        middle = _pooled(log_kept, kept, log_fixed, fixed)
        kept, removed, fixed, empty = (
            kept - middle[..., None],
            removed - middle[..., None],
            fixed - middle,
            empty - middle,
        )
        centre = centre + middle
    heavy, light = xp.where(kept_high, kept, removed), xp.where(kept_high, removed, kept)
    heavy = xp.where(xp.isfinite(weights.high)[..., None, :], heavy, 0.0)
    light = xp.where(lighter, light, 0.0)
    gap, ratio = weights.gap[..., None, :], weights.ratio[..., None, :]
    # of two ways the one in which nothing larger than the result cancels
    excess = xp.where(gap > 0.5, heavy - ratio * light, difference + gap * light)
    excess = xp.where(lighter, excess, heavy)
    fixed = xp.where(xp.isfinite(log_fixed)[..., None], fixed, 0.0)
    can_be_empty = xp.isneginf(weights.floor)[..., None]
    empty = xp.where(can_be_empty, empty, 0.0)
    removed = xp.where(xp.isfinite(log_removed)[..., None, :], removed, 0.0)
    nothing = xp.where(can_be_empty, empty, _pooled(log_removed, removed, log_fixed, fixed))
    kept = xp.where(xp.isfinite(log_kept)[..., None, :], kept, 0.0)
    size = _pooled(log_kept, abs(kept), log_fixed, abs(fixed))
    everything = abs(_pooled(log_kept, kept, log_fixed, fixed)) + 4.0 * EPS * size
    return Values(heavy, light, excess, fixed, empty, nothing, everything, centre)


def _pooled(log_weight: HeadsUnits, value: HeadsOutputsUnits, log_fixed: PerHead, fixed: HeadsOutputs) -> HeadsOutputs:
    """Values of the heads when all these terms are there; 0 where none is."""
    xp = namespace(log_fixed)
    every = xp.concatenate([log_weight, log_fixed[..., None]], -1)
    top = xp.amax(every, -1)[..., None]
    weight = xp.exp(every - xp.where(xp.isfinite(top), top, 0.0))
    total = weight.sum(-1)[..., None]
    pooled = xp.einsum("...j,...cj->...c", weight, xp.concatenate([value, fixed[..., None]], -1))
    return xp.where(total > 0, pooled / total, 0.0)


def _bounds(weights: Weights, values: Values) -> Bounds:
    """Bounds from f(S + j) - f(S) = (n_j - m_j - (a_j - b_j) f(S)) / D(S + j), and the like with S and S + j swapped.

    Either way D is at least the smallest total weight, and at least the larger of the unit's own two.
    """
    xp = namespace(weights.high)
    high, gap, floor = weights.high, weights.gap, weights.floor[..., None]
    most = xp.maximum(abs(values.heavy), weights.ratio[..., None, :] * abs(values.light))
    share = xp.where(xp.isfinite(high), xp.exp(high - floor), 0.0)
    stretch = xp.where(gap > 0, xp.log1p(gap * share), 0.0)
    deviation = _deviation(weights, values, share[..., None, :] * most)[..., None]
    reach = (abs(values.excess) + gap[..., None, :] * deviation) * xp.clip(share, None, 1.0)[..., None, :]
    # from nothing to the first term the value may jump by any amount
    reach = xp.where((xp.isneginf(floor) & (gap > 0))[..., None, :], np.inf, reach)
    reach = xp.minimum(reach, 2.0 * deviation)
    deviation = deviation[..., 0]
    return Bounds(reach, stretch, deviation, xp.minimum(deviation, values.everything + reach.sum(-1)))


def _deviation(weights: Weights, values: Values, part: HeadsOutputsUnits) -> HeadsOutputs:
    """Bound on any value of a head against that of the whole text; `part` bounds what a unit adds to it at most.

    A value is the sum of what some terms add to it, and a mean of the others, their weights adding up to 1 at most.
    Whichever are summed, the bound holds: here those of the largest values, as many as make it smallest. So light units
    with huge values cost what they add.
    """
    xp = namespace(part)
    value = xp.maximum(abs(values.heavy), abs(values.light))
    order = xp.argsort(-value)
    zero = xp.zeros_like(value[..., :1])
    summed = xp.concatenate([zero, xp.cumsum(reordered(part, order), -1)], -1)
    others = xp.concatenate([reordered(value, order), zero], -1)
    fixed, empty = abs(values.fixed)[..., None], abs(values.empty)[..., None]
    fixed_share = xp.where(xp.isfinite(weights.fixed), xp.exp(weights.fixed - weights.floor), 0.0)[..., None, None]
    others = xp.where(others > 0, xp.maximum(others, fixed), fixed_share * fixed)
    bound = xp.maximum(summed + others, empty)
    deviation: HeadsOutputs = xp.amin(xp.where(xp.isnan(bound), np.inf, bound), -1)
    return deviation
