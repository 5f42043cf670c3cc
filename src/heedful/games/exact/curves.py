"""Expected values under independent removal, and expected deletion and insertion curves under a ranking."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import PrecisionError, SettingError
from heedful.games.exact import bounds, compiled, engine
from heedful.games.exact.checks import check_game
from heedful.games.exact.laplace import exponential_sum
from heedful.games.exact.prepared import EPS, prepare
from heedful.games.exact.tables import Tables, all_nodes, split, tables
from heedful.games.ratio import Array, Number, RatioGame
from heedful.games.terms import Terms, floats
from heedful.support.parallel import in_parallel

Scores = Float64[np.ndarray, " units"]
Points = Float64[np.ndarray, "outputs points"]
Units = Bool[np.ndarray, " units"]

_FURTHEST = 650.0  # how far below a head's largest weight, in logarithms, `RatioGame` still sums relative to it


@dataclass(frozen=True, eq=False)
class Expectation:
    """Expected values of a game.

    Attributes:
        values: () or (outputs,) for one expectation, (units + 1,) or (units + 1, outputs) for a curve.
        error_bound: largest absolute error of any of the values.
    """

    values: Array
    error_bound: float


def expected_value(game: RatioGame, p: Number | Scores, tolerance: Number = 1e-9) -> Expectation:
    """Compute the expected value when units are kept independently, each with its chance p.

    Args:
        game: the ratio game.
        p: one chance for all units, or one a unit, in [0, 1].
        tolerance: largest error bound allowed, as a share of the largest value or change of value of each output.

    Raises:
        SettingError: a chance is not in [0, 1], or the value of some mask is undefined (see `RatioGame.empty`).
        PrecisionError: the tolerance cannot be met.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> float(expected_value(game, 0.5).values.round(9))  # of 1, 1.5, -1.25 and -0.6
        0.1625
    """
    check_game(game)
    engine.first_target(tolerance)  # refuses senseless ones
    chance = floats("p", p)
    if chance.shape not in ((), (game.n_units,)):
        raise SettingError(f"p must be one chance, or {game.n_units}, one a unit, got {chance.shape}")
    chance = np.broadcast_to(chance, game.n_units)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise SettingError("p must lie between 0 and 1")
    free = (chance > 0) & (chance < 1)
    if not free.any():
        return Expectation(game(chance[None] > 0).reshape(game.outputs), _evaluation_error(game))
    open_chance = chance[free]

    def one(block: Tables) -> Points:
        factor, factor_step, part, part_step, _, base, scale = block.arrays
        M = factor + open_chance * factor_step
        shares = (part + open_chance * part_step) / M[:, None]
        total: Points = (scale * M.prod(1)) @ (base + shares.sum(2))
        return total[:, None]

    values, bound = _integrate(game, (free, chance > 0), one, tolerance)
    return Expectation(values[:, 0].reshape(game.outputs), bound)


def deletion_curve(game: RatioGame, scores: Scores, tolerance: Number = 1e-9) -> Expectation:
    """Compute the value after removing 0, 1, ..., all units, those with the highest scores first.

    Units with equal scores are removed in random order, and the curve is the exact mean over these orders: with all
    scores equal it is the curve of a random ranking, the baseline for every other.

    Args:
        game: the ratio game.
        scores: one score a unit.
        tolerance: largest error bound allowed, as a share of the largest value or change of value of each output.

    Raises:
        SettingError: `scores` does not have one number a unit, or the value of some mask is undefined.
        PrecisionError: the tolerance cannot be met.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> deletion_curve(game, np.array([2.0, 1.0])).values, deletion_curve(game, np.zeros(2)).values.round(9)
        (array([-0.6 , -1.25,  1.  ]), array([-0.6  ,  0.125,  1.   ]))
    """
    return _curve(game, scores, tolerance, insertion=False)


def insertion_curve(game: RatioGame, scores: Scores, tolerance: Number = 1e-9) -> Expectation:
    """Compute the value after adding 0, 1, ..., all units to none, those with the highest scores first.

    Ties, arguments and errors as for `deletion_curve`.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> insertion_curve(game, np.array([2.0, 1.0])).values
        array([ 1. ,  1.5, -0.6])
    """
    return _curve(game, scores, tolerance, insertion=True)


def _curve(game: RatioGame, scores: Scores, tolerance: Number, *, insertion: bool) -> Expectation:
    check_game(game)
    engine.first_target(tolerance)  # refuses senseless ones
    scores = floats("scores", scores)
    if scores.shape != (game.n_units,) or np.isnan(scores).any():
        raise SettingError(f"scores must be {game.n_units} numbers, one a unit, got {scores.shape}")
    level, size = np.unique(-scores, return_inverse=True, return_counts=True)[1:]
    place = np.argsort(level, kind="stable").argsort()
    # without ties, step i has the units of the first i places gone (or there)
    moved = place < np.arange(game.n_units + 1)[:, None]
    values, bound = game(moved == insertion), _evaluation_error(game)
    for tie in np.flatnonzero(size > 1):
        start, free = int(size[:tie].sum()), level == tie
        means, error = _integrate(game, (free, moved[start] == insertion), _size_means, tolerance)
        steps = means if insertion else means[:, ::-1]
        values[start + 1 : start + size[tie]] = steps[:, 1:-1].T.reshape(-1, *game.outputs)
        bound = max(bound, error)
    return Expectation(values, bound)


def _size_means(block: Tables) -> Points:
    means: Points = compiled.size_means(block.arrays)
    return means


def _integrate(
    whole: RatioGame, choice: tuple[Units, Units], integrand: Callable[[Tables], Points], tolerance: Number
) -> tuple[Points, float]:
    """Return the sum of an integrand over all nodes, with its error bound.

    Args:
        whole: the game.
        choice: which units are free, and which of the others are kept.
        integrand: of the game of the free units.
        tolerance: as for `expected_value`.
    """
    restricted = whole.restricted(*choice)
    game, recipe = prepare(restricted), exponential_sum(max(1e-17, engine.first_target(tolerance)))
    blocks = split(all_nodes(game, recipe), game)
    values: Points = np.sum(
        in_parallel(lambda nodes: integrand(tables(game, nodes)), blocks, least=engine.MANY), axis=0
    )
    centre, swing = game.values.centre.mean(0), game.bounds.swing.mean(0)
    values += centre[:, None]
    bound = np.add(*bounds.of_values(game, recipe)) + 4.0 * EPS * np.abs(game.values.centre).mean(0)
    if not choice[0].all():
        bound += _pooling_error(whole, restricted.fixed)
    largest = np.abs(values).max(1)
    scale = np.maximum(largest, swing)
    # values that cannot be told from zero are returned with their bound
    if ((bound > tolerance * scale) & (bound < largest)).any():
        raise PrecisionError(f"cannot certify {tolerance:.1e} of the values, only {(bound / scale).max():.1e}")
    return values, float(bound.max())


def _evaluation_error(game: RatioGame) -> float:
    """Rounding error of plain evaluations.

    Weights are relative to a head's largest one: a mask whose own weights are far below it has their rounding, too.
    """
    kept, removed, fixed = (terms.log_weight for terms in (game.kept, game.removed, game.fixed))
    larger, smaller = np.maximum(kept, removed), np.minimum(kept, removed)
    heaviest = np.maximum(larger.max(1), fixed)
    always = np.maximum(smaller.max(1), fixed)  # what every mask has at least
    alone = np.where(np.isfinite(larger), larger, heaviest[:, None]).min(1)
    lightest = np.where(np.isneginf(always), alone, always)
    below = np.where(np.isneginf(heaviest), 0.0, heaviest) - np.where(np.isneginf(heaviest), 0.0, lightest)
    return EPS * (16.0 + 2.0 * math.sqrt(game.n_units) + min(float(below.max()), _FURTHEST)) * _largest(game)


def _pooling_error(game: RatioGame, pooled: Terms) -> float:
    """Rounding error of pooling the units that are not free with the fixed part: logarithms are rounded as they are."""
    there = pooled.log_weight[np.isfinite(pooled.log_weight)]
    return _evaluation_error(game) + 2.0 * EPS * float(np.abs(there).max(initial=0.0)) * _largest(game)


def _largest(game: RatioGame) -> float:
    largest = max(float(np.abs(terms.value).max()) for terms in (game.kept, game.removed, game.fixed))
    return largest if game.empty is None else max(largest, float(np.abs(game.empty).max()))
