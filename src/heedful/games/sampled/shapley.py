"""Shapley values of any game from random coalitions, with standard errors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from jaxtyping import Float64, Int64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.games.sampled.coalitions import SAMPLINGS, Coalitions, Masks, Strata
from heedful.games.sampled.stopping import Sampled, Stop, Vector, check_precision
from heedful.support.settings import check_whole

_CELLS = 1 << 22  # masks x units held at once
_WALKS = 10  # permutations, or pairs of them, before a standard error is trusted; of fewer than 20, half of them
_ROWS = 50  # coalitions, or pairs of them

Entry = Int64[np.ndarray, "walks units"]


def check_permutations(n_permutations: int, antithetic: bool | float) -> None:
    """Refuse numbers of permutations, and shares of them, that cannot be walked."""
    check_whole("n_permutations", n_permutations, 1)
    if not 0 <= antithetic <= 1:
        raise SettingError(f"antithetic must be a share between 0 and 1, got {antithetic!r}")
    if antithetic and n_permutations % 2:
        raise SettingError(f"antithetic permutations come in pairs: n_permutations must be even, got {n_permutations}")


def permutations_within(n_evaluations: int, d: int, antithetic: bool | float) -> int:
    """How many permutations of d units can be walked with so many evaluations.

    Example:
        >>> permutations_within(100, 10, antithetic=True), permutations_within(100, 10, antithetic=0.25)
        (10, 14)
    """
    together = 2 if antithetic else 1
    return together * (max(0, n_evaluations - 2) // max(_evaluations(d, antithetic), 1))


def permutation_evaluations(n_permutations: int, d: int, antithetic: bool | float) -> int:
    """How many evaluations so many permutations of d units take, those of no unit and of all among them.

    Example:
        >>> permutation_evaluations(10, 10, antithetic=True), permutation_evaluations(10, 10, antithetic=0.25)
        (92, 67)
    """
    return 2 + n_permutations // (2 if antithetic else 1) * _evaluations(d, antithetic)


def check_sampling(n_samples: int, sampling: str) -> None:
    """Refuse a budget of nothing and an unknown sampling."""
    check_whole("n_samples", n_samples, 2)  # for no unit and for all
    if sampling not in SAMPLINGS:
        raise SettingError(f"unknown sampling {sampling!r}: use one of {', '.join(SAMPLINGS)}")


def permutation_shapley(  # as many arguments as there are choices
    game: Game,
    n_permutations: int = 20,
    *,
    antithetic: bool | float = True,
    unions: Int64[np.ndarray, " units"] | None = None,
    precision: float | None = None,
    seed: int = 0,
) -> Sampled:
    """Unbiased Shapley values: the mean change by each unit when units enter one by one, in random order.

    Every permutation takes d - 1 evaluations and its changes sum to f(all) - f(none). With `antithetic` each is walked
    in reverse too: what any two units do together goes once to the one and once to the other, so a game without
    interactions of three or more is exact. A unit that never moves the value gets exactly 0. Memory does not grow with
    the number of permutations.

    With a share below 1 the way back leaps over its middle, where changes are small as a rule; what the leap changes
    beyond the same steps ahead is shared evenly by the units leapt over. That still adds up, and is unbiased, for a
    random permutation and its reverse are distributed alike. All of the way back gives the smallest error for its
    evaluations as a rule; a part of it is for texts so long that a walk and its reverse are too much.

    Standard errors are those of the mean over independent (pairs of) permutations. Where one unit outweighs all
    others, large changes are rare, and intervals from fewer than some 200 permutations tend to be too short.

    Args:
        game: the game.
        n_permutations: permutations walked at most, reversed ones among them.
        antithetic: share of every permutation that is walked in reverse too, half of it at either end: True (or 1)
            for all of it, False (or 0) for none.
        unions: union of each unit, counted from 0. Units of one union then enter one behind the other, which gives
            Owen values: unions in random order, and within each its units.
        precision: stop at this largest standard error, as a share of the largest absolute value; see `Stop`. A shorter
            run walks the first of the same permutations.
        seed: equal seeds, equal results.

    Raises:
        SettingError: no permutation, an odd number of them with `antithetic`, a share of the way back outside 0 to 1, a
            precision not above 0, or a game of several outputs.

    Source:
        Castro, Gomez, Tejada 2009; in reverse: Mitchell, Cooper, Frank, Holmes 2022; with unions: Owen 1977.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> permutation_shapley(game).values.round(9)
        array([ 0.575, -2.175])
    """
    check_permutations(n_permutations, antithetic)
    check_precision(precision)
    d, (nothing, everything) = game.n_units, _ends(game)
    draw, back = _orders(d, unions, seed), _back(d, antithetic)
    together = 2 if antithetic else 1
    per_block = max(1, _CELLS // (together * d * d))
    mean, squares, done = np.zeros(d), np.zeros(d), 0
    most = n_permutations // together
    stop = Stop(precision, min(_WALKS, max(2, most // 2)))
    for look in stop.looks(most):
        while done < look:
            n = min(per_block, look - done)
            changes = _walk(game, draw(n), back, nothing, everything)
            # Chan, Golub, LeVeque 1983: means and sums of squares of two parts put together
            offset = changes.mean(0) - mean
            squares += ((changes - changes.mean(0)) ** 2).sum(0) + offset**2 * (done * n / (done + n))
            mean += offset * (n / (done + n))
            done += n
        error = np.sqrt(squares / (done - 1) / done) if done > 1 else np.full(d, np.nan)
        if precise := stop.reached(done, mean, error):
            break
    n_evaluations = permutation_evaluations(done * together, d, antithetic)
    return Sampled(mean, error, nothing, n_evaluations, done - 1, precise=None if precision is None else precise)


def _orders(d: int, unions: Int64[np.ndarray, " units"] | None, seed: int) -> Callable[[int], Entry]:
    """Random permutations: as number what each unit enters, counted from 0."""
    generator = np.random.default_rng(seed)
    if unions is None:
        return lambda n: generator.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
    (among,) = generator.spawn(1)  # of its own, so that n permutations are the first n of more
    n_unions = int(unions.max()) + 1

    def draw(n: int) -> Entry:
        union = among.permuted(np.tile(np.arange(n_unions), (n, 1)), axis=1)[:, unions]
        unit = generator.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
        return (union * d + unit).argsort(axis=1).argsort(axis=1)

    return draw


def _back(d: int, antithetic: bool | float) -> Int64[np.ndarray, " sizes"]:
    """How many units are kept at each evaluation of a reversed walk: few, or nearly all."""
    kept = np.arange(1, d)
    return kept[np.minimum(kept, d - kept) <= np.ceil(antithetic * (d - 1) / 2)]


def _evaluations(d: int, antithetic: bool | float) -> int:
    """Evaluations of one permutation and of what is walked of its reverse, without those of no unit and of all."""
    return d - 1 + len(_back(d, antithetic))


def _walk(
    game: Game, entry: Entry, back: Int64[np.ndarray, " sizes"], nothing: float, everything: float
) -> Float64[np.ndarray, "walks units"]:
    """Mean change of the value by each unit when it enters as number `entry`, counted from 0, and on the way back."""
    n, d = entry.shape
    entries = np.concatenate([entry, d - 1 - entry])
    walk = np.concatenate([np.repeat(np.arange(n), d - 1), np.repeat(np.arange(n, 2 * n), len(back))])
    kept = np.concatenate([np.tile(np.arange(1, d), n), np.tile(back, n)])
    between = np.empty(len(walk))
    at_once = max(1, _CELLS // d)
    for start in range(0, len(between), at_once):
        now = slice(start, start + at_once)
        between[now] = game(entries[walk[now]] < kept[now, None])
    ends = np.full((n, 1), nothing), np.full((n, 1), everything)
    ahead, behind = (
        np.concatenate([ends[0], part.reshape(n, -1), ends[1]], axis=1) for part in np.split(between, [n * (d - 1)])
    )
    stops = np.array([0, *back, d])  # the same from either end
    steps = np.diff(stops)
    more = np.diff(behind, axis=1)[:, ::-1] - np.diff(ahead[:, stops], axis=1)
    changes = np.diff(ahead, axis=1) + np.repeat(more / (2 * steps), steps, axis=1)
    return np.take_along_axis(changes, entry, axis=1)


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
    nothing, everything = _ends(game)
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


def _ends(game: Game) -> tuple[float, float]:
    """Values of no unit and of all."""
    values = game(np.repeat([[False], [True]], game.n_units, axis=1))
    if values.ndim > 1:
        raise SettingError(f"sampling takes one output at a time, the game has {values.shape[1]}")
    return float(values[0]), float(values[1])
