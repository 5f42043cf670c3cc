"""Exact values of random games against the enumerations of shap and shapiq, in whichever versions are installed.

    python benchmarks/oracles.py

Needs numpy, numba, jaxtyping, shap and shapiq beside heedful, but no torch: so it runs where their newest versions do.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
import shap
import shapiq

from heedful.games import RatioGame, Terms, exact

UNITS, HEADS, GAMES = 8, 3, 5


def make_game(seed: int) -> RatioGame:
    """A random game of a few heads."""
    generator = np.random.default_rng(seed)
    kept, removed = (
        Terms(scale * generator.normal(size=(HEADS, UNITS)), generator.normal(size=(HEADS, UNITS))) for scale in (2, 1)
    )
    return RatioGame(kept, removed, Terms(generator.normal(size=HEADS), generator.normal(size=HEADS)))


class Players(shapiq.Game):
    """The game as shapiq plays it, with its own value of no unit."""

    def __init__(self, game: RatioGame) -> None:
        self._game = game
        super().__init__(n_players=UNITS, normalize=False)

    def value_function(self, coalitions: np.ndarray) -> np.ndarray:
        """Values of coalitions."""
        return self._game(np.asarray(coalitions).astype(bool))


def differences(game: RatioGame) -> dict[str, float]:
    """Largest difference by their name for it, as a share of the largest value."""
    nothing, whole = np.zeros((1, UNITS)), np.ones((1, UNITS))
    shapley, banzhaf = exact.shapley(game).values, exact.banzhaf(game).values
    pairs = exact.shapley_interactions(game).values

    def value(masks: np.ndarray) -> np.ndarray:
        return game(np.asarray(masks).astype(bool))

    kernel = shap.KernelExplainer(value, nothing)
    computer = shapiq.ExactComputer(Players(game))
    theirs = {
        "shap ExactExplainer": (
            shapley,
            shap.ExactExplainer(value, shap.maskers.Independent(nothing))(whole).values[0],
        ),
        "shap KernelExplainer": (
            shapley,
            kernel.shap_values(whole, nsamples=1 << UNITS, l1_reg=False, silent=True)[0],
        ),
        "shapiq SV": (shapley, computer("SV", order=1).get_n_order_values(1)),
        "shapiq BV": (banzhaf, computer("BV", order=1).get_n_order_values(1)),
        "shapiq SII": (pairs, computer("SII", order=2).get_n_order_values(2)),
    }
    return {name: float(np.abs(a - b).max() / np.abs(a).max()) for name, (a, b) in theirs.items()}


def main() -> None:
    """Print the largest difference of each."""
    print(f"Python {sys.version.split()[0]}, shap {version('shap')}, shapiq {version('shapiq')}")
    each = [differences(make_game(seed)) for seed in range(GAMES)]
    for name in each[0]:
        print(f"{name}: {max(one[name] for one in each):.1e}")


if __name__ == "__main__":
    main()
