"""Game: a function from keep/remove masks over units to values. Everything that perturbs speaks to this."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64


@runtime_checkable
class Game(Protocol):
    """One text, its units, a masking, a target and an output, seen as a set function."""

    @property
    def n_units(self) -> int:
        """Number of units."""
        ...

    @property
    def n_forward(self) -> int:
        """Texts pushed through the model so far; 0 for games played on look-up tables."""
        ...

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, " n"]:
        """Values of the masks; True keeps a unit."""
        ...
