"""Memo, and games handed to shapiq: the same players, the same values, each evaluated once."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import shapiq
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
import zoo
from factory import make_bert
from heedful.classifier import Classifier
from heedful.errors import InputError, SettingError
from heedful.games import Game, RatioGame, Terms, from_text
from heedful.games.exact import enumeration
from heedful.games.memo import Memo
from heedful.question.forwards import ModelGame
from heedful.question.tables import TableGame

TEXT = "the plot was not good but dull"


class Counted:
    n_units, n_forward = 3, 7

    def __init__(self) -> None:
        self.asked: list[tuple[bool, ...]] = []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked += [tuple(mask) for mask in masks.tolist()]
        return masks @ np.array([1.0, 20.0, 300.0])


class TestMemo:
    @given(st.lists(st.lists(st.tuples(*[st.booleans()] * 3), max_size=9), max_size=5))
    @settings(deadline=None, max_examples=50)
    def test_gives_the_games_values_and_asks_once(self, calls: list[list[tuple[bool, bool, bool]]]) -> None:
        game = Counted()
        memo = Memo(game)
        for call in calls:
            masks = np.array(call, dtype=bool).reshape(-1, 3)
            assert np.array_equal(memo(masks), masks @ np.array([1.0, 20.0, 300.0]))
        distinct = {mask for call in calls for mask in call}
        assert len(game.asked) == len(set(game.asked)) == memo.n_evaluations == len(distinct)
        assert isinstance(memo, Game)
        assert (memo.n_units, memo.n_forward) == (3, 7)

    def test_tells_masks_of_many_units_apart(self) -> None:
        class Last(Counted):
            n_units = 17

            def __call__(self, masks: np.ndarray) -> np.ndarray:
                return masks[:, -1].astype(np.float64)  # the bit that alone fills the last byte

        masks = np.zeros((2, 17), dtype=bool)
        masks[1, -1] = True
        assert Memo(Last())(masks).tolist() == [0.0, 1.0]


class TestFromText:
    def test_is_the_game_that_methods_play(self, classifier: Classifier) -> None:
        choices = dict(target=1, output="logit_difference", unit="word", masking="ignore")
        game = from_text(classifier, TEXT, **choices)
        assert isinstance(game, TableGame)
        assert isinstance(from_text(make_bert(), TEXT), ModelGame)
        whole = np.ones((1, game.n_units), dtype=bool)
        values = game(np.concatenate([whole, ~np.eye(game.n_units, dtype=bool)]))
        assert values[0] - values[1:] == pytest.approx(
            heedful.explain(classifier, TEXT, "occlusion", **choices).scores, abs=1e-12
        )

    def test_takes_a_pair(self) -> None:
        classifier = zoo.make("bert")
        game = from_text(classifier, ("what a dull plot", "it was not good"), unit="word")
        assert game.n_units == 8


def indices(game: object, index: str) -> np.ndarray:
    return shapiq.ExactComputer(game)(index, order=1).get_n_order_values(1)


class TestShapiq:
    @pytest.mark.parametrize("name", zoo.NAMES)
    def test_the_same_values_and_each_evaluated_once(self, name: str) -> None:
        game = from_text(zoo.make(name), "what a dull plot")
        handed = game.to_shapiq()
        before = game.n_forward
        masks = enumeration.subsets(game.n_units)
        for _ in range(2):
            assert handed(masks.astype(int)) == pytest.approx(game(masks), abs=1e-9)
        spent = 0 if isinstance(game, TableGame) else len(masks)
        assert handed.n_forward - before == 3 * spent  # once for shapiq, twice by our own calls
        assert handed.n_players == game.n_units
        coalition = tuple(np.flatnonzero(masks[5]).tolist())
        assert handed(coalition) == pytest.approx(game(masks[5:6]), abs=1e-9)

    def test_their_exact_values_are_ours(self, classifier: Classifier) -> None:
        handed = RatioGame.from_text(classifier, TEXT).to_shapiq()
        for index, method in (
            ("SV", "shapley-exact"),
            ("BV", "banzhaf-exact"),
            ("SV", "kernel-shap"),
            ("BV", "banzhaf"),
        ):
            ours = heedful.explain(classifier, TEXT, method)
            assert indices(handed, index) == pytest.approx(ours.scores, abs=1e-10)
        assert shapiq.ExactComputer(handed)("SV", order=1).baseline_value == pytest.approx(ours.base_value, abs=1e-12)

    def test_an_approximator_of_theirs_runs_on_it(self, classifier: Classifier) -> None:
        game = from_text(classifier, TEXT, masking="delete")
        theirs = shapiq.KernelSHAP(game.n_units, random_state=0).approximate(2**game.n_units, game.to_shapiq())
        ours = heedful.explain(classifier, TEXT, "kernel-shap", masking="delete")
        assert theirs.get_n_order_values(1) == pytest.approx(ours.scores, abs=1e-5)  # theirs puts 1e6 on the ends

    def test_refuses_several_outputs(self) -> None:
        two = Terms(np.zeros((1, 3)), np.ones((1, 3, 2)))
        game = RatioGame(two, Terms.none(1, 3), Terms(np.zeros(1), np.zeros((1, 2))))
        with pytest.raises(SettingError, match=r"one output at a time, the game has outputs \(2,\)"):
            game.to_shapiq()

    def test_without_shapiq_says_what_to_install(self, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "shapiq", None)
        with pytest.raises(InputError, match=r"to_shapiq\(\) needs shapiq: pip install 'heedful\[oracles\]'"):
            from_text(classifier, TEXT).to_shapiq()
