"""What every game can do for other tools."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from jaxtyping import Float64

from heedful.errors import MissingExtraError, SettingError
from heedful.games.memo import Memo
from heedful.games.protocol import Game


class ForOthers:
    """What every game of ours can do for other tools."""

    def to_shapiq(self) -> Any:
        """This game as a `shapiq.Game`: the same players in the same order, and the same values.

        Values are not shifted (`normalize=False`): the empty coalition keeps the value of the empty text. No coalition
        is evaluated twice.

        Raises:
            MissingExtraError: shapiq is not installed.
            SettingError: the game has several outputs.

        Example:
            >>> import heedful, shapiq
            >>> game = heedful.games.from_text(heedful.load("demo"), "The acting was superb.")
            >>> values = shapiq.ExactComputer(game.to_shapiq())("SV", order=1)
            >>> truth = heedful.explain(heedful.load("demo"), "The acting was superb.", "kernel-shap")
            >>> bool(np.allclose(values.get_n_order_values(1), truth.scores, atol=1e-6))
            True
        """
        return to_shapiq(cast("Game", self))


def to_shapiq(game: Game) -> Any:
    """Any game as a `shapiq.Game`; see `ForOthers.to_shapiq`."""
    if getattr(game, "outputs", ()):
        raise SettingError(f"shapiq takes one output at a time, the game has outputs {game.outputs}")  # type: ignore[attr-defined]
    try:
        import shapiq
    except ImportError:
        raise MissingExtraError("shapiq", "oracles", "to_shapiq()") from None

    class HeedfulGame(shapiq.Game):
        """A game of heedful's: `n_forward` says what it has cost so far."""

        def __init__(self) -> None:
            self._memo = Memo(game)
            super().__init__(game.n_units, normalize=False)

        @property
        def n_forward(self) -> int:
            return self._memo.n_forward

        def value_function(self, coalitions: np.ndarray) -> Float64[np.ndarray, " n"]:
            return self._memo(np.asarray(coalitions, dtype=bool))

    return HeedfulGame()
