"""Shapley values of any game from random permutations, with standard errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.games.sampled.stopping import Sampled, Stop, check_precision, ends
from heedful.support.settings import check_whole

_CELLS = 1 << 22  # masks x units held at once
_WALKS = 10  # permutations, or pairs of them, before a standard error is trusted; of fewer than 20, half of them

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

    With a share below 1 the reversed permutation skips its middle coalitions, where changes are small as a rule; what
    the skipped stretch changes beyond the same steps of the permutation is shared evenly by its units. That still adds
    up, and is unbiased, for a random permutation and its reverse are distributed alike. The whole reverse gives the
    smallest error for its evaluations as a rule; a part of it is for texts so long that a permutation and its reverse
    are too much.

    Standard errors are those of the mean over independent (pairs of) permutations, NaN if there is only one. Where one
    unit outweighs all others, large changes are rare, and a unit's own interval from fewer than some 200 permutations
    covers less than 95 % even by Student's t.

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
        SettingError: no permutation, an odd number of them with `antithetic`, a share of the reverse outside 0 to 1, a
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
    d, (nothing, everything) = game.n_units, ends(game)
    draw, reverse = _orders(d, unions, seed), _sizes_in_reverse(d, antithetic)
    together = 2 if antithetic else 1
    per_block = max(1, _CELLS // (together * d * d))
    mean, squares, done = np.zeros(d), np.zeros(d), 0
    most = n_permutations // together
    stop = Stop(precision, min(_WALKS, max(2, most // 2)))
    for look in stop.looks(most):
        while done < look:
            n = min(per_block, look - done)
            changes = _walk(game, draw(n), reverse, nothing, everything)
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
    (among,) = generator.spawn(1)  # a separate one, so that n permutations are the first n of more
    n_unions = int(unions.max()) + 1

    def draw(n: int) -> Entry:
        union = among.permuted(np.tile(np.arange(n_unions), (n, 1)), axis=1)[:, unions]
        unit = generator.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
        return (union * d + unit).argsort(axis=1).argsort(axis=1)

    return draw


def _sizes_in_reverse(d: int, antithetic: bool | float) -> Int64[np.ndarray, " sizes"]:
    """How many units are kept at each evaluation of a reversed walk: few, or nearly all."""
    kept = np.arange(1, d)
    return kept[np.minimum(kept, d - kept) <= np.ceil(antithetic * (d - 1) / 2)]


def _evaluations(d: int, antithetic: bool | float) -> int:
    """Evaluations of one permutation and of what is walked of its reverse, without those of no unit and of all."""
    return d - 1 + len(_sizes_in_reverse(d, antithetic))


def _walk(
    game: Game, entry: Entry, reverse: Int64[np.ndarray, " sizes"], nothing: float, everything: float
) -> Float64[np.ndarray, "walks units"]:
    """Return the mean change of the value by each unit, entering as number `entry`, counted from 0, and reversed."""
    n, d = entry.shape
    entries = np.concatenate([entry, d - 1 - entry])
    walk = np.concatenate([np.repeat(np.arange(n), d - 1), np.repeat(np.arange(n, 2 * n), len(reverse))])
    kept = np.concatenate([np.tile(np.arange(1, d), n), np.tile(reverse, n)])
    between = np.empty(len(walk))
    at_once = max(1, _CELLS // d)
    for start in range(0, len(between), at_once):
        now = slice(start, start + at_once)
        between[now] = game(entries[walk[now]] < kept[now, None])
    ends = np.full((n, 1), nothing), np.full((n, 1), everything)
    ahead, behind = (
        np.concatenate([ends[0], part.reshape(n, -1), ends[1]], axis=1) for part in np.split(between, [n * (d - 1)])
    )
    stops = np.array([0, *reverse, d])  # the same from either end
    steps = np.diff(stops)
    more = np.diff(behind, axis=1)[:, ::-1] - np.diff(ahead[:, stops], axis=1)
    changes = np.diff(ahead, axis=1) + np.repeat(more / (2 * steps), steps, axis=1)
    return np.take_along_axis(changes, entry, axis=1)
