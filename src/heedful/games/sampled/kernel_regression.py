"""Shapley values of any game by weighted least squares on random coalitions (KernelSHAP), with standard errors."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.games.sampled.coalitions import SAMPLINGS, Coalitions, Masks, Strata
from heedful.games.sampled.stopping import Sampled, Stop, Vector, check_precision, ends
from heedful.support.settings import check_whole

_ROWS = 50  # coalitions, or pairs of them, before a standard error is trusted


def check_sampling(n_samples: int, sampling: str) -> None:
    """Refuse a budget of nothing and an unknown sampling."""
    check_whole("n_samples", n_samples, 2)  # for no unit and for all
    if sampling not in SAMPLINGS:
        raise SettingError(f"unknown sampling {sampling!r}: use one of {', '.join(SAMPLINGS)}")


def kernel_shapley(  # as many arguments as there are choices
    game: Game,
    n_samples: int = 4096,
    *,
    sampling: str = "kernel",
    paired: bool = True,
    precision: float | None = None,
    seed: int = 0,
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
        precision: stop at this largest standard error, as a share of the largest absolute value; see `Stop`. A shorter
            run fits a random part of the same coalitions, of every size as many as a budget of its length allots.
        seed: equal seeds, equal results.

    Raises:
        SettingError: fewer than 2 d + 2 samples (or 2^d, if that is less), or coalitions that do not tell the units
            apart, which can happen up to some 4 d; unknown sampling; a precision not above 0; a game of several
            outputs.

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
    check_precision(precision)
    d, together = game.n_units, 2 if paired else 1
    least = min(1 << d, 2 * d + 2)
    if n_samples < least:
        raise SettingError(f"{n_samples} samples cannot tell {d} units apart: give n_samples of at least {least}")
    strata, generator = Strata(d, paired), np.random.default_rng(seed)
    drawn = strata.draw(strata.allocate((n_samples - 2) // together, sampling), generator)
    try:
        whole = _Regression(drawn)  # before anything is spent
    except SettingError:
        enough = 2 + together * _enough(strata, len(drawn.masks), sampling, seed)
        raise SettingError(
            f"the {n_samples} coalitions drawn cannot tell {d} units apart: give n_samples of at least {enough}"
        ) from None
    nothing, everything = ends(game)
    total, most = everything - nothing, len(drawn.masks)
    order = None if precision is None else strata.shuffle(drawn.counts, generator)
    stop, excess, known = Stop(precision, max(_ROWS, 4 * d)), np.empty(most), np.zeros(most, dtype=bool)
    for look in stop.looks(most):
        rows, part = np.ones(most, dtype=bool), drawn
        if order is not None and look < most:
            rows, part = strata.thin(drawn, order, strata.allocate(look, sampling))
        new = rows & ~known
        excess[new] = _excess(game, drawn.masks[new], nothing, total, paired)
        known |= new
        values, error = whole(excess) if part is drawn else _fit(part, excess[rows])
        if precise := stop.reached(look, values, error):
            break
    enumerated = part is drawn and not drawn.missed.any()
    return Sampled(
        total / d + values,
        error,
        nothing,
        2 + int(known.sum()) * together,
        len(part.masks) - d + 1,
        enumerated=enumerated,
        precise=None if precision is None else precise or enumerated,
    )


def _enough(strata: Strata, n: int, sampling: str, seed: int) -> int:
    """More than n coalitions, about as few as tell the units apart."""
    while True:
        n += 1 + n // 8
        with suppress(SettingError):
            _Regression(strata.draw(strata.allocate(n, sampling), np.random.default_rng(seed)))
            return n


def _excess(game: Game, masks: Masks, nothing: float, total: float, paired: bool) -> Float64[np.ndarray, " n"]:
    """What coalitions are worth beyond their share of the total; of pairs, half of what the first is worth more."""
    share = masks.sum(1) / masks.shape[1]
    if not paired:
        return game(masks) - nothing - total * share
    ahead, behind = np.split(game(np.concatenate([masks, ~masks])), 2)
    return (ahead - behind - total * (2 * share - 1)) / 2


def _fit(part: Coalitions, excess: Float64[np.ndarray, " n"]) -> tuple[Vector, Vector]:
    """Coefficients and their standard errors; unknown where the coalitions do not tell the units apart yet."""
    try:
        return _Regression(part)(excess)
    except SettingError:
        unknown = np.full(part.masks.shape[1], np.nan)
        return unknown, unknown


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
