"""Ratio games: values, grouping, undefined masks, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.games import Game, RatioGame, Terms

relaxed = settings(deadline=None, max_examples=50)
NONE, ONE = Terms.none(1, 2), Terms(np.zeros(1), np.ones(1))


def by_hand(game: RatioGame, mask: np.ndarray) -> np.ndarray:
    """The value of one mask, term by term in Python, relative to the largest weight of those present."""
    heads = []
    for h in range(game.n_heads):
        terms = [(game.fixed.log_weight[h], game.fixed.value[h])]
        for j, kept in enumerate(mask):
            part = game.kept if kept else game.removed
            terms.append((part.log_weight[h, j], part.value[h, j]))
        top = max(log_weight for log_weight, _ in terms)
        weights = [math.exp(log_weight - top) for log_weight, _ in terms]
        heads.append(sum(w * value for w, (_, value) in zip(weights, terms, strict=True)) / math.fsum(weights))
    return np.mean(heads, axis=0)


def make(seed: int, spread: float, removed: bool, outputs: tuple[int, ...] = ()) -> RatioGame:
    rng = np.random.default_rng(seed)

    def terms(*shape: int) -> Terms:
        return Terms(spread * rng.normal(size=shape), rng.normal(size=shape + outputs))

    return RatioGame(terms(3, 5), terms(3, 5) if removed else Terms.none(3, 5), terms(3))


@given(st.integers(0, 10**6), st.sampled_from([0.1, 5.0, 100.0, 800.0]), st.booleans(), st.sampled_from([(), (2,)]))
@relaxed
def test_values_are_ratios_of_sums(seed: int, spread: float, removed: bool, outputs: tuple[int, ...]) -> None:
    game = make(seed, spread, removed, outputs)
    masks = np.random.default_rng(seed).random((20, 5)) < 0.5
    expected = np.array([by_hand(game, mask) for mask in masks])
    # log weights near 800 are rounded by 1e-13 when the largest is subtracted
    assert game(masks) == pytest.approx(expected, abs=1e-12 if spread > 100 else 1e-14)


def test_a_game_by_hand() -> None:
    game = RatioGame(Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]])), NONE, ONE)
    masks = np.array([[False, False], [True, False], [False, True], [True, True]])
    assert game(masks) == pytest.approx([1.0, 1.5, -1.25, -0.6], abs=1e-15)
    assert game.ends() == (pytest.approx(1.0), pytest.approx(-0.6))
    assert isinstance(game, Game)
    assert game.n_forward == 0


def test_log_weights_that_underflow_are_summed_in_logs() -> None:
    # relative to the largest weight every other one is 0 in float64
    kept = Terms(np.array([[900.0, -900.0, -901.0]]), np.array([[1.0, 2.0, 4.0]]))
    game = RatioGame(kept, Terms.none(1, 3), Terms(np.full(1, -5000.0), np.full(1, 7.0)))
    masks = np.array([[True, True, True], [False, True, False], [False, True, True], [False, False, False]])
    share = 1 / (1 + math.exp(-1))
    assert game(masks) == pytest.approx([1.0, 2.0, 2 * share + 4 * (1 - share), 7.0], abs=1e-15)


def test_many_masks_are_worked_off_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    game = make(0, 3.0, removed=True)
    masks = np.random.default_rng(0).random((1000, 5)) < 0.5
    whole = game(masks)
    monkeypatch.setattr("heedful.games.ratio._BLOCK", 35)
    assert game(masks) == pytest.approx(whole, abs=1e-15)
    assert game(masks[:0]).shape == (0,)


class TestEmpty:
    def test_is_refused_without_a_value(self) -> None:
        game = RatioGame(Terms(np.zeros((1, 2)), np.ones((1, 2))), NONE, Terms.none(1))
        assert game(np.array([[True, False]])) == 1.0
        with pytest.raises(SettingError, match="empty"):
            game(np.array([[True, False], [False, False]]))

    def test_takes_the_value_given_for_every_head_without_terms(self) -> None:
        kept = Terms(np.array([[0.0, 0.0], [0.0, -np.inf]]), np.ones((2, 2)))
        game = RatioGame(kept, Terms.none(2, 2), Terms.none(2), empty=-3)
        masks = np.array([[False, False], [False, True], [True, True]])
        assert game(masks).tolist() == [-3.0, -1.0, 1.0]

    def test_may_differ_by_output(self) -> None:
        kept = Terms(np.zeros((1, 2)), np.ones((1, 2, 2)))
        game = RatioGame(kept, NONE, Terms.none(1), empty=np.array([5.0, 6.0]))
        assert game(np.zeros((1, 2), bool)).tolist() == [[5.0, 6.0]]

    @pytest.mark.parametrize("empty", [np.nan, np.inf, np.zeros(3)])
    def test_must_be_finite_and_fit(self, empty: float | np.ndarray) -> None:
        with pytest.raises(SettingError, match="empty"):
            RatioGame(Terms(np.zeros((1, 2)), np.ones((1, 2))), NONE, ONE, empty)


class TestGrouping:
    @given(st.integers(0, 10**6), st.lists(st.integers(-1, 2), min_size=5, max_size=5), st.sampled_from([(), (2,)]))
    @relaxed
    def test_grouped_units_behave_as_their_members_together(
        self, seed: int, owner: list[int], outputs: tuple[int, ...]
    ) -> None:
        game = make(seed, 5.0, True, outputs)
        groups = np.array(owner)
        left_out = groups < 0
        # members of no group stay as they are when kept: part of the fixed terms
        held = game.restricted(~left_out, np.ones(5, bool)) if not left_out.all() else None
        if held is None:
            return
        small = groups[~left_out]
        grouped = RatioGame(held.kept.grouped(small, 3), held.removed.grouped(small, 3), held.fixed)
        masks = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(bool)
        assert grouped(masks) == pytest.approx(held(masks[:, small]), abs=1e-13)

    def test_left_out_units_and_empty_groups(self) -> None:
        terms = Terms(np.log([[1.0, 3.0, 5.0]]), np.array([[0.0, 4.0, 9.0]]))
        found = terms.grouped(np.array([1, 1, -1]), 3)
        assert np.exp(found.log_weight) == pytest.approx(np.array([[0.0, 4.0, 0.0]]), abs=1e-15)
        assert found.value.tolist() == [[0.0, 3.0, 0.0]]

    def test_terms_without_weight_stay_without(self) -> None:
        found = Terms.none(2, 3).grouped(np.array([0, 0, 1]), 2)
        assert np.isneginf(found.log_weight).all()
        assert (found.value == 0).all()

    @pytest.mark.parametrize("owner", [np.array([0, 1]), np.array([0, 1, 3]), np.array([0, -2, 1])])
    def test_owners_must_fit(self, owner: np.ndarray) -> None:
        with pytest.raises(SettingError, match="owner"):
            Terms(np.zeros((1, 3)), np.zeros((1, 3))).grouped(owner, 3)


@given(st.integers(0, 10**6), st.sampled_from([(), (2,)]))
@relaxed
def test_restricted_games_hold_the_other_units(seed: int, outputs: tuple[int, ...]) -> None:
    game = make(seed, 20.0, True, outputs)
    rng = np.random.default_rng(seed)
    free, kept = np.array([True, False, True, False, False]), rng.random(5) < 0.5
    masks = np.array([[False, False], [False, True], [True, False], [True, True]])
    whole = np.tile(kept, (4, 1))
    whole[:, free] = masks
    assert game.restricted(free, kept)(masks) == pytest.approx(game(whole), abs=1e-13)


class TestRefusals:
    @pytest.mark.parametrize(
        ("log_weight", "value", "message"),
        [
            (np.array([[np.nan]]), np.zeros((1, 1)), "log_weight must be finite"),
            (np.array([[np.inf]]), np.zeros((1, 1)), "log_weight must be finite"),
            (np.array([[1e308]]), np.zeros((1, 1)), "log_weight must be finite, at most 1e\\+06 in size"),
            (np.array([[-1e308]]), np.zeros((1, 1)), "log_weight must be finite, at most 1e\\+06 in size"),
            (np.zeros((1, 1)), np.array([[-1.5e308]]), "value must be finite, at most 1e\\+250 in size"),
            (np.zeros((1, 1)), np.array([[np.nan]]), "value must be finite"),
            (np.zeros((1, 1)), np.array([[np.inf]]), "value must be finite"),
            (np.zeros((1, 2)), np.zeros((1, 3)), "same shape"),
            (np.zeros((1, 2)), np.zeros((1, 2, 2, 2)), "same shape"),
            (np.zeros((1, 2, 3)), np.zeros((1, 2, 3)), "same shape"),
        ],
    )
    def test_terms(self, log_weight: np.ndarray, value: np.ndarray, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            Terms(log_weight, value)

    def test_values_do_not_matter_where_there_is_no_term(self) -> None:
        assert Terms(np.array([[-np.inf]]), np.array([[np.nan]])).value == 0

    def test_terms_are_copies_that_cannot_be_changed(self) -> None:
        mine = np.zeros((1, 2))
        terms = Terms(mine, mine)
        mine[:] = 5
        assert (terms.log_weight == 0).all()
        with pytest.raises(ValueError, match="read-only"):
            terms.value[0, 0] = 1

    def test_parts_that_do_not_fit(self) -> None:
        kept = Terms(np.zeros((1, 2)), np.zeros((1, 2)))
        with pytest.raises(SettingError, match=r"\(heads, units\)"):
            RatioGame(kept, Terms.none(1, 3), ONE)
        with pytest.raises(SettingError, match=r"\(heads,\)"):
            RatioGame(kept, NONE, Terms.none(2))
        with pytest.raises(SettingError, match=r"\(heads, units\)"):
            RatioGame(Terms.none(1, 0), Terms.none(1, 0), ONE)
        with pytest.raises(SettingError, match="outputs"):
            RatioGame(kept, NONE, Terms(np.zeros(1), np.zeros((1, 2))))

    @pytest.mark.parametrize("masks", [np.ones((1, 3), bool), np.ones(2, bool), np.ones((1, 2))])
    def test_masks(self, masks: np.ndarray) -> None:
        game = RatioGame(Terms(np.zeros((1, 2)), np.zeros((1, 2))), NONE, ONE)
        check = game.__call__.__wrapped__ if hasattr(game.__call__, "__wrapped__") else None
        with pytest.raises(SettingError, match="masks must be boolean"):
            check(game, masks) if check else game(masks)
