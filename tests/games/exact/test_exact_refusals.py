"""Arguments of the wrong type: one line that says what to give instead, from every exact function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from games.exact.ratio_games import make_game
from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact

WEIGHTS, VALUES = np.array([1.0, 3.0]), np.array([2.0, -2.0])
FUNCTIONS = {
    "shapley": exact.shapley,
    "banzhaf": exact.banzhaf,
    "semivalue": partial(exact.semivalue, density=exact.Beta(2, 1)),
    "lime": exact.lime,
    "shapley_interactions": exact.shapley_interactions,
    "banzhaf_interactions": exact.banzhaf_interactions,
    "expected_value": partial(exact.expected_value, p=0.5),
    "deletion_curve": partial(exact.deletion_curve, scores=np.zeros(6)),
    "insertion_curve": partial(exact.insertion_curve, scores=np.zeros(6)),
}


@pytest.fixture(autouse=True)
def as_users_call() -> Iterator[None]:
    """Without the shape checks of the test run, which would refuse wrong types first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(SettingError) as refused:
        call()
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("game", [WEIGHTS, [1.0, 3.0], None, "game", Terms.none(1, 2), lambda masks: masks.sum(1)])
def test_what_is_no_ratio_game_is_refused(function: Callable[..., Any], game: object) -> None:
    assert "RatioGame.from_weights" in refusal(lambda: function(game))


def test_weights_and_values_in_place_of_a_game() -> None:
    assert "RatioGame.from_weights" in refusal(lambda: exact.shapley(WEIGHTS, VALUES))  # type: ignore[arg-type]
    assert "RatioGame.from_weights" in refusal(lambda: RatioGame(WEIGHTS, VALUES))  # type: ignore[arg-type]
    assert "RatioGame.from_weights" in refusal(lambda: RatioGame(WEIGHTS, VALUES, 1.0))  # type: ignore[arg-type]
    assert "RatioGame.from_weights" in refusal(lambda: exact.batch(exact.shapley, [WEIGHTS]))  # type: ignore[list-item]
    assert "RatioGame.from_weights" in refusal(lambda: exact.batch(exact.shapley, [WEIGHTS], device="cpu"))  # type: ignore[list-item]


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("tolerance", ["1e-9", None, VALUES, 1j, 0.0, -1.0, np.nan, np.inf])
def test_senseless_tolerances_are_refused(function: Callable[..., Any], tolerance: object) -> None:
    assert "tolerance must be" in refusal(lambda: function(make_game(), tolerance=tolerance))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda game: exact.lime(game, "wide"), "kernel_width must be a number, got str"),
        (lambda game: exact.lime(game, VALUES), "kernel_width must be a number, got ndarray"),
        (lambda game: exact.lime(game, None), "kernel_width"),
        (lambda game: exact.lime(game, n_samples=2.5), "n_samples must be a whole number"),
        (lambda game: exact.lime(game, n_samples="many"), "n_samples must be a whole number"),
        (lambda game: exact.lime(game, n_samples=10, ridge="strong"), "ridge must be a number, got str"),
        (lambda game: exact.lime(game, n_samples=10, ridge=None), "ridge must be a number"),
        (lambda game: exact.semivalue(game, 2.0), "density must be Beta"),
        (lambda game: exact.semivalue(game, "uniform"), "density must be Beta"),
        (
            lambda game: exact.semivalue(game, lambda p: "one" + str(p)[:0]),
            "what a density returns must be an array of numbers",
        ),
        (lambda game: exact.semivalue(game, lambda p: p[:3]), "one value for each of 24 chances"),
        (lambda game: exact.semivalue(game, exact.Beta("1", 1)), "a must be a number"),
        (lambda game: exact.semivalue(game, exact.Beta(1, None)), "b must be a number"),
        (lambda game: exact.expected_value(game, "half"), "p must be an array of numbers, got str"),
        (lambda game: exact.expected_value(game, None), "p must"),
        (lambda game: exact.expected_value(game, np.full(3, 0.5)), "p must be one chance, or 6"),
        (lambda game: exact.expected_value(game, np.full(6, 0.5j)), "p must be an array of numbers"),
        (lambda game: exact.deletion_curve(game, "first"), "scores must be an array of numbers"),
        (lambda game: exact.insertion_curve(game, [[1.0], [2.0, 3.0]]), "scores must be an array of numbers"),
        (lambda game: exact.insertion_curve(game, 1.0), "scores must be 6 numbers"),
        (lambda game: exact.batch(game, exact.shapley), "batch takes an exact method and a list of games"),
        (lambda game: exact.batch(exact.shapley, game), "batch takes an exact method and a list of games"),
        (lambda game: exact.batch("shapley", [game], "cpu"), "batch takes an exact method and a list of games"),
        (lambda game: exact.batch(partial(exact.lime, kernel_width="a"), [game], "cpu"), "kernel_width must be a num"),
        (lambda game: exact.batch(partial(exact.lime, n_samples=1.5), [game], "cpu"), "n_samples must be a whole"),
        (lambda game: exact.batch(partial(exact.shapley, tolerance="a"), [game], "cpu"), "tolerance must be a number"),
    ],
)
def test_settings_of_the_wrong_type_are_refused(call: Callable[[RatioGame], Any], message: str) -> None:
    assert message in refusal(lambda: call(make_game()))


def test_lists_of_numbers_are_taken() -> None:
    game = make_game(units=2)
    assert exact.expected_value(game, [0.5, 1]).values == exact.expected_value(game, np.array([0.5, 1.0])).values  # type: ignore[arg-type]
    assert (exact.deletion_curve(game, [2, 1]).values == exact.deletion_curve(game, np.array([2.0, 1.0])).values).all()  # type: ignore[arg-type]
    assert (game([[True, False]]) == game(np.array([[True, False]]))).all()  # type: ignore[arg-type]
    assert exact.lime(game, np.float32(0.25)).values.shape == (2,)  # type: ignore[arg-type]


class TestFromWeights:
    def test_is_the_weighted_mean_of_the_kept_units(self) -> None:
        game = RatioGame.from_weights(WEIGHTS, VALUES, empty=7.0)
        masks = np.array([[False, False], [True, False], [False, True], [True, True]])
        assert game(masks) == pytest.approx([7.0, 2.0, -2.0, -1.0], rel=1e-15)
        # each joins first half of the time: 2 - 7 and -1 + 2, -2 - 7 and -1 - 2
        assert exact.shapley(game).values == pytest.approx([-2.0, -6.0], abs=1e-12)

    def test_starts_from_the_fixed_part(self) -> None:
        game = RatioGame.from_weights([1, 3], [2, -2], fixed=(1, 1))
        assert game(np.array([[False, False], [True, False], [True, True]])) == pytest.approx([1.0, 1.5, -0.6])
        assert exact.shapley(game).values == pytest.approx([0.575, -2.175], abs=1e-12)

    def test_takes_heads_and_outputs(self) -> None:
        weights = np.array([[1.0, 3.0], [2.0, 2.0]])
        values = np.arange(12.0).reshape(2, 2, 3)
        game = RatioGame.from_weights(weights, values, fixed=(np.array([1.0, 4.0]), np.array([10.0, 20.0, 30.0])))
        assert (game.n_heads, game.n_units, game.outputs) == (2, 2, (3,))
        kept = np.array([[True, False]])
        first = (1.0 * values[0, 0] + 1.0 * np.array([10.0, 20.0, 30.0])) / 2.0
        second = (2.0 * values[1, 0] + 4.0 * np.array([10.0, 20.0, 30.0])) / 6.0
        assert game(kept)[0] == pytest.approx((first + second) / 2, rel=1e-15)
        without = RatioGame.from_weights(weights, values, empty=[1.0, 2.0, 3.0])
        assert without(np.array([[False, False]])).tolist() == [[1.0, 2.0, 3.0]]

    def test_a_weight_of_zero_counts_for_nothing(self) -> None:
        game = RatioGame.from_weights([1.0, 0.0], [2.0, 5.0], empty=0.0)
        assert exact.shapley(game).values.tolist() == [2.0, 0.0]

    def test_weights_need_not_be_near_one_another(self) -> None:
        # a softmax that has all but underflowed
        game = RatioGame.from_weights([1.0, 1e-300], [2.0, -3.0], empty=0.0)
        assert exact.shapley(game).values == pytest.approx([3.5, -1.5], rel=1e-12)

    def test_takes_tensors(self) -> None:
        game = RatioGame.from_weights(torch.tensor([1.0, 3.0]), torch.tensor([2.0, -2.0]), empty=0.0)  # type: ignore[arg-type]
        assert game(np.array([[True, True]])) == pytest.approx([-1.0])

    @pytest.mark.parametrize(
        ("arguments", "settings", "message"),
        [
            ((WEIGHTS, VALUES), {}, "0 / 0"),
            ((WEIGHTS, VALUES), {"fixed": (0.0, 1.0)}, "0 / 0"),
            ((WEIGHTS, VALUES[:1]), {"empty": 0.0}, "same shape"),
            ((1.0, 2.0), {"empty": 0.0}, "(units,) or (heads, units)"),
            ((np.ones((1, 1, 1)), np.ones((1, 1, 1))), {"empty": 0.0}, "(units,) or (heads, units)"),
            (([], []), {"empty": 0.0}, "(heads, units)"),
            ((-WEIGHTS, VALUES), {"empty": 0.0}, "none negative"),
            ((WEIGHTS * np.nan, VALUES), {"empty": 0.0}, "none negative"),
            ((WEIGHTS * np.inf, VALUES), {"empty": 0.0}, "finite"),
            ((WEIGHTS, VALUES * np.nan), {"empty": 0.0}, "finite"),
            (("a", VALUES), {"empty": 0.0}, "weights must be an array of numbers, got str"),
            ((WEIGHTS, None), {"empty": 0.0}, "values must be an array of numbers, got NoneType"),
            ((WEIGHTS, [VALUES, 1.0]), {"empty": 0.0}, "values must be an array of numbers, got list"),
            ((WEIGHTS, VALUES), {"empty": "none"}, "empty must be an array of numbers"),
            ((WEIGHTS, VALUES), {"empty": np.zeros(2)}, "empty must be one finite number"),
            ((WEIGHTS, VALUES), {"fixed": 1.0}, "fixed must be a weight and a value"),
            ((WEIGHTS, VALUES), {"fixed": (1.0, 2.0, 3.0)}, "fixed must be a weight and a value"),
            ((WEIGHTS, VALUES), {"fixed": (np.ones(2), 0.0)}, "fixed must be a weight and a value"),
            ((WEIGHTS, VALUES), {"fixed": (1.0, "a")}, "fixed must be"),
            ((WEIGHTS, VALUES), {"fixed": (-1.0, 0.0)}, "none negative"),
        ],
    )
    def test_refuses_what_makes_no_game(
        self, arguments: tuple[Any, Any], settings: dict[str, Any], message: str
    ) -> None:
        assert message in refusal(lambda: RatioGame.from_weights(*arguments, **settings))


def test_no_fixed_part_is_the_default() -> None:
    kept = Terms(np.zeros((2, 3)), np.ones((2, 3)))
    game = RatioGame(kept, Terms(np.ones((2, 3)), np.zeros((2, 3))))
    assert game.fixed.log_weight.tolist() == [-np.inf, -np.inf]
    assert game(np.ones((1, 3), dtype=bool)).tolist() == [1.0]


@pytest.mark.parametrize("array", ["a", None, [[1.0], [2.0, 3.0]], np.array([1j]), object()])
def test_terms_take_numbers_only(array: object) -> None:
    assert "log_weight must be an array of numbers" in refusal(lambda: Terms(array, np.zeros(1)))  # type: ignore[arg-type]
    assert "value must be an array of numbers" in refusal(lambda: Terms(np.zeros(1), array))  # type: ignore[arg-type]
