"""Expected values and expected curves: enumeration and laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ratio_games import REMOVALS, close, make_game, recipes

from heedful.errors import PrecisionError, SettingError
from heedful.games import exact
from heedful.games.exact import engine, enumeration

relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("spread", [0.1, 5.0, 60.0])
@pytest.mark.parametrize("units", [1, 2, 9])
def test_expected_values(units: int, spread: float, removal: str) -> None:
    game = make_game(units, units, 2, spread, removal, outputs=2)
    p = np.random.default_rng(0).random(units)
    assert close(exact.expected_value(game, p).values, enumeration.expected_value(game, p))
    assert close(exact.expected_value(game, 0.3).values, enumeration.expected_value(game, np.full(units, 0.3)))


def test_chances_of_zero_and_one_fix_their_units() -> None:
    game = make_game(1, 5, 2, 3.0)
    p = np.array([1.0, 0.0, 0.25, 1.0, 0.5])
    assert close(exact.expected_value(game, p).values, enumeration.expected_value(game, p))
    nothing, everything = game.ends()
    for p, end in ((0, nothing), (1, everything)):  # the same sums, in another order
        assert exact.expected_value(game, p).values == pytest.approx(end, rel=1e-14)


@given(recipes, st.floats(0.01, 0.99))
@relaxed
def test_the_slope_of_the_expected_value_is_the_sum_of_the_semivalue_at_p(recipe: dict[str, object], p: float) -> None:
    game = make_game(**recipe)  # type: ignore[arg-type]
    upper, lower = (exact.expected_value(game, p + h).values for h in (1e-4, -1e-4))
    masks = enumeration.subsets(game.n_units)
    chance = np.where(masks, p, 1 - p).prod(1) * (masks / p - ~masks / (1 - p)).sum(1)
    # central differences: step 1e-4, third derivatives up to units^3
    assert (upper - lower) / 2e-4 == pytest.approx(np.tensordot(chance, game(masks), 1), abs=1e-5)


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("units", [1, 2, 9])
def test_curves_of_random_rankings_are_means_by_size(units: int, removal: str) -> None:
    game = make_game(units, units, 2, 5.0, removal, outputs=2)
    means = enumeration.size_means(game, units)
    assert close(exact.insertion_curve(game, np.zeros(units)).values, means)
    assert close(exact.deletion_curve(game, np.ones(units)).values, means[::-1])


@pytest.mark.parametrize("insertion", [False, True])
def test_ties_are_averaged_over_every_order(insertion: bool) -> None:
    game = make_game(2, 6, 2, 3.0)
    scores = np.array([1.0, 5.0, 1.0, 3.0, 5.0, 1.0])
    orders = [
        o for o in itertools.permutations(range(6)) if all(scores[a] >= scores[b] for a, b in itertools.pairwise(o))
    ]
    assert len(orders) == 2 * 6
    gone = np.array([[[unit in order[:step] for unit in range(6)] for step in range(7)] for order in orders])
    expected = game((gone if insertion else ~gone).reshape(-1, 6)).reshape(-1, 7).mean(0)
    curve = exact.insertion_curve if insertion else exact.deletion_curve
    assert close(curve(game, scores).values, expected)


@given(recipes, st.data())
@relaxed
def test_without_ties_a_curve_is_a_walk(recipe: dict[str, object], data: st.DataObject) -> None:
    game = make_game(**recipe)  # type: ignore[arg-type]
    order = data.draw(st.permutations(range(game.n_units)))
    scores = np.empty(game.n_units)
    scores[order] = -np.arange(game.n_units)
    kept = np.ones((game.n_units + 1, game.n_units), bool)
    for step, unit in enumerate(order):
        kept[step + 1 :, unit] = False
    assert (exact.deletion_curve(game, scores).values == game(kept)).all()
    # what is removed first is inserted last
    assert (exact.insertion_curve(game, -scores).values == game(kept[::-1])).all()


def test_bounds_hold_and_are_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST", 1e-4)
    game = make_game(3, 8, 2, 10.0)
    means = enumeration.size_means(game, 8)
    curve = exact.insertion_curve(game, np.zeros(8), tolerance=1e-3)
    error = np.abs(curve.values - means).max()
    assert 1e-12 < error <= curve.error_bound <= 1e-3


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_chances_outside_the_unit_interval_are_refused(p: float) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        exact.expected_value(make_game(), p)


@pytest.mark.parametrize("scores", [np.zeros(3), np.full(6, np.nan)])
def test_scores_that_rank_nothing_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(SettingError, match="one a unit"):
        exact.deletion_curve(make_game(), scores)


def test_tolerances_are_checked() -> None:
    with pytest.raises(SettingError, match="tolerance"):
        exact.expected_value(make_game(), 0.5, tolerance=0.0)
    with pytest.raises(PrecisionError, match="cannot certify"):
        exact.expected_value(make_game(), 0.5, tolerance=1e-17)
