"""Memo: a game that evaluates no mask twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from heedful.games.protocol import Game


class Memo:
    """The same game, with the value of every mask kept.

    Args:
        game: any game.
        values: what gives the values, (n,) or (n, outputs), if not the game itself, such as its logits.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> memo = Memo(RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1))))
        >>> memo(np.array([[True, True], [True, False], [True, True]]))
        array([-0.6,  1.5, -0.6])
        >>> memo.n_evaluations
        2
    """

    def __init__(self, game: Game, values: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        self._game, self._evaluate = game, values or game
        self._values: dict[bytes, Any] = {}

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self._game.n_units

    @property
    def n_forward(self) -> int:
        """Texts pushed through the model so far."""
        return self._game.n_forward

    @property
    def n_evaluations(self) -> int:
        """Different masks evaluated so far."""
        return len(self._values)

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n ..."]:
        """Values of the masks; True keeps a unit."""
        if not len(masks):
            return np.zeros(0)
        packed, first, inverse = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True, return_inverse=True)
        keys = [row.tobytes() for row in packed]
        new = [k for k, key in enumerate(keys) if key not in self._values]
        if new:
            values = self._evaluate(masks[first[new]]).tolist()
            self._values |= {keys[k]: value for k, value in zip(new, values, strict=True)}
        return np.array([self._values[key] for key in keys])[inverse.ravel()]
