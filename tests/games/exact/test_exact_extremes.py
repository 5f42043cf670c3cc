"""Extremes of weights and sizes, undefined masks, and many games at once."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from ratio_games import REMOVALS, close, make_game, rearranged, stacked

from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import Beta, enumeration, reference
from heedful.support import parallel


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
        monkeypatch.setattr(parallel._thread, "busy", True, raising=False)
        assert (exact.shapley(game).values == in_threads).all()

    def test_errors_come_through(self) -> None:
        with pytest.raises(SettingError, match="empty"):
            exact.batch(exact.shapley, [replace(make_game(removal="nothing left"), empty=None)] * 2)
