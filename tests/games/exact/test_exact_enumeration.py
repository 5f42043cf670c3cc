"""Enumeration itself, on games small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heedful.errors import SettingError
from heedful.games import RatioGame, Terms
from heedful.games.exact import Beta, enumeration

Function = Callable[[np.ndarray], np.ndarray]


def majority(masks: np.ndarray) -> np.ndarray:
    """1 if at least two of three are kept."""
    return (masks.sum(1) >= 2) * 1.0


def unanimity(masks: np.ndarray) -> np.ndarray:
    """1 if all are kept."""
    return masks.all(1) * 1.0


def linear(masks: np.ndarray) -> np.ndarray:
    return 0.5 + masks @ np.array([1.0, -2.0, 4.0])


def test_subsets_are_numbered_by_their_bits() -> None:
    assert enumeration.subsets(3)[5].tolist() == [True, False, True]
    assert len(np.unique(enumeration.subsets(4), axis=0)) == 16


@pytest.mark.parametrize("d", [0, 21])
def test_subsets_refuse_sizes_that_do_not_fit(d: int) -> None:
    with pytest.raises(SettingError, match="1 to 20"):
        enumeration.subsets(d)


@pytest.mark.parametrize(
    ("game", "shapley", "banzhaf", "late"),
    [
        # a voter decides a majority of three if exactly one other is for it: sizes 0, 1, 2 count 0, 1, 0
        (majority, [1 / 3] * 3, [1 / 2] * 3, [1 / 3] * 3),
        # the last one in decides: only size 2 counts; its weight is 1/3, 1/4, and for the density 2p: 1/2
        (unanimity, [1 / 3] * 3, [1 / 4] * 3, [1 / 2] * 3),
        (linear, [1, -2, 4], [1, -2, 4], [1, -2, 4]),
    ],
)
def test_semivalues(game: Function, shapley: list[float], banzhaf: list[float], late: list[float]) -> None:
    assert enumeration.shapley(game, 3) == pytest.approx(shapley, abs=1e-15)
    assert enumeration.banzhaf(game, 3) == pytest.approx(banzhaf, abs=1e-15)
    assert enumeration.of_density(game, 3, Beta(2, 1)) == pytest.approx(late, abs=1e-15)
    assert enumeration.of_density(game, 3, lambda p: 2 * p) == pytest.approx(late, abs=1e-13)


def test_shapley_of_a_ratio_game_by_hand() -> None:
    # weights 1, 3 and a fixed 1; values 2, -2 and 1: f = 1, 3/2, -5/4, -3/5 for none, first, second, both
    game = RatioGame(
        Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]])), Terms.none(1, 2), Terms(np.zeros(1), np.ones(1))
    )
    assert enumeration.shapley(game, 2) == pytest.approx([(0.5 + 0.65) / 2, (-2.25 - 2.1) / 2], abs=1e-15)


@pytest.mark.parametrize(
    ("game", "by_size"),
    [
        (majority, [1.0, -1.0]),  # with nobody else the two make the majority; with the third, one of them suffices
        (unanimity, [0.0, 1.0]),
        (linear, [0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("sizes", [[0.5, 0.5], [0.25, 0.75]])
def test_interactions(game: Function, by_size: list[float], sizes: list[float]) -> None:
    found = enumeration.interactions(game, 3, np.array(sizes))
    assert found == pytest.approx(np.dot(by_size, sizes) * (1 - np.eye(3)), abs=1e-15)


@pytest.mark.parametrize("width", [0.1, 0.25, 1.0, np.inf])
def test_lime_recovers_a_linear_function(width: float) -> None:
    values, intercept = enumeration.lime(linear, 3, width)
    # at width 0.1 the normal equations have a condition number near 1e4
    assert values == pytest.approx([1, -2, 4], abs=1e-11)
    assert intercept == pytest.approx(0.5, abs=1e-11)


def test_lime_with_ridge_by_hand() -> None:
    # two units, f = z1 + z2, no kernel: the number of kept units is 0 or 1, each half the time, with variance 1/4;
    # (1 - b)^2 / 4 + 2 b^2 penalty is least at b = 1 / (1 + 8 penalty)
    values, intercept = enumeration.lime(lambda masks: masks.sum(1) * 1.0, 2, np.inf, penalty=1 / 8)
    assert values == pytest.approx([0.5, 0.5], abs=1e-14)
    assert intercept == pytest.approx(0.5 - 0.5 * 0.5, abs=1e-14)


def test_lime_weighs_masks_by_size() -> None:
    # f is 1 where one of two is kept, else 0: all weight on one kept unit or on none, and the line through the two
    values, intercept = enumeration.lime(lambda masks: (masks.sum(1) == 1) * 1.0, 2, 1.0)
    assert values == pytest.approx([1.0, 1.0], abs=1e-13)
    assert intercept == pytest.approx(0.0, abs=1e-13)


def test_expected_values() -> None:
    assert enumeration.expected_value(unanimity, np.array([0.5, 0.25, 1.0])) == pytest.approx(0.125, abs=1e-16)
    assert enumeration.size_means(majority, 3) == pytest.approx([0, 0, 1, 1], abs=1e-16)
