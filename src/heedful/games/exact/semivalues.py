"""Shapley values, Banzhaf values and every other semivalue of a ratio game."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import PrecisionError, SettingError
from heedful.games.exact import bounds, engine, rules
from heedful.games.exact.prepared import Prepared, prepare
from heedful.games.exact.sizes import Beta, Density, Mixture, density_sizes, mixture
from heedful.games.ratio import Array, Number, RatioGame

MixtureOf = Callable[[float], Mixture]
HALF = Mixture(rules.HALF.p, rules.HALF.weight[:, None], np.zeros((2, 1)), np.zeros(1))  # of Banzhaf values


@dataclass(frozen=True, eq=False)
class Semivalue:
    """Average change of the value by each unit.

    Attributes:
        values: (units,) or (units, outputs).
        base_value: value of the game with every unit removed.
        error_bound: largest absolute error of any of the values.
        nodes: quadrature points evaluated.
    """

    values: Float64[np.ndarray, "units ..."]
    base_value: Array
    error_bound: float
    nodes: int


def shapley(game: RatioGame, tolerance: Number = 1e-9) -> Semivalue:
    """Compute Shapley values of a ratio game, numerically exact, in time linear in the number of units.

    The chance p of keeping another unit is integrated from 0 to 1, the Laplace variable u over all scales: the theory
    page has the identity, its quadrature and the certificate. That the values sum to f(all) - f(none) is checked.

    Args:
        game: the ratio game.
        tolerance: largest error bound allowed, as a share of the largest absolute value of each output.

    Raises:
        SettingError: the tolerance is not positive, or the value of some mask is undefined (see `RatioGame.empty`).
        PrecisionError: the tolerance cannot be met.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> shapley(game).values.round(9)
        array([ 0.575, -2.175])
    """
    prepared = prepare(game)
    result = engine.refine(lambda target: certified(prepared, engine.run(prepared, target, rules.uniform)), tolerance)
    nothing, everything = game.ends()
    check_sum(prepared, result, np.ravel(everything - nothing))
    return _finish(game, result, nothing)


def check_sum(game: Prepared, result: engine.Attempt, change: engine.PerOutput) -> None:
    """Shapley values add up to `change`, f(all) - f(none), within their bound and the rounding of the two values.

    Raises:
        PrecisionError: they do not.
    """
    gap = abs(result.values.sum(-1) - change)
    evaluation = 1e-12 * (abs(game.values.centre) + game.bounds.deviation).mean(-2)
    if (gap > game.n_units * result.bound + evaluation).any():
        raise PrecisionError(f"the values miss f(all) - f(none) by {gap.max():.1e}, more than certified: report a bug")


def certified(game: Prepared, done: engine.Pass, total: Any = 1.0, missed: Any = 0.0) -> engine.Attempt:
    """Semivalues with their bounds, and the values with every unit removed as offsets.

    Args:
        game: what was integrated, one game or many.
        done: over a mixture of chances, or over all of them (the Shapley value).
        total: sum of the mixture's absolute weights.
        missed: what the mixture misses.
    """
    quadrature, rounding = bounds.of_differences(game, done.recipe)
    quadrature = total * (quadrature + done.missed) + missed * bounds.first_scale(game)
    base = (game.values.nothing + game.values.centre).mean(-2)
    return engine.Attempt(done.slope, quadrature, total * rounding, done.points, base)


def banzhaf(game: RatioGame, tolerance: Number = 1e-9) -> Semivalue:
    """Compute Banzhaf values of a ratio game: average change by a unit when every other is kept with chance 1/2.

    Arguments and errors as for `shapley`.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> banzhaf(game).values.round(9)
        array([ 0.575, -2.175])
    """
    result = engine.refine(partial(_attempt_mixture, prepare(game), lambda _: HALF), tolerance)
    return _finish(game, result, game.ends()[0])


def semivalue(game: RatioGame, density: Density | Beta, tolerance: Number = 1e-9) -> Semivalue:
    """Compute a semivalue of a ratio game: the chance of keeping another unit is drawn from `density`.

    Args:
        game: the ratio game.
        density: `Beta(a, b)`, or a function that gives a density for an array of chances in [0, 1].
        tolerance: as for `shapley`.

    Raises:
        SettingError: as for `shapley`, or the density is negative, not finite, or does not integrate to 1.
        PrecisionError: the tolerance cannot be met, or the density is too rough.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> semivalue(game, Beta(1, 1)).values.round(9), semivalue(game, lambda p: 2 * p).values.round(9)
        (array([ 0.575, -2.175]), array([ 0.6 , -2.15]))
    """
    prepared = prepare(game)
    mixture_for = partial(mixture_of, density, game.n_units - 1)
    return _finish(game, engine.refine(partial(_attempt_mixture, prepared, mixture_for), tolerance), game.ends()[0])


def mixture_of(density: Density | Beta, others: int, target: float) -> Mixture:
    """The mixture whose semivalues miss about `target` of their scale, for so many other units."""
    if isinstance(density, Beta):
        return _beta_mixture(density, others, target)
    if not callable(density):
        raise SettingError(f"density must be Beta(a, b) or a function of chances, got {type(density).__name__}")
    return _density_mixture(density, others, target)


@lru_cache(maxsize=4096)
def _beta_mixture(density: Beta, others: int, target: float) -> Mixture:
    return mixture(density.sizes(others)[:, None], 0.1 * target)


def _density_mixture(density: Density, others: int, target: float) -> Mixture:
    sizes, error = density_sizes(density, others)
    fitted = mixture(sizes[:, None], 0.1 * target)
    return replace(fitted, missed=fitted.missed + error)


def _attempt_mixture(game: Prepared, mixture_for: MixtureOf, target: float) -> engine.Attempt:
    mixture = mixture_for(target)
    done = engine.run(game, target, partial(rules.mixed, chances=rules.Chances(mixture.p, mixture.weight[:, 0])))
    return certified(game, done, float(mixture.total[0]), float(mixture.missed[0]))


def _finish(game: RatioGame, result: engine.Attempt, base: Array) -> Semivalue:
    values = result.values.T.reshape(game.n_units, *game.outputs)
    return Semivalue(values, base, float(result.bound.max()), result.nodes)
