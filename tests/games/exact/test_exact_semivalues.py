"""Shapley, Banzhaf and other semivalues of ratio games: enumeration, axioms, certificate."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ratio_games import REMOVALS, close, joined, make_game, rearranged, recipes, stacked, with_values

from heedful.errors import PrecisionError, SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import Beta, engine, enumeration, sizes

relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call


class TestAgainstEnumeration:
    @pytest.mark.parametrize("removal", REMOVALS)
    @pytest.mark.parametrize("spread", [0.1, 1.0, 10.0, 60.0])
    @pytest.mark.parametrize("units", [1, 2, 3, 8, 14])
    def test_shapley_and_banzhaf(self, units: int, spread: float, removal: str) -> None:
        game = make_game(units, units, 2, spread, removal)
        assert close(exact.shapley(game).values, enumeration.shapley(game, units))
        assert close(exact.banzhaf(game).values, enumeration.banzhaf(game, units))

    def test_shapley_of_fourteen_units_and_two_outputs(self) -> None:
        game = make_game(14, 14, 3, 20.0, outputs=2)
        assert close(exact.shapley(game).values, enumeration.shapley(game, 14))

    @pytest.mark.parametrize("density", [Beta(1, 1), Beta(4, 1), Beta(1, 16), Beta(0.5, 0.5), Beta(200, 300)])
    @pytest.mark.parametrize("units", [1, 2, 5, 14])
    def test_beta(self, units: int, density: Beta) -> None:
        game = make_game(units, units, 2, 5.0)
        assert close(exact.semivalue(game, density).values, enumeration.of_density(game, units, density))

    @pytest.mark.parametrize(
        ("density", "moments"),
        [
            (lambda p: 6 * p * (1 - p), [1.0, 1 / 2, 3 / 10]),
            (lambda p: np.where(p < 0.3, 1 / 0.3, 0.0), [1.0, 0.15, 0.03]),  # a jump
            (lambda p: np.pi / 2 * np.sin(np.pi * p), [1.0, 1 / 2, 1 / 2 - 2 / np.pi**2]),
        ],
    )
    def test_any_density(self, density: sizes.Density, moments: list[float]) -> None:
        game = make_game(3, 3)
        one, mean, square = moments
        weights = np.array([one - 2 * mean + square, 2 * (mean - square), square])
        assert close(exact.semivalue(game, density).values, enumeration.semivalue(game, 3, weights))

    @given(recipes)
    @relaxed
    def test_any_game(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)
        assert close(exact.shapley(game).values, enumeration.shapley(game, game.n_units))


class TestAxioms:
    @given(recipes)
    @relaxed
    def test_efficiency(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)
        result = exact.shapley(game)
        nothing, everything = game.ends()
        assert np.allclose(result.base_value, nothing, rtol=0, atol=1e-15)
        assert np.allclose(result.base_value + result.values.sum(0), everything, rtol=0, atol=1e-13)

    @given(recipes, st.data())
    @relaxed
    def test_symmetry(self, recipe: dict[str, object], data: st.DataObject) -> None:
        game = make_game(**recipe)
        order = data.draw(st.permutations(range(game.n_units)))
        assert close(exact.shapley(rearranged(game, order)).values, exact.shapley(game).values[order])
        twins = rearranged(game, [*range(game.n_units), 0])
        values = exact.banzhaf(twins).values
        assert close(values[-1:], values[:1], 1e-15)

    @given(recipes)
    @relaxed
    def test_a_unit_that_changes_nothing_scores_exactly_zero(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)
        unit = Terms(game.removed.log_weight[:, :1], game.removed.value[:, :1])
        kept, removed = joined(game.kept, unit, axis=1), joined(game.removed, unit, axis=1)
        more = RatioGame(kept, removed, game.fixed, game.empty)
        for result in (exact.shapley(more), exact.banzhaf(more), exact.semivalue(more, Beta(2, 3))):
            assert (result.values[-1] == 0).all()
        # for the others it is one more fixed term
        held = more.restricted(np.arange(game.n_units + 1) < game.n_units, np.ones(game.n_units + 1, bool))
        assert close(exact.shapley(more).values[:-1], exact.shapley(held).values)

    @given(recipes, st.integers(0, 100))
    @relaxed
    def test_heads_average(self, recipe: dict[str, object], seed: int) -> None:
        game = make_game(**recipe)
        other = make_game(seed, game.n_units, 1, 3.0, outputs=game.outputs[0] if game.outputs else None)
        both = stacked(game, other, game.empty)
        parts = game.n_heads * exact.shapley(game).values + exact.shapley(other).values
        assert close(exact.shapley(both).values, parts / (game.n_heads + 1))

    @given(recipes)
    @relaxed
    def test_outputs_are_linear(self, recipe: dict[str, object]) -> None:
        game = make_game(**(recipe | {"outputs": 2}))
        values = exact.shapley(game).values
        for row in (np.array([1.0, -1.0]), np.array([0.5, 2.0])):
            mixed = with_values(game, lambda value, row=row: np.broadcast_to(value, (*value.shape[:-1], 2)) @ row)
            assert close(exact.shapley(mixed).values, values @ row)

    @given(recipes)
    @relaxed
    def test_constants_shift_and_factors_scale(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)
        shifted = exact.shapley(with_values(game, lambda value: 3.0 - 2.0 * value))
        values = exact.shapley(game)
        assert close(shifted.values, -2.0 * values.values)
        assert np.allclose(shifted.base_value, 3.0 - 2.0 * values.base_value, rtol=0, atol=1e-14)

    @given(recipes, st.floats(-500, 500))
    @relaxed
    def test_only_differences_of_log_weights_matter(self, recipe: dict[str, object], offset: float) -> None:
        game = make_game(**recipe)
        parts = (Terms(t.log_weight + offset, t.value) for t in (game.kept, game.removed, game.fixed))
        # log weights near 500 are themselves rounded by 6e-14
        assert close(exact.shapley(RatioGame(*parts, empty=game.empty)).values, exact.shapley(game).values, 1e-11)


class TestCertificate:
    @given(recipes, st.sampled_from([1e-3, 1e-5, 1e-7]))
    @relaxed
    def test_holds_when_there_is_an_error_to_certify(self, recipe: dict[str, object], first: float) -> None:
        game = make_game(**recipe)
        expected = enumeration.shapley(game, game.n_units)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "FIRST", first)
            result = exact.shapley(game, tolerance=0.1)
        assert np.abs(result.values - expected).max() <= result.error_bound + 1e-14

    def test_is_not_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # a coarse first target leaves errors far above rounding, so that the test above has something to bite on
        monkeypatch.setattr(engine, "FIRST", 1e-3)
        game = make_game(1, 9, 2, 5.0)
        result = exact.shapley(game, tolerance=0.1)
        error = np.abs(result.values - enumeration.shapley(game, 9)).max()
        assert 1e-9 < error <= result.error_bound <= 0.1 * np.abs(result.values).max()

    @given(recipes)
    @relaxed
    def test_bound_meets_the_tolerance_or_the_values_are_zero(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)
        result = exact.shapley(game)
        largest = np.abs(result.values).reshape(game.n_units, -1).max(0)
        assert result.error_bound <= 1e-9 * largest.max() or largest.max() <= result.error_bound

    @pytest.mark.parametrize("bound", [math.nan, math.inf])
    def test_a_bound_that_is_no_number_is_never_good_enough(self, bound: float) -> None:
        found = engine.Attempt(np.ones((1, 3)), np.array([bound]), np.zeros(1), 1)
        with pytest.raises(PrecisionError, match="cannot certify"):
            engine.refine(lambda _: found, 1e-10)

    def test_refines_until_the_tolerance_is_met(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "FIRST", 1e-2)
        game = make_game(2, 8, 2, 10.0)
        coarse, fine = exact.shapley(game, tolerance=0.5), exact.shapley(game, tolerance=1e-11)
        assert fine.nodes > coarse.nodes
        assert close(fine.values, enumeration.shapley(game, 8), 1e-11)

    @pytest.mark.parametrize("method", [exact.shapley, exact.banzhaf, partial(exact.semivalue, density=Beta(2, 1))])
    def test_refuses_what_double_precision_cannot_give(self, method: partial[exact.Semivalue]) -> None:
        with pytest.raises(PrecisionError, match="raise the tolerance"):
            method(make_game(), tolerance=1e-17)

    @pytest.mark.parametrize("tolerance", [1e-30, 1e-300, 1e-310, 5e-324])
    def test_a_tolerance_beyond_all_reach_is_one_that_cannot_be_met(self, tolerance: float) -> None:
        """Not a bound of many times the values, nor a logarithm of zero."""
        with pytest.raises(PrecisionError, match=r"cannot certify .* raise the tolerance"):
            exact.shapley(make_game(), tolerance=tolerance)

    @pytest.mark.parametrize("tolerance", [0.0, -1.0, math.nan, math.inf])
    def test_refuses_a_senseless_tolerance(self, tolerance: float) -> None:
        with pytest.raises(SettingError, match="tolerance"):
            exact.shapley(make_game(), tolerance)

    def test_values_that_do_not_add_up_are_never_returned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = engine.compiled.marginals

        def wrong(*arrays: object) -> tuple[np.ndarray, np.ndarray]:
            slope, mean = right(*arrays)
            return slope * (1 + 1e-9), mean

        monkeypatch.setattr(engine.compiled, "marginals", wrong)
        with pytest.raises(PrecisionError, match="report a bug"):
            exact.shapley(make_game())

    def test_values_that_are_zero_by_symmetry_are_returned(self) -> None:
        # two heads that cancel: nothing can be certified relative to a largest score of zero
        game = make_game(4, 5, 1, 3.0)
        result = exact.shapley(stacked(game, with_values(game, np.negative)))
        assert np.abs(result.values).max() <= result.error_bound <= 1e-13


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (lambda p: p, "integrate to 1"),
        (lambda p: 4 * p - 1, "non-negative"),
        (lambda p: np.full_like(p, np.nan), "finite"),
    ],
)
def test_what_is_no_density_is_refused(density: sizes.Density, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        exact.semivalue(make_game(), density)


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, -1), (math.nan, 1), (1, math.inf)])
def test_beta_needs_positive_numbers(a: float, b: float) -> None:
    with pytest.raises(SettingError, match="positive"):
        Beta(a, b)
