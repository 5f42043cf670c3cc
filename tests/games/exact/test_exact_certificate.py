"""Certificates against decimal numbers of many digits: no answer is further from the truth than its bound."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games.exact import search
from games.exact.precise import Truth, furthest
from games.exact.ratio_games import make_game, stacked, with_values
from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import compiled, engine
from heedful.games.exact.enumeration import subsets

SEEDS = st.integers(0, 10**9)
METHODS = {
    "shapley": exact.shapley,
    "banzhaf": exact.banzhaf,
    "semivalue": partial(exact.semivalue, density=exact.Beta(2, 1)),
    "lime": exact.lime,
    "lime, no kernel": partial(exact.lime, kernel_width=np.inf),
    "lime, narrow kernel": partial(exact.lime, kernel_width=0.1),
    "lime, ridge": partial(exact.lime, n_samples=100, ridge=2.0),
}


def above(game: RatioGame, seed: int = 0, *, coarse: bool = False, only: str = "") -> list[search.Answer]:
    """The answers whose error is above their bound."""
    return [answer for answer in search.examine(game, seed, coarse=coarse, only=only) if answer.ratio > 1]


@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_no_error_is_above_its_bound(seed: int) -> None:
    assert above(search.draw(seed), seed) == []


@settings(deadline=None, max_examples=6)
@given(seed=SEEDS)
def test_no_quadrature_error_is_above_its_bound(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FIRST", search.COARSE)
        assert above(search.draw(seed), seed, coarse=True) == []


@pytest.mark.parametrize("only", ["semivalue", "lime"])
def test_answers_that_are_off_are_told(only: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = compiled.marginals
    monkeypatch.setattr(compiled, "marginals", lambda *of: (right(*of)[0] * (1 + 1e-9), right(*of)[1]))
    answers = list(search.examine(make_game(1, 5), only=only))
    assert all((answer.ratio > 1) == ("(device)" not in answer.name) for answer in answers)


class TestNearlyEqualTerms:
    @pytest.mark.parametrize("delta", [1e-1, 1e-6, 1e-9, 1e-12, 1e-15])
    @pytest.mark.parametrize("part", ["weights", "both"])
    def test_are_certified_to_as_many_digits_as_others(self, part: str, delta: float) -> None:
        game = near(delta, part, 5)
        assert above(game, only="lime") == []
        for method in METHODS.values():
            for result in (method(game), exact.batch(method, [game], device="cpu")[0]):
                assert result.error_bound <= 2e-11 * np.abs(result.values).max()

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    @pytest.mark.parametrize("units", [1, 2, 20])
    def test_are_exactly_zero_once_equal(self, units: int, method: Callable[[RatioGame], Any]) -> None:
        game = near(0.0, "both", units)
        for result in (method(game), exact.batch(method, [game], device="cpu")[0]):
            assert (result.values == 0).all()
            assert result.error_bound == 0.0

    def test_interactions_are_exactly_zero_once_equal(self) -> None:
        for method in (exact.shapley_interactions, exact.banzhaf_interactions):
            result = method(near(0.0, "both"))
            assert (result.values == 0).all()
            assert result.error_bound == 0.0

    @pytest.mark.parametrize("outputs", [None, 2])
    def test_of_a_single_unit(self, outputs: int | None) -> None:
        """LIME's line through both values was their difference."""
        game = near(1e-12, "both", 1, outputs)
        assert above(game) == []
        assert exact.lime(game).values == pytest.approx(exact.shapley(game).values, rel=1e-13, abs=0)

    def test_that_differ_by_less_than_a_value_beside_them(self) -> None:
        """Tables were left out as negligible: centred on 1e30, the two values of a unit are the same number."""
        kept, removed = (Terms(np.array([[1.5, -0.5]]), np.full((1, 2), -11098.0 + shift)) for shift in (0.0, 1e-10))
        game = RatioGame(kept, removed, Terms(np.zeros(1), np.array([1e30])))
        weight = np.exp([1.5, -0.5])
        expected = (kept.value - removed.value)[0] * weight / (1 + weight.sum())
        assert exact.shapley(game).values == pytest.approx(expected, rel=1e-13, abs=0)
        assert exact.batch(exact.shapley, [game], device="cpu")[0].values == pytest.approx(expected, rel=1e-13, abs=0)
        assert above(game) == []


class TestCancellation:
    def test_of_a_unit_as_light_as_it_is_far(self) -> None:
        """Its numerators' difference is 1e-17 of either part of the sum that gave it."""
        log_kept, log_removed = np.array([[40.0, 69.0, 45.0]]), np.array([[40.0, 0.5, 0.8]])
        value = np.array([[-0.5, -0.5, -0.5]])
        game = RatioGame(Terms(log_kept, value), Terms(log_removed, np.array([[-0.5, 0.35, -0.06]])))
        truth = Truth(game)
        assert furthest(exact.shapley(game).values, truth.shapley()) <= 1e-12 * float(abs(truth.shapley()).max())
        assert above(game) == []

    @pytest.mark.parametrize("noise", [0.0, 1e-14, 1e-9])
    def test_of_heads(self, noise: float) -> None:
        game = make_game(4, 5, 1, 3.0)
        opposite = stacked(game, with_values(game, partial(np.multiply, -1.0 - noise)))
        assert above(opposite) == []

    @pytest.mark.parametrize("shift", [1e4, 1e12])
    def test_of_values_far_from_zero(self, shift: float) -> None:
        """Expected values of opposite heads are as uncertain as the heads, not as their mean."""
        game = with_values(make_game(4, 5, 2, 3.0), partial(np.add, shift))
        assert above(stacked(game, with_values(game, np.negative))) == []

    def test_of_terms_within_a_head(self) -> None:
        """Values of +1 and -1 that hardly move: what an expected value sums does not shrink with what it changes."""
        value = np.array([[1.0, -1.0, 1.0, -1.0]])
        kept, removed = (Terms(np.full((1, 4), tilt), value + shift) for tilt, shift in ((0.0, 0.0), (1e-13, 1e-14)))
        game = RatioGame(kept, removed, Terms(np.zeros(1), np.zeros(1)))
        assert exact.expected_value(game, 0.3).error_bound < 1e-13
        assert above(game, only="expected") == []

    def test_to_a_constant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Centring leaves the last bit of the constant: a game whose only value is not quite 0."""
        value = np.full((1, 3), 1.8625474472858792)
        kept = Terms(np.array([[721.0076942451344, 722.8189539353389, 720.9569766868367]]), value)
        removed = Terms(np.array([[699.589762316527, 705.099247158413, 716.0049789898802]]), value)
        game = RatioGame(kept, removed, Terms(np.array([741.5237666491594]), value[0, :1]))
        assert above(game) == []
        monkeypatch.setattr(engine, "FIRST", search.COARSE)
        assert above(game, coarse=True) == []


class TestWeights:
    @pytest.mark.parametrize("offset", [-2e5, 9e5])
    def test_whose_logarithms_are_far_from_zero(self, offset: float) -> None:
        """Pooling what is not free rounds logarithms as they are."""
        game = make_game(5, 5, 2, 2.0)
        terms = (Terms(t.log_weight + offset, t.value) for t in (game.kept, game.removed, game.fixed))
        moved = RatioGame(*terms)
        for seed, only in itertools.product(range(3), ["expected", "deletion", "insertion"]):
            assert above(moved, seed, only=only) == []

    def test_far_below_the_largest_of_their_head(self) -> None:
        """A mask without the heavy unit is evaluated with weights near e^-600."""
        log_kept = np.array([[0.0, -600.3, -600.7, -601.9]])
        game = RatioGame(Terms(log_kept, np.array([[1.0, 3.1, -2.3, 1.7]])), Terms.none(1, 4), empty=0.0)
        for seed, only in itertools.product(range(3), ["expected", "deletion", "insertion"]):
            assert above(game, seed, only=only) == []

    @pytest.mark.parametrize("light", [-30.0, -45.0])
    def test_of_light_units_with_huge_values_cost_what_they_add(self, light: float) -> None:
        """As in SLALOM surrogates of additive scores: beside heavy units, light ones add up over a light fixed part."""
        rng = np.random.default_rng(0)
        log_weight, value = np.array([0.0, -0.5, *rng.normal(light, 1.0, 4)]), rng.normal(size=6)
        value[2:] *= np.exp(-light / 2)
        kept, fixed = Terms(log_weight[None], value[None]), Terms(np.array([light / 2]), np.ones(1))
        game = RatioGame(kept, Terms.none(1, 6), fixed)
        assert exact.shapley(game).error_bound < 1e-12
        assert above(game) == []

    @pytest.mark.parametrize("size", [1e-200, 1e200])
    def test_times_tiny_and_huge_values(self, size: float) -> None:
        """Light weights times tiny values vanished from plain evaluations, and the sum of the scores was refused."""
        game = make_game(3, 3, 2, 150.0)
        scaled = with_values(game, partial(np.multiply, size))
        assert above(scaled) == []
        assert scaled(subsets(3)) == pytest.approx(size * game(subsets(3)), rel=1e-14, abs=0)


class TestKernels:
    @pytest.mark.parametrize("width", [1e-3, 1e-20, 1e-160, 1e-300, 5e-324])
    def test_too_narrow_for_a_fit_are_refused(self, width: float) -> None:
        for run in (
            exact.lime,
            lambda game, width: exact.batch(partial(exact.lime, kernel_width=width), [game], "cpu"),
        ):
            with pytest.raises(SettingError, match="larger one"):
                run(make_game(), width)

    @pytest.mark.parametrize("width", [1e-300, 1e-3, 1e300])
    def test_do_not_matter_to_a_single_unit(self, width: float) -> None:
        game = make_game(1, 1)
        assert exact.lime(game, width).values == exact.lime(game).values

    def test_narrow_ones_on_tiny_values_do_not_underflow(self) -> None:
        """One size has all the weight but 1e-80."""
        game = make_game(1, 2, 2, 3.0)
        tiny = exact.lime(with_values(game, partial(np.multiply, 1e-240)), 0.05)
        assert tiny.values == pytest.approx(1e-240 * exact.lime(game, 0.05).values, rel=1e-13, abs=0)

    @pytest.mark.parametrize("width", [10.0, 1e8, 1e300])
    def test_as_wide_as_none(self, width: float) -> None:
        game = make_game(2, 6)
        values = exact.lime(game, width).values
        assert values == pytest.approx(exact.lime(game, np.inf).values, rel=1.0 / width / width + 1e-12)


def near(delta: float, part: str, units: int = 6, outputs: int | None = None) -> RatioGame:
    """Units as far from their replacements as delta."""
    game = make_game(units, units, 1, 1.0, outputs=outputs)
    rng = np.random.default_rng(1)
    log_weight = game.kept.log_weight + delta * (part != "values") * rng.normal(size=game.kept.log_weight.shape)
    value = game.kept.value + delta * (part != "weights") * rng.normal(size=game.kept.value.shape)
    return RatioGame(game.kept, Terms(log_weight, value), game.fixed)
