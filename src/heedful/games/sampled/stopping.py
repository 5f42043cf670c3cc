"""Sampled: estimates with their errors; and when to stop sampling: at a requested precision, or at the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.games.memo import Memo
from heedful.games.protocol import Game

_MOST = 1 << 20  # evaluations of an enumeration
FEW = 12  # units whose masks are all evaluated by default
_GROWTH = 1.5

Vector = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Sampled:
    """Estimated values of the units.

    The half widths of 95 % confidence intervals are `heedful.support.student.half_widths(std_error,
    degrees_of_freedom)`: 1.96 standard errors for many degrees of freedom, more for few.

    Attributes:
        values: float64 (units,).
        std_error: float64 (units,); 0 where every coalition was evaluated, NaN where it cannot be estimated.
        base_value: value of the game with every unit removed.
        n_evaluations: masks handed to the game.
        degrees_of_freedom: of the standard errors.
        enumerated: whether every coalition that matters was evaluated, so that nothing is estimated.
        precise: whether the requested precision was reached; None where none was requested.
    """

    values: Vector
    std_error: Vector
    base_value: float
    n_evaluations: int
    degrees_of_freedom: int
    enumerated: bool = False
    precise: bool | None = None


@dataclass(frozen=True)
class Stop:
    """When to stop: once the largest standard error is at most `precision` times the largest absolute value.

    Errors are looked at from `first` independent draws on, and again whenever there are half as many more: few looks,
    for each is one more chance to stop because an error happens to be underrated.

    Attributes:
        precision: None draws all.
        first: draws below which no standard error is trusted.

    Example:
        >>> list(Stop(0.1, 10).looks(40)), list(Stop(None, 10).looks(40))
        ([10, 15, 23, 35, 40], [40])
    """

    precision: float | None
    first: int

    def looks(self, most: int) -> Iterator[int]:
        """How many draws there are at each look; the last time `most`."""
        n = self.first
        while self.precision is not None and n < most:
            yield n
            n = int(np.ceil(_GROWTH * n))
        yield most

    def reached(self, n: int, values: Vector, std_error: Vector) -> bool:
        """Whether n draws are precise enough: never where an error is unknown."""
        if self.precision is None or n < self.first:
            return False
        return bool(std_error.max() <= self.precision * np.abs(values).max())


def relative_error(values: Vector, std_error: Vector) -> float:
    """Largest standard error as a share of the largest absolute value; NaN where all values are 0."""
    largest = float(np.abs(values).max())
    return float(std_error.max()) / largest if largest > 0 else np.nan


def ends(game: Game) -> tuple[float, float]:
    """Return the values of no unit and of all; raise SettingError if the game has several outputs."""
    values = game(np.repeat([[False], [True]], game.n_units, axis=1))
    if values.ndim > 1:
        raise SettingError(f"sampling takes one output at a time, the game has {values.shape[1]}")
    return float(values[0]), float(values[1])


def check_precision(precision: float | None) -> None:
    """Refuse a precision that cannot be reached, or always is."""
    if precision is not None and not 0 < precision < np.inf:
        raise SettingError(f"precision must be a number above 0, got {precision}")


def sample_or_enumerate(
    game: Game,
    budget: int,
    needed: int,
    sample: Callable[[Game, int], Sampled],
    enumerate_: Callable[[Game], tuple[Vector, float]],
    precision: float | None,
) -> Sampled:
    """Estimates from at most `budget` evaluations, or exact values where `needed` evaluations give them.

    With a precision, sampling goes first also there; what it evaluated is kept for the enumeration.

    Args:
        game: the game.
        budget: evaluations at most.
        needed: evaluations of an enumeration.
        sample: estimates from a game and a budget.
        enumerate_: exact values, and the value of no unit.
        precision: where to stop, or None.
    """
    if needed > min(budget, _MOST):
        return sample(game, budget)
    memo = Memo(game)
    if precision is not None and game.n_units > 1:
        with suppress(SettingError):  # too few masks to tell the units apart, unless by all of them
            sampled = sample(memo, needed)
            if sampled.precise:
                return replace(sampled, n_evaluations=memo.n_evaluations)
    values, nothing = enumerate_(memo)
    precise = None if precision is None else True
    return Sampled(values, np.zeros(len(values)), nothing, needed, needed, enumerated=True, precise=precise)
