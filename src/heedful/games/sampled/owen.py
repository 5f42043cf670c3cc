"""Owen values of any game from random permutations that keep unions of units together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.games.sampled.permutations import permutation_shapley, permutations_within
from heedful.games.sampled.stopping import Sampled


def owen_sampled(
    game: Game, unions: Int64[np.ndarray, " units"], n_samples: int, *, precision: float | None = None, seed: int = 0
) -> Sampled:
    """Owen values from as many permutations that keep unions together, and their reverses, as the budget allows.

    Raises:
        SettingError: the budget does not allow a permutation and its reverse.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> owen_sampled(game, np.array([0, 1]), 100).values.round(9)
        array([ 0.575, -2.175])
    """
    d = len(unions)
    n = permutations_within(n_samples, d, antithetic=True)
    if n < 2:
        raise SettingError(f"{n_samples} samples cannot walk through {d} units: give n_samples of at least {2 * d}")
    return permutation_shapley(game, n, unions=unions, precision=precision, seed=seed)
