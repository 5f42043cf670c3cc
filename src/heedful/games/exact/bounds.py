"""A-priori error bounds: what the exponential sum and rounding can do to averages and differences of a game.

The exponential sum multiplies every value f by 1 + e(log D), where e and its derivatives are bounded whatever the game.
So it answers for another game that is uniformly close, and its error in any average of differences follows from
bounds on the differences themselves. Rounding is estimated, not bounded: it grows as in a random walk.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from heedful.games.exact.arrays import AnyArray, namespace
from heedful.games.exact.laplace import ExponentialSum
from heedful.games.exact.prepared import EPS, Prepared

PerOutput = Float64[AnyArray, "*games outputs"]


def of_values(game: Prepared, recipe: ExponentialSum) -> tuple[PerOutput, PerOutput]:
    """Errors (quadrature, rounding) of any average of f - f(all).

    What is summed are terms, not changes by units: they may cancel, so rounding goes by what they are without that.
    """
    return recipe.relative * game.bounds.swing.mean(-2), _rounding_factor(game) * game.bounds.deviation.mean(-2)


def of_differences(game: Prepared, recipe: ExponentialSum) -> tuple[PerOutput, PerOutput]:
    """Errors (quadrature, rounding) of any average of f(S + j) - f(S), for the worst unit j."""
    reach, swing = game.bounds.reach, game.bounds.swing[..., None]
    moved = recipe.relative * reach + swing * _change(game, recipe)[..., None, :]
    return namespace(moved).amax(moved.mean(-3), -1), _rounding_factor(game) * first_scale(game)


def of_second_differences(game: Prepared, recipe: ExponentialSum) -> tuple[PerOutput, PerOutput]:
    """Errors (quadrature, rounding) of any average of f(S+j+k) - f(S+j) - f(S+k) + f(S), for the worst pair."""
    moved = np.zeros((game.n_outputs, game.n_units, game.n_units))
    change = _change(game, recipe)
    for h in range(game.n_heads):
        stretch = game.bounds.stretch[h]
        with np.errstate(over="ignore", invalid="ignore"):
            growth = np.expm1(stretch)
            bend = recipe.curve * np.multiply.outer(stretch, stretch) + recipe.slope * np.multiply.outer(growth, growth)
        # a unit that changes nothing makes this 0 times infinity
        bend = np.fmin(2.0 * np.minimum.outer(change[h], change[h]), bend)
        tilt = game.bounds.reach[h][:, :, None] * change[h]
        moved += recipe.relative * _pair_reach(game, h) + tilt + tilt.swapaxes(1, 2)
        moved += game.bounds.swing[h][:, None, None] * bend
    off = ~np.eye(game.n_units, dtype=bool)
    return moved[:, off].max(1) / game.n_heads, _rounding_factor(game) * second_scale(game)


def first_scale(game: Prepared) -> PerOutput:
    """Bound on any difference f(S + j) - f(S)."""
    reach = game.bounds.reach
    scale: PerOutput = namespace(reach).amax(reach.mean(-3), -1)
    return scale


def second_scale(game: Prepared) -> PerOutput:
    """Bound on any second difference f(S+j+k) - f(S+j) - f(S+k) + f(S)."""
    reach = np.mean([_pair_reach(game, h) for h in range(game.n_heads)], axis=0)
    scale: PerOutput = reach[:, ~np.eye(game.n_units, dtype=bool)].max(1)
    return scale


def _pair_reach(game: Prepared, h: int) -> Float64[np.ndarray, "outputs units units"]:
    """One unit's difference changes with the value it is taken from, and with the total weight it is divided by."""
    reach, stretch = game.bounds.reach[h], game.bounds.stretch[h]
    with np.errstate(over="ignore"):
        pull = reach[:, :, None] * np.minimum(game.weights.gap[h], np.expm1(stretch))
    bound: Float64[np.ndarray, "outputs units units"] = np.minimum(
        2.0 * np.minimum(reach[:, :, None], reach[:, None, :]), pull + pull.swapaxes(1, 2)
    )
    return bound


def _change(game: Prepared, recipe: ExponentialSum) -> Float64[AnyArray, "*games heads units"]:
    """Bound on the change of e(log D) by one unit."""
    stretch = game.bounds.stretch
    return namespace(stretch).clip(recipe.slope * stretch, None, 2.0 * recipe.relative)


def _rounding_factor(game: Prepared) -> Float64[AnyArray, "*games 1"]:
    """Relative rounding error of an average: d factors, and log weights as far as they reach."""
    xp, high, floor = namespace(game.weights.high), game.weights.high, game.weights.floor
    logs = xp.concatenate([high, floor[..., None]], -1)
    farthest = -xp.amin(xp.where(xp.isfinite(logs), logs, 0.0), (-2, -1))[..., None]
    return EPS * (32.0 + 4.0 * xp.sqrt(xp.asarray(1.0 * game.n_units)) + 2.0 * xp.clip(farthest, 0.0, None))
