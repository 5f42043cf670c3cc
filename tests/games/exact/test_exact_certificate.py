"""Certificates against numbers of 400 digits: no value is further from the truth than its bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games.exact import precise
from games.exact.ratio_games import make_game
from heedful.games import RatioGame, Terms, exact


def missed(game: RatioGame, output: int = 0) -> list[float]:
    """Largest error of the Shapley, Banzhaf and LIME values, each divided by its bound."""
    found = []
    for solve, truth in zip((exact.shapley, exact.banzhaf, exact.lime), precise.scores(game, output), strict=True):
        result = solve(game)
        values = result.values.reshape(game.n_units, -1)[:, output]
        error = max(
            abs(float(one - precise.mpmath.mpf(float(value)))) for one, value in zip(truth, values, strict=True)
        )
        found.append(error / result.error_bound if error else 0.0)
    return found


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6), units=st.integers(2, 6), heads=st.integers(1, 3),
    spread=st.sampled_from([0.1, 1.0, 5.0, 20.0, 60.0]), removal=st.sampled_from(["ignore", "replace"]),
)  # fmt: skip
def test_no_error_is_above_its_bound(seed: int, units: int, heads: int, spread: float, removal: str) -> None:
    game = make_game(seed, units, heads, spread, removal=removal, outputs=2)
    assert max(missed(game, seed % 2)) <= 1


def test_changes_far_below_the_values_themselves() -> None:
    """The value of the whole text is rounded by more than the bound allows."""
    game = make_game(0, 8, 1, 20.0, outputs=2)
    nothing, everything = game.ends()
    assert (np.abs(everything - nothing) < 2e-4 * np.abs(everything)).all()
    assert max(missed(game)) <= 1


@pytest.mark.parametrize("light", [-30.0, -45.0])
def test_light_units_with_huge_values_cost_what_they_add(light: float) -> None:
    """As in SLALOM surrogates of additive scores: next to heavy units, light ones add up over a light fixed part."""
    rng = np.random.default_rng(0)
    log_weight, value = np.array([0.0, -0.5, *rng.normal(light, 1.0, 4)]), rng.normal(size=6)
    value[2:] *= np.exp(-light / 2)
    kept, fixed = Terms(log_weight[None], value[None]), Terms(np.array([light / 2]), np.ones(1))
    game = RatioGame(kept, Terms.none(1, 6), fixed)
    assert exact.shapley(game).error_bound < 1e-12
    assert max(missed(game)) <= 1
