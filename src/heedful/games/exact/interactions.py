"""Pairwise interaction indices: second derivatives of the same integrand, for all pairs at once by matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from heedful.games.exact import bounds, compiled, engine, rules
from heedful.games.exact.prepared import Prepared, prepare
from heedful.games.exact.tables import Nodes, split, tables
from heedful.games.ratio import Number, RatioGame
from heedful.support.parallel import in_parallel


@dataclass(frozen=True, eq=False)
class Interactions:
    """Average second differences f(S+j+k) - f(S+j) - f(S+k) + f(S) of all pairs of units.

    Attributes:
        values: (units, units) or (units, units, outputs), symmetric, 0 on the diagonal.
        error_bound: largest absolute error of any of the values.
        nodes: quadrature points evaluated.
    """

    values: Float64[np.ndarray, "units units ..."]
    error_bound: float
    nodes: int


def shapley_interactions(game: RatioGame, tolerance: Number = 1e-9) -> Interactions:
    """Compute the Shapley interaction index of all pairs (Grabisch and Roubens, 1999), numerically exact.

    Arguments and errors as for `shapley`; the tolerance is a share of the largest interaction.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> shapley_interactions(game).values.round(9)
        array([[0.  , 0.15], [0.15, 0.  ]])
    """
    return _solve(game, rules.uniform, tolerance)


def banzhaf_interactions(game: RatioGame, tolerance: Number = 1e-9) -> Interactions:
    """Compute the Banzhaf interaction index of all pairs: every other unit is kept with chance 1/2.

    Arguments and errors as for `shapley_interactions`.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> banzhaf_interactions(game).values.round(9)
        array([[0.  , 0.15], [0.15, 0.  ]])
    """
    return _solve(game, partial(rules.mixed, chances=rules.HALF), tolerance)


def _solve(game: RatioGame, rule_of: engine.RuleOf, tolerance: Number) -> Interactions:
    prepared = prepare(game)
    if game.n_units == 1:
        return Interactions(np.zeros((1, 1, *game.outputs)), 0.0, 0)
    result = engine.refine(partial(_attempt, prepared, rule_of), tolerance)
    values = np.moveaxis(result.values, 0, -1).reshape(game.n_units, game.n_units, *game.outputs)
    return Interactions(values, float(result.bound.max()), result.nodes)


def _attempt(game: Prepared, rule_of: engine.RuleOf, target: float) -> engine.Attempt:
    recipe, nodes, allow = engine.plan(game, target, order=2)
    total, missed, points = np.zeros((game.n_outputs, game.n_units, game.n_units)), np.zeros(game.n_outputs), 0

    def one(part: Nodes) -> tuple[np.ndarray, rules.Rule]:
        block = tables(game, part)
        rule = rule_of(block, allow)
        left, right = compiled.pair_rows(block.arrays, rule.arrays)
        return left.T @ right, rule

    for half, rule in in_parallel(one, split(nodes, game), least=engine.MANY):
        total += half + half.swapaxes(1, 2)
        missed, points = missed + rule.missed, points + rule.points
    diagonal = np.arange(game.n_units)
    total[:, diagonal, diagonal] = 0.0
    quadrature, rounding = bounds.of_second_differences(game, recipe)
    return engine.Attempt(total, quadrature + missed, rounding, points)
