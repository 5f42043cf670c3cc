"""What several units do together: values of a group as one player, and its interaction, numerically exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool

from heedful.errors import SettingError
from heedful.games.exact.curves import insertion_curve
from heedful.games.ratio import Number, RatioGame
from heedful.support.names import shown

LARGEST = 8  # members: a group of s takes 2^s averages


@dataclass(frozen=True, eq=False)
class Group:
    """What a group of units does.

    Attributes:
        value: its Shapley value as one player, who is there as a whole or not at all; the other units are players of
            their own. Of one unit it is the unit's Shapley value.
        interaction: its Shapley interaction index; 0 if every member does the same whatever the other members do.
        error_bound: largest absolute error of either.
    """

    value: float
    interaction: float
    error_bound: float


def group(game: RatioGame, members: Sequence[int], tolerance: Number = 1e-9) -> Group:
    """Compute what several units do together.

    With S the members, T a random subset of the other units (its size uniform, then uniform among those of that size)
    and f the game, the value is the mean of f(S and T) - f(T), and the interaction the mean over T of the sum over
    subsets L of S of (-1)^(s - l) f(L and T), with s and l the sizes of S and L.

    Args:
        game: the ratio game, of one output.
        members: indices of 1 to 8 different units.
        tolerance: as for `expected_value`.

    Raises:
        SettingError: the members are not such indices, or the game has several outputs.
        PrecisionError: the tolerance cannot be met.

    Source: Marichal, Kojadinovic and Fujimoto 2007 (generalised Shapley value); Grabisch and Roubens 1999.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> both = group(RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1))), [0, 1])
        >>> round(both.value, 9), round(both.interaction, 9)
        (-1.6, 0.15)
    """
    chosen = _checked(game, members)
    joint = np.zeros(game.n_units, dtype=bool)
    joint[chosen] = True
    total, bound = 0.0, 0.0
    means: dict[tuple[bool, ...], float] = {}
    for kept in product((False, True), repeat=len(chosen)):
        there = np.zeros(game.n_units, dtype=bool)
        there[chosen] = kept
        mean, error = _mean(game, ~joint, there, tolerance)
        means[kept] = mean
        total += mean if (len(chosen) - sum(kept)) % 2 == 0 else -mean
        bound += error
    everyone, nobody = (True,) * len(chosen), (False,) * len(chosen)
    return Group(means[everyone] - means[nobody], total, bound)


def _checked(game: RatioGame, members: Sequence[int]) -> list[int]:
    if game.outputs:
        raise SettingError(f"a group is of one output at a time, the game has outputs {game.outputs}: see `of_output`")
    chosen = sorted({int(member) for member in members})
    if not 1 <= len(chosen) <= LARGEST or len(chosen) != len(members):
        raise SettingError(f"a group has 1 to {LARGEST} different units, got {shown(list(members))}")
    if chosen[0] < 0 or chosen[-1] >= game.n_units:
        raise SettingError(f"units are 0 to {game.n_units - 1}, got {shown(list(members))}")
    return chosen


def _mean(
    game: RatioGame, free: Bool[np.ndarray, " units"], kept: Bool[np.ndarray, " units"], tolerance: Number
) -> tuple[float, float]:
    """The mean value over random subsets of the free units, all sizes alike, and its error."""
    if not free.any():
        return float(game(kept[None])[0]), 1e-14 * abs(float(game(kept[None])[0]))
    rest = game.restricted(free, kept)
    curve = insertion_curve(rest, np.zeros(rest.n_units), tolerance)
    return float(curve.values.mean()), curve.error_bound
