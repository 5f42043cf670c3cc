"""Pairwise interactions: enumeration and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from ratio_games import REMOVALS, close, make_game, recipes

from heedful.errors import PrecisionError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import engine, enumeration

relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call


def uniform(d: int) -> np.ndarray:
    return np.full(d - 1, 1.0 / (d - 1))


def binomial(d: int) -> np.ndarray:
    return np.array([math.comb(d - 2, k) for k in range(d - 1)]) / 2.0 ** (d - 2)


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0, 60.0])
@pytest.mark.parametrize("units", [2, 3, 14])
def test_equals_enumeration(units: int, spread: float, removal: str) -> None:
    game = make_game(units, units, 2, spread, removal, outputs=2)
    found = exact.shapley_interactions(game)
    assert close(found.values, enumeration.interactions(game, units, uniform(units)))
    assert close(exact.banzhaf_interactions(game).values, enumeration.interactions(game, units, binomial(units)))


@given(recipes)
@relaxed
def test_any_game(recipe: dict[str, object]) -> None:
    recipe |= {"units": max(2, int(str(recipe["units"])))}
    game = make_game(**recipe)  # type: ignore[arg-type]
    values = exact.shapley_interactions(game).values
    assert close(values, enumeration.interactions(game, game.n_units, uniform(game.n_units)))
    assert (values == values.swapaxes(0, 1)).all()


def test_interactions_of_one_unit_add_up_to_the_change_of_its_value_by_the_others() -> None:
    # sum over k of I_jk = E[f(S+j+k) - f(S+j) - f(S+k) + f(S)] summed over S and k is what j gains from nobody to all
    game = make_game(2, 7, 2, 2.0)
    d = game.n_units
    masks = np.zeros((4, d), bool)
    masks[1, 0], masks[2:], masks[2, 0] = True, True, False
    alone, last = (game(masks[k + 1 : k + 2])[0] - game(masks[k : k + 1])[0] for k in (0, 2))
    # with sizes weighed uniformly the telescoping sum over k leaves the two ends
    assert exact.shapley_interactions(game).values[0].sum() == pytest.approx(last - alone, abs=1e-13)


def test_additive_scores_do_not_interact() -> None:
    game = make_game(3, 6, 2, 2.0)
    flat = RatioGame(Terms(game.removed.log_weight, game.kept.value), game.removed, game.fixed)
    assert (exact.shapley_interactions(flat).values == 0).all()
    assert (exact.banzhaf_interactions(flat).values == 0).all()


def test_a_unit_that_changes_nothing_interacts_with_nobody() -> None:
    game = make_game(4, 6, 2, 2.0)
    log_weight, value = game.kept.log_weight.copy(), game.kept.value.copy()
    log_weight[:, 2], value[:, 2] = game.removed.log_weight[:, 2], game.removed.value[:, 2]
    values = exact.shapley_interactions(RatioGame(Terms(log_weight, value), game.removed, game.fixed)).values
    assert (values[2] == 0).all()
    assert np.abs(values[0, 1]) > 0


def test_one_unit_has_no_pair() -> None:
    assert exact.shapley_interactions(make_game(units=1)).values.tolist() == [[0.0]]


@given(recipes)
@relaxed
def test_certificate_holds_when_there_is_an_error(recipe: dict[str, object]) -> None:
    recipe |= {"units": max(2, int(str(recipe["units"])))}
    game = make_game(**recipe)  # type: ignore[arg-type]
    expected = enumeration.interactions(game, game.n_units, uniform(game.n_units))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FIRST", 1e-4)
        result = exact.shapley_interactions(game, tolerance=0.5)
    assert np.abs(result.values - expected).max() <= result.error_bound + 1e-14


def test_what_double_precision_cannot_give_is_refused() -> None:
    with pytest.raises(PrecisionError, match="raise the tolerance"):
        exact.shapley_interactions(make_game(), tolerance=1e-17)
