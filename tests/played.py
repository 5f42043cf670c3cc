"""Games without a text: any function of masks, a value drawn for every coalition, and attention over random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heedful.games import RatioGame, Terms


class Played:
    """A game from any function of masks, that keeps what it was asked."""

    n_forward = 0

    def __init__(self, n_units: int, value: Callable[[np.ndarray], np.ndarray]) -> None:
        self.n_units, self.value = n_units, value
        self.calls: list[np.ndarray] = []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.calls.append(masks)
        return np.asarray(self.value(masks), dtype=np.float64)


def table(seed: int, n_units: int) -> Played:
    """A value drawn at random for every coalition: all orders of interaction."""
    values = np.random.default_rng(seed).normal(size=1 << n_units)
    return Played(n_units, lambda masks: values[masks @ (1 << np.arange(n_units))])


def pooled(seed: int, n_units: int, spread: float = 1.0) -> RatioGame:
    """Attention over random weights and values, replaced when removed."""
    rng = np.random.default_rng(seed)
    parts = [Terms(spread * rng.normal(size=s), rng.normal(size=s)) for s in ((3, n_units), (3, n_units), (3,))]
    return RatioGame(*parts)
