"""Shapley, Banzhaf and other semivalues of ratio games: enumeration, axioms, certificate, extremes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ratio_games import REMOVALS, close, make_game, recipes

from heedful.errors import PrecisionError, SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import Beta, engine, enumeration, reference, sizes


def joined(one: Terms, other: Terms, axis: int = 0) -> Terms:
    return Terms(
        np.concatenate([one.log_weight, other.log_weight], axis), np.concatenate([one.value, other.value], axis)
    )


def stacked(one: RatioGame, other: RatioGame, empty: float | None = None) -> RatioGame:
    """The heads of both games."""
    pairs = ((one.kept, other.kept), (one.removed, other.removed), (one.fixed, other.fixed))
    return RatioGame(*(joined(a, b) for a, b in pairs), empty=empty)


relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call


def rearranged(game: RatioGame, order: list[int]) -> RatioGame:
    kept, removed = (Terms(t.log_weight[:, order], t.value[:, order]) for t in (game.kept, game.removed))
    return RatioGame(kept, removed, game.fixed, game.empty)


def with_values(game: RatioGame, change: np.ufunc | partial[np.ndarray]) -> RatioGame:
    parts = (Terms(t.log_weight, change(t.value)) for t in (game.kept, game.removed, game.fixed))
    return RatioGame(*parts, empty=None if game.empty is None else change(np.asarray(game.empty)))


class TestAgainstEnumeration:
    @pytest.mark.parametrize("removal", REMOVALS)
    @pytest.mark.parametrize("spread", [0.1, 1.0, 10.0, 60.0])
    @pytest.mark.parametrize("units", [1, 2, 3, 8, 12])
    def test_shapley_and_banzhaf(self, units: int, spread: float, removal: str) -> None:
        game = make_game(units, units, 2, spread, removal)
        assert close(exact.shapley(game).values, enumeration.shapley(game, units))
        assert close(exact.banzhaf(game).values, enumeration.banzhaf(game, units))

    def test_shapley_of_fourteen_units_and_two_outputs(self) -> None:
        game = make_game(14, 14, 3, 20.0, outputs=2)
        assert close(exact.shapley(game).values, enumeration.shapley(game, 14))

    @pytest.mark.parametrize("density", [Beta(1, 1), Beta(4, 1), Beta(1, 16), Beta(0.5, 0.5), Beta(200, 300)])
    @pytest.mark.parametrize("units", [1, 2, 5, 11])
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

    @pytest.mark.parametrize("tolerance", [0.0, -1.0, math.nan, math.inf])
    def test_refuses_a_senseless_tolerance(self, tolerance: float) -> None:
        with pytest.raises(SettingError, match="tolerance"):
            exact.shapley(make_game(), tolerance)

    def test_values_that_do_not_add_up_are_never_returned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = engine.kernels.marginals

        def wrong(*arrays: object) -> tuple[np.ndarray, np.ndarray]:
            slope, mean = right(*arrays)
            return slope * (1 + 1e-9), mean

        monkeypatch.setattr(engine.kernels, "marginals", wrong)
        with pytest.raises(PrecisionError, match="report a bug"):
            exact.shapley(make_game())

    def test_values_that_are_zero_by_symmetry_are_returned(self) -> None:
        # two heads that cancel: nothing can be certified relative to a largest score of zero
        game = make_game(4, 5, 1, 3.0)
        result = exact.shapley(stacked(game, with_values(game, np.negative)))
        assert np.abs(result.values).max() <= result.error_bound <= 1e-13


class TestExtremes:
    @pytest.mark.parametrize("removal", REMOVALS)
    def test_a_range_of_total_weights_of_1e25(self, removal: str) -> None:
        game = make_game(5, 40, 2, 8.0, removal)
        removed, fixed = (Terms(t.log_weight - 80.0, t.value) for t in (game.removed, game.fixed))
        game = RatioGame(game.kept, removed, fixed, game.empty)
        least = np.logaddexp.reduce(np.column_stack([removed.log_weight, fixed.log_weight]), axis=1)
        assert (np.logaddexp.reduce(game.kept.log_weight, axis=1) - least > math.log(1e25)).all()
        result = exact.shapley(game)
        assert close(result.values, reference.shapley(game))
        assert result.error_bound <= 1e-9 * np.abs(result.values).max()

    @pytest.mark.parametrize(("seed", "spread"), [(6, 150.0), (6, 400.0), (6, 2000.0), (17, 2000.0)])
    def test_log_weights_beyond_what_a_float_can_hold(self, seed: int, spread: float) -> None:
        # rounding of log weights this large: up to 1e-12 relative in every weight
        for removal in REMOVALS:
            game = make_game(seed, 7, 2, spread, removal)
            assert close(exact.shapley(game).values, enumeration.shapley(game, 7), 1e-11)
            assert close(exact.banzhaf(game).values, enumeration.banzhaf(game, 7), 1e-11)

    @pytest.mark.parametrize("height", [50.0, 300.0])
    def test_one_dominant_unit_takes_all_of_the_change(self, height: float) -> None:
        game = make_game(7, 10, 1, 1.0)
        log_weight = game.kept.log_weight.copy()
        log_weight[0, 3] = height
        peaked = RatioGame(Terms(log_weight, game.kept.value), game.removed, game.fixed)
        assert close(exact.shapley(peaked).values, enumeration.shapley(peaked, 10))

    def test_a_dominant_fixed_part_leaves_tiny_scores_with_all_their_digits(self) -> None:
        game = make_game(8, 6, 2, 1.0)
        fixed = Terms(np.full(2, 80.0), np.ones(2))
        values = exact.shapley(RatioGame(game.kept, game.removed, fixed)).values
        # to first order in exp(-80) every unit's change is additive
        change = np.exp(game.kept.log_weight - 80) * (game.kept.value - 1)
        change -= np.exp(game.removed.log_weight - 80) * (game.removed.value - 1)
        assert values == pytest.approx(change.mean(0), rel=1e-12, abs=0)

    def test_nearly_equal_weights_keep_the_digits_of_their_difference(self) -> None:
        # log weights and values near 0, where floats are dense: the small differences do not fall on the grid of 1.0
        game = make_game(8, 5, 1, 1e-3)
        kept = Terms(game.kept.log_weight, 1e-3 * game.kept.value)
        removed = Terms(kept.log_weight - 1e-11, kept.value)
        values = exact.shapley(RatioGame(kept, removed, Terms(np.full(1, 1.1), np.ones(1)))).values
        weight = np.exp(np.append(kept.log_weight[0], 1.1))
        weight /= weight.sum()
        distance = np.append(kept.value[0], 1.0)
        distance -= weight @ distance
        gap = kept.log_weight[0] - removed.log_weight[0]
        # to first order; the next is another factor of 1e-11
        assert values == pytest.approx((gap * weight[:-1] * distance[:-1]), rel=1e-10, abs=0)

    def test_nearly_equal_values_keep_the_digits_of_their_difference(self) -> None:
        game = make_game(9, 5, 1, 3.0)
        kept = Terms(game.kept.log_weight, 1e-3 * game.kept.value)
        removed = Terms(kept.log_weight, kept.value + 1e-11)
        values = exact.shapley(RatioGame(kept, removed, Terms(np.zeros(1), np.ones(1)))).values
        weight = np.exp(np.append(kept.log_weight[0], 0.0))
        # weights do not change: the score is additive
        change = kept.value[0] - removed.value[0]
        assert values == pytest.approx(weight[:-1] / weight.sum() * change, rel=1e-12, abs=0)

    def test_five_thousand_units(self) -> None:
        game = rearranged(make_game(9, 2500, 1, 3.0), [*range(2500), *range(2500)])
        result = exact.shapley(game)
        nothing, everything = game.ends()
        assert result.values.sum() == pytest.approx(everything - nothing, abs=1e-12)
        assert close(result.values[:2500], result.values[2500:], 1e-14)
        assert result.error_bound <= 1e-9 * np.abs(result.values).max()

    def test_identical_units_share_equally(self) -> None:
        game = rearranged(make_game(10, 1, 2, 3.0), [0] * 30)
        nothing, everything = game.ends()
        assert exact.shapley(game).values == pytest.approx(np.full(30, (everything - nothing) / 30), rel=1e-12, abs=0)

    def test_units_without_any_term_score_zero(self) -> None:
        game = RatioGame(Terms.none(2, 3), Terms.none(2, 3), Terms(np.zeros(2), np.ones(2)))
        result = exact.shapley(game)
        assert (result.values == 0).all()
        assert (result.base_value, result.error_bound) == (1.0, 0.0)

    def test_heads_without_any_term_count_as_empty(self) -> None:
        game = make_game(11, 4, 1, 1.0, "ignore")
        two = stacked(game, RatioGame(Terms.none(1, 4), Terms.none(1, 4), Terms.none(1)), empty=5.0)
        assert close(exact.shapley(two).values, enumeration.shapley(two, 4))
        assert exact.shapley(two).base_value == pytest.approx(game(np.zeros((1, 4), bool))[0] / 2 + 2.5)

    @pytest.mark.parametrize(
        "method",
        [
            exact.shapley,
            exact.banzhaf,
            partial(exact.semivalue, density=Beta(2, 1)),
            exact.lime,
            exact.shapley_interactions,
            partial(exact.expected_value, p=0.5),
        ],
    )
    def test_an_undefined_empty_set_is_refused(self, method: partial[object]) -> None:
        game = replace(make_game(removal="nothing left"), empty=None)
        with pytest.raises(SettingError, match="empty"):
            method(game)


class TestBatch:
    def test_equals_one_at_a_time_bit_for_bit(self) -> None:
        many = [make_game(seed, 3 + seed, 2, 8.0) for seed in range(6)]
        for result, game in zip(exact.batch(exact.shapley, many), many, strict=True):
            assert (result.values == exact.shapley(game).values).all()

    def test_threads_within_one_game_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        game = make_game(12, 3000, 1, 3.0)
        in_threads = exact.shapley(game).values
        monkeypatch.setattr(engine._thread, "busy", True, raising=False)
        assert (exact.shapley(game).values == in_threads).all()

    def test_errors_come_through(self) -> None:
        with pytest.raises(SettingError, match="empty"):
            exact.batch(exact.shapley, [replace(make_game(removal="nothing left"), empty=None)] * 2)


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
