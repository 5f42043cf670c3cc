"""Shapley values of any game from random coalitions, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.methods.coalitions import SAMPLINGS, Coalitions, Strata

_CELLS = 1 << 22  # masks x units held at once

Vector = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Sampled:
    """Estimated Shapley values.

    A 95 % confidence interval is `values` plus or minus the 97.5 % quantile of Student's t with `degrees_of_freedom`
    times `std_error`: 1.96 for many degrees of freedom, 2.26 for 9.

    Attributes:
        values: float64 (units,); they sum to the value of all units minus `base_value`, but for rounding.
        std_error: float64 (units,); 0 where every coalition was evaluated, NaN where it cannot be estimated.
        base_value: value of the game with every unit removed.
        n_evaluations: masks handed to the game.
        degrees_of_freedom: of the standard errors.
    """

    values: Vector
    std_error: Vector
    base_value: float
    n_evaluations: int
    degrees_of_freedom: int


def check_permutations(n_permutations: int, antithetic: bool) -> None:
    """Refuse numbers of permutations that cannot be walked."""
    if n_permutations < 1:
        raise SettingError(f"n_permutations must be at least 1, got {n_permutations}")
    if antithetic and n_permutations % 2:
        raise SettingError(f"antithetic permutations come in pairs: n_permutations must be even, got {n_permutations}")


def check_sampling(n_samples: int, sampling: str) -> None:
    """Refuse a budget of nothing and an unknown sampling."""
    if n_samples < 2:
        raise SettingError(f"n_samples must be at least 2, for no unit and for all, got {n_samples}")
    if sampling not in SAMPLINGS:
        raise SettingError(f"unknown sampling {sampling!r}: use one of {', '.join(SAMPLINGS)}")


def permutation_shapley(game: Game, n_permutations: int = 20, *, antithetic: bool = True, seed: int = 0) -> Sampled:
    """Unbiased Shapley values: the mean change by each unit when units enter one by one, in random order.

    Every permutation takes d - 1 evaluations and its changes sum to f(all) - f(none). With `antithetic` each is walked
    in reverse too: what any two units do together goes once to the one and once to the other, so a game without
    interactions of three or more is exact. Memory does not grow with their number. A unit that never moves the value
    gets exactly 0.

    Standard errors are those of the mean over independent (pairs of) permutations. Where one unit outweighs all
    others, large changes are rare, and intervals from fewer than some 200 permutations tend to be too short.

    Args:
        game: the game.
        n_permutations: permutations walked, reversed ones among them.
        antithetic: walk every permutation in reverse too.
        seed: equal seeds, equal results.

    Raises:
        SettingError: no permutation, an odd number of them with `antithetic`, or a game of several outputs.

    Source:
        Castro, Gomez, Tejada 2009; in reverse: Mitchell, Cooper, Frank, Holmes 2022.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> permutation_shapley(game).values.round(9)
        array([ 0.575, -2.175])
    """
    check_permutations(n_permutations, antithetic)
    d, (nothing, everything) = game.n_units, _ends(game)
    generator = np.random.default_rng(seed)
    together = 2 if antithetic else 1
    n_groups = n_permutations // together
    per_block = max(1, _CELLS // (together * d * d))
    mean, squares = np.zeros(d), np.zeros(d)
    for done in range(0, n_groups, per_block):
        n = min(per_block, n_groups - done)
        entry = generator.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
        walks = np.concatenate([entry, d - 1 - entry]) if antithetic else entry
        changes = _walk(game, walks, nothing, everything).reshape(together, n, d).mean(0)
        # Chan, Golub, LeVeque 1983: means and sums of squares of two parts put together
        offset = changes.mean(0) - mean
        squares += ((changes - changes.mean(0)) ** 2).sum(0) + offset**2 * (done * n / (done + n))
        mean += offset * (n / (done + n))
    error = np.sqrt(squares / (n_groups - 1) / n_groups) if n_groups > 1 else np.full(d, np.nan)
    return Sampled(mean, error, nothing, 2 + n_permutations * (d - 1), n_groups - 1)


def _walk(
    game: Game, entry: Int64[np.ndarray, "walks units"], nothing: float, everything: float
) -> Float64[np.ndarray, "walks units"]:
    """Change of the value by each unit when it enters as number `entry`, counted from 0."""
    n, d = entry.shape
    between = np.empty(n * (d - 1))
    at_once = max(1, _CELLS // d)
    for start in range(0, len(between), at_once):
        walk, newest = np.divmod(np.arange(start, min(start + at_once, len(between))), d - 1)
        between[start : start + at_once] = game(entry[walk] <= newest[:, None])
    ends = np.full((n, 1), nothing), np.full((n, 1), everything)
    values = np.concatenate([ends[0], between.reshape(n, d - 1), ends[1]], axis=1)
    return np.take_along_axis(np.diff(values, axis=1), entry, axis=1)


def kernel_shapley(
    game: Game, n_samples: int = 2048, *, sampling: str = "kernel", paired: bool = True, seed: int = 0
) -> Sampled:
    """Shapley values by least squares: the additive game nearest to the values of random coalitions.

    Nearness is weighted by the Shapley kernel, and the fit is exact for no unit and for all (the constraint is solved
    for, not weighted). Coalitions are drawn without replacement, a fixed number of each size, so the result is exact
    once `n_samples` reaches 2^d. An additive game is exact from any sample. With `paired`, a coalition comes with
    its complement: only the difference of their values matters then, and for two units that act together it is
    additive, so a game without interactions of three or more is exact too.

    Standard errors come from the sandwich estimator for stratified sampling: the spread within each size of what a
    coalition (or pair) adds to the fit, times the share not drawn; residuals are divided by sqrt(1 - leverage), for
    the fit bends towards the coalitions it saw (MacKinnon and White 1985, HC2). They are NaN where one coalition alone
    decides on a coefficient, which can happen up to some 5 d samples. Needs n_samples x units numbers.

    Args:
        game: the game.
        n_samples: evaluations of the game at most, those of no unit and of all among them.
        sampling: how often each size is drawn: in proportion to its "kernel" weight, or to its "leverage" scores.
        paired: draw a coalition together with its complement.
        seed: equal seeds, equal results.

    Raises:
        SettingError: fewer than 2 d + 2 samples (or 2^d, if that is less), or coalitions that do not tell the units
            apart, which can happen up to some 4 d; unknown sampling; a game of several outputs.

    Source:
        Lundberg and Lee 2017, theorem 2; pairs: Covert and Lee 2021; leverage: Musco and Witter 2025.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> kernel_shapley(game).values.round(9)
        array([ 0.575, -2.175])
    """
    check_sampling(n_samples, sampling)
    d = game.n_units
    least = min(1 << d, 2 * d + 2)
    if n_samples < least:
        raise SettingError(f"{n_samples} samples cannot tell {d} units apart: give n_samples of at least {least}")
    strata = Strata(d, paired)
    counts = strata.allocate((n_samples - 2) // (2 if paired else 1), sampling)
    drawn = strata.draw(counts, np.random.default_rng(seed))
    fit = _Regression(drawn)
    nothing, everything = _ends(game)
    total, share = everything - nothing, drawn.masks.sum(1) / d
    if paired:
        ahead, behind = np.split(game(np.concatenate([drawn.masks, ~drawn.masks])), 2)
        excess = (ahead - behind - total * (2 * share - 1)) / 2
    else:
        excess = game(drawn.masks) - nothing - total * share
    n_rows = len(drawn.masks)
    values, error = fit(excess)
    return Sampled(total / d + values, error, nothing, 2 + n_rows * (2 if paired else 1), n_rows - d + 1)


class _Regression:
    """Weighted least squares on coalitions whose coefficients sum to 0.

    Centring each row, mask minus share kept, eliminates the constraint: the coefficients of least norm then sum to 0.

    Raises:
        SettingError: the coalitions do not tell all units apart.
    """

    def __init__(self, drawn: Coalitions) -> None:
        self._drawn = drawn
        self._x = drawn.masks - drawn.masks.mean(1, keepdims=True)
        spread, axes = np.linalg.eigh((self._x * drawn.weight[:, None]).T @ self._x)
        if len(spread) > 1 and spread[1] <= 1e-9 * spread[-1]:
            n_units = len(spread)
            raise SettingError(f"the coalitions drawn cannot tell {n_units} units apart: give a larger n_samples")
        self._root = axes[:, 1:] / np.sqrt(spread[1:])  # without the direction in which all coefficients are alike

    def __call__(self, y: Float64[np.ndarray, " n"]) -> tuple[Vector, Vector]:
        """Coefficients and their standard errors."""
        weight, n = self._drawn.weight, self._drawn.counts
        pull = self._root @ (self._root.T @ (self._x.T @ (weight * y)))
        along = self._x @ self._root
        slack = 1.0 - weight * (along**2).sum(1)
        residual = weight * (y - self._x @ pull)
        sampled = np.repeat(self._drawn.missed > 0, n)
        if not sampled.any():
            return pull - pull.mean(), np.zeros(len(pull))
        if slack[sampled].min() < 1e-9:  # a row that the fit follows whatever its value
            return pull - pull.mean(), np.full(len(pull), np.nan)
        scaled = residual / np.sqrt(np.where(sampled, slack, 1.0))
        influence = scaled[:, None] * (along @ self._root.T)
        starts = np.cumsum(n) - n
        influence -= np.repeat(np.add.reduceat(influence, starts) / n[:, None], n, axis=0)
        variance = np.repeat(self._drawn.missed * n / np.maximum(n - 1, 1), n) @ influence**2
        return pull - pull.mean(), np.sqrt(variance)


def _ends(game: Game) -> tuple[float, float]:
    """Values of no unit and of all."""
    values = game(np.repeat([[False], [True]], game.n_units, axis=1))
    if values.ndim > 1:
        raise SettingError(f"sampling takes one output at a time, the game has {values.shape[1]}")
    return float(values[0]), float(values[1])
