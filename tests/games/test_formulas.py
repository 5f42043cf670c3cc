"""LIME by formula: hand computation, the linearised score fitted over all masks, rate, laws, extremes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games.exact.ratio_games import make_game, rearranged, recipes, stacked, with_values
from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games import formulas as asymptotic
from heedful.games.exact import enumeration

relaxed = settings(deadline=None, max_examples=25)
WIDTHS = [0.1, 0.25, math.inf]
FORMULAS = [asymptotic.lime, asymptotic.paper_lime]
Formula = Callable[[RatioGame], np.ndarray]


def close(found: np.ndarray, expected: np.ndarray, room: float = 1e-13) -> bool:
    """Equal but for the rounding of values of size 1."""
    assert found.shape == expected.shape
    return np.allclose(found, expected, rtol=1e-12, atol=room)


def sums(game: RatioGame, masks: np.ndarray, head: int) -> tuple[np.ndarray, np.ndarray]:
    """Denominators and numerators of a head, relative to its largest weight."""
    parts = [terms.log_weight[head] for terms in (game.kept, game.removed, game.fixed)]
    top = max(np.max(part) for part in parts)
    kept, removed, fixed = (np.exp(part - top) for part in parts)
    total = masks @ kept + ~masks @ removed + fixed
    return total, masks @ (kept * game.kept.value[head]) + ~masks @ (removed * game.removed.value[head]) + (
        fixed * game.fixed.value[head]
    )


def linearised(game: RatioGame) -> enumeration.Function:
    """The score to first order around the mean weight and the mean numerator of the masks of the same size."""

    def score(masks: np.ndarray) -> np.ndarray:
        every, kept, values = enumeration.subsets(game.n_units), masks.sum(1), np.zeros(len(masks))
        for head in range(game.n_heads):
            D, N = sums(game, masks, head)
            all_D, all_N = sums(game, every, head)
            for size in set(kept.tolist()) - {0}:
                rows, alike = kept == size, every.sum(1) == size
                mean_D, mean_N = all_D[alike].mean(), all_N[alike].mean()
                mean = mean_N / mean_D
                values[rows] += (mean + (N[rows] - mean * D[rows]) / mean_D) / game.n_heads
        nothing = kept == 0
        if nothing.any():
            values[nothing] = game(masks[nothing])
        return values

    return score


@pytest.mark.parametrize("width", WIDTHS)
def test_two_units_by_hand(width: float) -> None:
    # weights 1 and 2 become 1 and 1, values 3 and 0 become 0 and 2; a fixed term of weight 1 and value 0
    kept, removed = Terms(np.log([[1.0, 2.0]]), np.array([[3.0, 0.0]])), Terms(np.zeros((1, 2)), np.array([[0.0, 2.0]]))
    game = RatioGame(kept, removed, Terms(np.zeros(1), np.zeros(1)))
    # no unit kept: 2/3; one: mean weight 7/2, mean numerator 5/2, score 5/7, changes 3 and -2 - 5/7 over 7/2; so the
    # coefficients have the mean 5/7 - 2/3 = 1/21 and differ by (3 + 2 + 5/7) / (7/2) = 80/49
    assert asymptotic.lime(game, width) == pytest.approx([1 / 21 + 40 / 49, 1 / 21 - 40 / 49], rel=1e-14)
    # the first unit has 3/4 of the score of the whole text, the second 2/3 of that without both
    assert asymptotic.paper_lime(game) == pytest.approx([1.5 * 3 / 4, -1.5 * 2 / 3], rel=1e-14)


@pytest.mark.parametrize("units", [2, 3, 7, 100])
def test_equal_units_of_value_one_among_nothing_else(units: int) -> None:
    # all but the fixed part alike: with k kept the score is k / (k + 1), and all coefficients are LIME's slope of that
    game = RatioGame(Terms(np.zeros((1, units)), np.ones((1, units))), Terms.none(1, units), Terms.none(1))
    fixed = replace(game, fixed=Terms(np.zeros(1), np.zeros(1)))
    k = np.arange(units)
    slope = np.polyfit(k, k / (k + 1), 1)[0]
    assert asymptotic.lime(fixed, math.inf) == pytest.approx(np.full(units, slope), rel=1e-10)
    assert asymptotic.paper_lime(game) == pytest.approx(np.full(units, 1.5 / units), rel=1e-14)


@pytest.mark.parametrize("units", [2, 5, 300])
def test_left_out_units_get_three_times_attention_times_distance(units: int) -> None:
    # without a kernel, next to a negligible fixed part that does not move the score: 3 d / (d + 1) alpha (v - f)
    game = make_game(units, units, 1, 1.0, "ignore")
    alpha = np.exp(game.kept.log_weight[0]) / np.exp(game.kept.log_weight[0]).sum()
    score = alpha @ game.kept.value[0]
    still = RatioGame(game.kept, game.removed, Terms(np.full(1, -60.0), np.full(1, score)))
    expected = 3 * units / (units + 1) * alpha * (game.kept.value[0] - score)
    assert asymptotic.lime(still, math.inf) == pytest.approx(expected, rel=1e-11, abs=1e-14)


@given(recipes, st.sampled_from(WIDTHS))
@relaxed
def test_is_the_fit_of_the_linearised_score(recipe: dict[str, object], width: float) -> None:
    recipe |= {"units": max(3, int(str(recipe["units"]))), "outputs": None}
    game = make_game(**recipe)  # type: ignore[arg-type]
    fit = enumeration.lime(linearised(game), game.n_units, width)[0]
    # with three units and width 0.1 the enumerated normal equations have a condition number near 1e4
    assert close(asymptotic.lime(game, width), fit, 1e-13 if width > 0.1 else 1e-11)


@pytest.mark.parametrize("removal", ["replace", "ignore", "nothing left"])
@pytest.mark.parametrize("spread", [60.0, 400.0, 2000.0])
def test_weights_beyond_what_a_float_can_hold(spread: float, removal: str) -> None:
    game = make_game(6, 7, 2, spread, removal)
    assert close(asymptotic.lime(game), enumeration.lime(linearised(game), 7, 0.25)[0])
    assert (
        np.abs(asymptotic.paper_lime(game)) <= 3.0 * np.abs([t.value for t in (game.kept, game.removed)]).max()
    ).all()


def test_the_empty_text_keeps_its_digits_where_weights_have_none() -> None:
    game = make_game(3, 5)
    removed, fixed = (Terms(t.log_weight - 740.0, t.value) for t in (game.removed, game.fixed))  # a few 1e-322
    low = RatioGame(game.kept, removed, fixed)
    assert close(asymptotic.lime(low, 1.0), enumeration.lime(linearised(low), 5, 1.0)[0])


@given(recipes, st.sampled_from(WIDTHS))
@relaxed
def test_is_exact_where_removal_leaves_the_weights(recipe: dict[str, object], width: float) -> None:
    game = make_game(**(recipe | {"removal": "replace"}))  # type: ignore[arg-type]
    game = replace(game, kept=Terms(game.removed.log_weight, game.kept.value))
    every = np.column_stack([game.kept.log_weight, game.fixed.log_weight])
    share = np.exp(every - np.logaddexp.reduce(every, axis=1, keepdims=True))[:, :-1]
    change = game.kept.value - game.removed.value
    expected = np.mean(share.reshape(*share.shape, *(1,) * len(game.outputs)) * change, axis=0)
    assert close(asymptotic.lime(game, width), expected)


def relative_errors(formula: Formula, units: int, removal: str = "replace") -> float:
    """Root mean square over ten games of the error in all coefficients, relative to their size."""
    errors = []
    for seed in range(10):
        game = make_game(seed, units, 1, 0.5, removal)
        limit = exact.lime(game).values
        errors.append(np.sum((formula(game) - limit) ** 2) / np.sum(limit**2))
    return math.sqrt(np.mean(errors))


@pytest.mark.parametrize("removal", ["replace", "ignore"])
def test_the_relative_error_falls_like_one_over_the_number_of_units(removal: str) -> None:
    small, large = (relative_errors(asymptotic.lime, units, removal) for units in (50, 800))
    # sixteen times the units: as fast as 1 / d but for the scatter of ten games; neither 1 / sqrt(d) nor 1 / d^2
    assert 10 < small / large < 25
    assert large < 1e-3


def test_the_error_of_the_papers_formula_stays() -> None:
    assert min(relative_errors(asymptotic.paper_lime, units) for units in (50, 800)) > 0.2


@pytest.mark.parametrize("width", [0.25, math.inf])
def test_tends_to_an_integral_over_the_share_of_kept_units(width: float) -> None:
    x, step = np.polynomial.legendre.leggauss(200)
    u = (x + 1) / 2
    density = step * np.exp(-((1 - np.sqrt(u)) ** 2) / (2 * width**2))
    mean = density @ u / density.sum()
    gaps = []
    for units in (50, 400):
        game = make_game(1, units, 1)
        (a, n), (b, m), (c, r) = (
            (np.exp(t.log_weight[0]), np.exp(t.log_weight[0]) * t.value[0])
            for t in (game.kept, game.removed, game.fixed)
        )
        D = c + u * a.sum() + (1 - u) * b.sum()
        f = (r + u * n.sum() + (1 - u) * m.sum()) / D
        omega = density * u * (1 - u) / (density @ (u * (1 - u)))
        own = (omega / D).sum() * (n - m) - (omega * f / D).sum() * (a - b)
        slope = (density * (u - mean)) @ f / (density @ (u - mean) ** 2)
        integral = own - own.mean() + slope / units
        gaps.append(np.linalg.norm(asymptotic.lime(game, width) - integral) / np.linalg.norm(integral))
    assert gaps[0] < 0.02
    assert gaps[1] < gaps[0] / 4


class TestLaws:
    @given(recipes)
    @relaxed
    def test_outputs_are_linear(self, recipe: dict[str, object]) -> None:
        game = make_game(**(recipe | {"outputs": 2}))  # type: ignore[arg-type]
        row = np.array([0.5, 2.0])
        mixed = with_values(game, lambda value: np.broadcast_to(value, (*value.shape[:-1], 2)) @ row)
        for formula in FORMULAS:
            assert close(formula(mixed), formula(game) @ row)

    @given(recipes)
    @relaxed
    def test_a_constant_does_not_matter_but_to_the_papers_formula(self, recipe: dict[str, object]) -> None:
        game = make_game(**recipe)  # type: ignore[arg-type]
        shifted = with_values(game, lambda value: 3.0 - 2.0 * value)
        assert close(asymptotic.lime(shifted), -2.0 * asymptotic.lime(game))
        ones = asymptotic.paper_lime(with_values(game, lambda value: 0.0 * value + 1.0))
        assert close(asymptotic.paper_lime(shifted), 3.0 * ones - 2.0 * asymptotic.paper_lime(game))

    def test_a_constant_score_gets_coefficients_from_the_papers_formula_alone(self) -> None:
        game = with_values(make_game(), np.ones_like)
        assert np.abs(asymptotic.lime(game)).max() < 1e-15
        assert np.abs(asymptotic.paper_lime(game)).max() > 0.1

    @given(recipes, st.sampled_from([-1e4, 3.0, 1e4]))
    @relaxed
    def test_a_factor_in_all_weights_of_a_head_does_not_matter(self, recipe: dict[str, object], shift: float) -> None:
        game = make_game(**recipe)  # type: ignore[arg-type]
        moved = RatioGame(
            *(Terms(t.log_weight + shift, t.value) for t in (game.kept, game.removed, game.fixed)), empty=game.empty
        )
        for formula in FORMULAS:  # log weights near 1e4 are rounded by 1e-12
            assert close(formula(moved), formula(game), 1e-11)

    @given(recipes, st.data())
    @relaxed
    def test_symmetry(self, recipe: dict[str, object], data: st.DataObject) -> None:
        game = make_game(**recipe)  # type: ignore[arg-type]
        order = data.draw(st.permutations(range(game.n_units)))
        for formula in FORMULAS:
            assert close(formula(rearranged(game, order)), formula(game)[order])
            twins = formula(rearranged(game, [*range(game.n_units), 0]))
            assert close(twins[-1:], twins[:1], 1e-15)

    @given(recipes, st.integers(0, 100))
    @relaxed
    def test_heads_average(self, recipe: dict[str, object], seed: int) -> None:
        game = make_game(**recipe)  # type: ignore[arg-type]
        other = make_game(seed, game.n_units, 1, 3.0, outputs=game.outputs[0] if game.outputs else None)
        both = stacked(game, other, game.empty)
        for formula in FORMULAS:
            parts = game.n_heads * formula(game) + formula(other)
            assert close(formula(both), parts / (game.n_heads + 1))


def test_a_single_unit_takes_the_line_through_both_ends() -> None:
    game = make_game(1, 1, 2, 3.0, outputs=2)
    nothing, everything = game.ends()
    assert asymptotic.lime(game)[0] == pytest.approx(everything - nothing, abs=1e-14)


@pytest.mark.parametrize("formula", FORMULAS)
def test_heads_without_any_term_get_nothing(formula: Formula) -> None:
    game = make_game(11, 4, 1, 1.0, "ignore")
    two = stacked(game, RatioGame(Terms.none(1, 4), Terms.none(1, 4), Terms.none(1)), empty=5.0)
    assert close(formula(two), formula(game) / 2)


@pytest.mark.parametrize(
    ("width", "message"), [(0.0, "kernel_width"), (math.nan, "kernel_width"), (1e-3, "larger one")]
)
def test_senseless_widths_are_refused(width: float, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        asymptotic.lime(make_game(units=2), width)


def test_an_undefined_empty_set_is_refused() -> None:
    with pytest.raises(SettingError, match="empty"):
        asymptotic.lime(replace(make_game(removal="nothing left"), empty=None))
