"""Games prepared together are prepared as alone, bit for bit; what cannot be is left to be refused alone."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact.prepared import _PREPARED, _prepared, prepare, prepare_all


def game(rng: np.random.Generator, heads: int, units: int, *, vanish: bool = False, order: str = "C") -> RatioGame:
    def terms() -> Terms:
        log_weight = np.asarray(rng.normal(0, 5, (heads, units)), order=order)
        log_weight[rng.random((heads, units)) < 0.1] = -np.inf
        return Terms(log_weight, np.asarray(rng.normal(0, 1, (heads, units)), order=order))

    removed = Terms.none(heads, units) if vanish else terms()
    return RatioGame(terms(), removed, Terms(rng.normal(0, 1, heads), rng.normal(0, 1, heads)))


def same_bits(one: object, other: object) -> None:
    for part in ("weights", "values", "bounds"):
        first, second = getattr(one, part), getattr(other, part)
        for field in fields(first):
            arrays = getattr(first, field.name), getattr(second, field.name)
            assert np.array_equal(*arrays, equal_nan=True), field.name
            assert arrays[0].shape == arrays[1].shape


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 2, 7, 8, 9, 40, 129]), st.booleans())
def test_games_of_one_size_are_prepared_as_alone(seed: int, heads: int, units: int, vanish: bool) -> None:
    rng = np.random.default_rng(seed)
    games = [game(rng, heads, units, vanish=vanish, order=order) for order in "CFCC"]
    prepare_all(games)
    assert sum(one in _PREPARED for one in games) >= 3
    for one in games:
        same_bits(prepare(one), _prepared(one))
        assert prepare(one).n_units == units


def test_a_batch_of_any_sizes_has_the_values_of_games_alone() -> None:
    rng = np.random.default_rng(0)
    games = [game(rng, 2, units) for units in (3, 5, 3, 1, 5, 3)]
    copies = [RatioGame(one.kept, one.removed, one.fixed) for one in games]
    for together, alone in zip(exact.batch(exact.shapley, games), map(exact.shapley, copies), strict=True):
        assert np.array_equal(together.values, alone.values)
        assert together.error_bound == alone.error_bound


def test_a_game_without_a_value_is_refused_among_others_too() -> None:
    rng = np.random.default_rng(1)
    good = [game(rng, 1, 2) for _ in range(3)]
    bad = RatioGame(good[0].kept, Terms.none(1, 2))
    prepare_all([*good, bad, "no game"])
    assert bad not in _PREPARED
    with pytest.raises(SettingError, match="give the game an `empty` value"):
        exact.batch(exact.shapley, [*good, bad])
