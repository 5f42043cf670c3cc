"""A ratio game brought into the form the integrals need, with a-priori bounds on what it can do.

Per head and unit only the larger of the two weights (in logarithms) and the share by which the smaller one falls short
are kept, so that equal weights cancel exactly and small differences keep their digits. Values are taken relative to the
head's value of the whole text: a constant shifts every average and drops out of every difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import SettingError
from heedful.games.ratio import RatioGame

EPS = float(np.finfo(np.float64).eps)

PerHead = Float64[np.ndarray, " heads"]
HeadsUnits = Float64[np.ndarray, "heads units"]
HeadsOutputs = Float64[np.ndarray, "heads outputs"]
HeadsOutputsUnits = Float64[np.ndarray, "heads outputs units"]


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

    kept_high: Bool[np.ndarray, "heads units"]
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
        centre: value of a head with every unit kept, itself not relative to anything.
    """

    heavy: HeadsOutputsUnits
    light: HeadsOutputsUnits
    excess: HeadsOutputsUnits
    fixed: HeadsOutputs
    empty: HeadsOutputs
    nothing: HeadsOutputs
    centre: HeadsOutputs

    def largest(self) -> HeadsOutputs:
        """Largest absolute value of any term: no value of the head is further from that of the whole text."""
        parts = [np.abs(self.heavy).max(2), np.abs(self.light).max(2), np.abs(self.fixed), np.abs(self.empty)]
        largest: HeadsOutputs = np.maximum.reduce(parts)
        return largest


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the values of a game can do at most, over all masks.

    Attributes:
        reach: change of a head's value by one unit.
        stretch: change of the logarithm of a head's total weight by one unit.
        swing: change of a head's value against the whole text.
    """

    reach: HeadsOutputsUnits
    stretch: HeadsUnits
    swing: HeadsOutputs


@dataclass(frozen=True, eq=False)
class Prepared:
    """A ratio game, ready to be integrated."""

    weights: Weights
    values: Values
    bounds: Bounds

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return self.weights.high.shape[0]

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.weights.high.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs; 1 for a game with a single one."""
        return self.values.fixed.shape[1]


def prepare(game: RatioGame) -> Prepared:
    """Orient, centre and bound a game.

    Raises:
        SettingError: some mask leaves a head without any term, and the game has no `empty` value.
    """
    logs = _relative_logs(game)
    weights = _weights(game, logs)
    if np.isneginf(weights.floor).any() and game.empty is None:
        raise SettingError("with every unit removed no term is left: give the game an `empty` value, or a fixed part")
    values = _values(game, weights, logs)
    return Prepared(weights, values, _bounds(weights, values))


def _relative_logs(game: RatioGame) -> tuple[HeadsUnits, HeadsUnits, PerHead]:
    """Log weights kept, removed and fixed, relative to the largest of each head."""
    log_kept, log_removed, log_fixed = (terms.log_weight for terms in (game.kept, game.removed, game.fixed))
    top = np.maximum.reduce([log_kept.max(1), log_removed.max(1), log_fixed])
    top = np.where(np.isneginf(top), 0.0, top)
    return log_kept - top[:, None], log_removed - top[:, None], log_fixed - top


def _weights(game: RatioGame, logs: tuple[HeadsUnits, HeadsUnits, PerHead]) -> Weights:
    log_kept, log_removed, log_fixed = logs
    high, low = np.maximum(log_kept, log_removed), np.minimum(log_kept, log_removed)
    # differences come from the logarithms as they were: making them relative rounds
    kept, removed = game.kept.log_weight, game.removed.log_weight
    fall = -np.abs(np.subtract(kept, removed, where=np.isfinite(high), out=np.zeros_like(high)))
    floor, highest = _log_sum(low, log_fixed), _log_sum(high, log_fixed)
    # where nothing else is left, the lightest unit alone is the smallest total weight there is
    lightest = np.where(np.isfinite(high), high, np.inf).min(1)
    lowest = np.where(np.isneginf(floor), np.where(np.isfinite(lightest), lightest, 0.0), floor)
    gap, highest = -np.expm1(fall), np.maximum(highest, lowest)
    return Weights(kept > removed, high, low, np.exp(fall), gap, log_fixed, floor, lowest, highest)


def _log_sum(log_weight: HeadsUnits, log_fixed: PerHead) -> PerHead:
    every = np.column_stack([log_weight, log_fixed])
    top = every.max(1)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: PerHead = top + np.log(np.exp(every - top[:, None]).sum(1))
    return total


def _values(game: RatioGame, weights: Weights, logs: tuple[HeadsUnits, HeadsUnits, PerHead]) -> Values:
    log_kept, log_removed, log_fixed = logs
    kept, removed = (np.moveaxis(t.value.reshape(*log_kept.shape, -1), 1, 2) for t in (game.kept, game.removed))
    fixed = game.fixed.value.reshape(len(log_fixed), -1)
    centre = _pooled(log_kept, kept, log_fixed, fixed)
    kept_high = weights.kept_high[:, None]
    heavy, light = np.where(kept_high, kept, removed), np.where(kept_high, removed, kept)
    difference = heavy - light  # before centring, which rounds
    heavy = np.where(np.isfinite(weights.high)[:, None], heavy - centre[..., None], 0.0)
    light = np.where(np.isfinite(weights.low)[:, None], light - centre[..., None], 0.0)
    excess = np.where(np.isfinite(weights.low)[:, None], difference + weights.gap[:, None] * light, heavy)
    fixed = np.where(np.isfinite(log_fixed)[:, None], fixed - centre, 0.0)
    can_be_empty = np.isneginf(weights.floor)[:, None]
    empty = np.broadcast_to(0.0 if game.empty is None else np.asarray(game.empty, dtype=np.float64), fixed.shape)
    empty = np.where(can_be_empty, empty - centre, 0.0)
    centred = np.where(np.isfinite(log_removed)[:, None], removed - centre[..., None], 0.0)
    nothing = np.where(can_be_empty, empty, _pooled(log_removed, centred, log_fixed, fixed))
    return Values(heavy, light, excess, fixed, empty, nothing, centre)


def _pooled(log_weight: HeadsUnits, value: HeadsOutputsUnits, log_fixed: PerHead, fixed: HeadsOutputs) -> HeadsOutputs:
    """Values of the heads when all these terms are there; 0 where none is."""
    every = np.column_stack([log_weight, log_fixed])
    top = every.max(1, keepdims=True)
    weight = np.exp(every - np.where(np.isfinite(top), top, 0.0))
    total = weight.sum(1, keepdims=True)
    pooled = np.einsum("hj,hcj->hc", weight, np.concatenate([value, fixed[..., None]], axis=2))
    return np.divide(pooled, total, where=total > 0, out=np.zeros_like(pooled))


def _bounds(weights: Weights, values: Values) -> Bounds:
    """Bounds from f(S + j) - f(S) = (n_j - m_j - (a_j - b_j) f(S)) / D(S + j), and the like with S and S + j swapped.

    Either way D is at least the smallest total weight, and at least the larger of the unit's own two.
    """
    high, gap, floor = weights.high, weights.gap, weights.floor[:, None]
    most = np.maximum(np.abs(values.heavy), weights.ratio[:, None] * np.abs(values.light))
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.where(np.isfinite(high), np.exp(high - floor), 0.0)
        fixed_share = np.where(np.isfinite(weights.fixed), np.exp(weights.fixed - floor[:, 0]), 0.0)
        summed = np.einsum("hj,hcj->hc", share, most) + fixed_share[:, None] * np.abs(values.fixed)
        stretch = np.where(gap > 0, np.log1p(gap * share), 0.0)
    # a value is a weighted mean of terms, and its numerator is at most the sum of all of them
    deviation = np.fmin(values.largest(), summed)[..., None]
    reach = (np.abs(values.excess) + gap[:, None] * deviation) * np.minimum(share, 1.0)[:, None]
    # from nothing to the first term the value may jump by any amount
    reach = np.where(np.isneginf(floor)[:, None] & (gap > 0)[:, None], np.inf, reach)
    reach = np.minimum(reach, 2.0 * deviation)
    return Bounds(reach, stretch, np.minimum(deviation[..., 0], reach.sum(2)))
