"""Owen values: permutations one by one, shap's PartitionExplainer and shapiq are the oracles, then the laws."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
import shap
import shapiq
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
import zoo
from heedful.classifier import Classifier
from heedful.errors import SettingError, TextError
from heedful.games import RatioGame, Terms
from heedful.games.exact import enumeration
from heedful.games.sampled.owen import owen_sampled
from heedful.methods import Partition
from heedful.question import Choices, ask
from heedful.text.units import sentence_of

TEXT = "The plot was not good. The acting was very good! And the end was never dull"


def table(seed: int, n_units: int):
    """A value drawn at random for every coalition: all orders of interaction."""
    values = np.random.default_rng(seed).normal(size=1 << n_units)
    return lambda masks: values[masks @ (1 << np.arange(n_units))]


def walked(game, unions: np.ndarray) -> np.ndarray:
    """The definition: the mean change over all permutations in which unions stay together."""
    d, changes = len(unions), []
    for order in permutations(range(d)):
        if sum(unions[a] != unions[b] for a, b in pairwise(order)) == unions.max():
            entry = np.argsort(order)
            values = game(entry <= np.arange(-1, d)[:, None])
            changes.append(np.diff(values)[entry])
    return np.mean(changes, axis=0)


def draw_unions(seed: int, n_units: int) -> np.ndarray:
    labels = np.random.default_rng(seed).integers(n_units, size=n_units)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


class Game:
    n_forward = 0

    def __init__(self, n_units: int, value) -> None:
        self.n_units, self.value, self.asked = n_units, value, []

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.asked.append(masks)
        return np.asarray(self.value(masks), dtype=np.float64)


class Hierarchy(shap.maskers.Masker):
    """A masker of shap's that hands over the mask itself, and a tree."""

    def __init__(self, n_units: int, tree: list[list[float]]) -> None:
        self.shape, self.clustering = (1, n_units), np.array(tree, dtype=np.float64)

    def __call__(self, mask: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
        return (mask[None],)


def by_shap(game, n_units: int, tree: list[list[float]]) -> np.ndarray:
    explainer = shap.PartitionExplainer(lambda z: game(z.astype(bool)), Hierarchy(n_units, tree))
    return explainer(np.ones((1, n_units)), max_evals=10_000, silent=True).values[0]


class TestExact:
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 6))
    @settings(deadline=None, max_examples=30)
    def test_is_the_mean_over_permutations_that_keep_unions_together(self, seed: int, n_units: int) -> None:
        game, unions = table(seed, n_units), draw_unions(seed, n_units)
        # sums of at most 720 numbers of size 1
        assert enumeration.owen(game, unions) == pytest.approx(walked(game, unions), abs=1e-12)

    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 8))
    @settings(deadline=None, max_examples=20)
    def test_one_level_is_shapley(self, seed: int, n_units: int) -> None:
        game = table(seed, n_units)
        shapley = enumeration.shapley(game, n_units)
        for unions in (np.zeros(n_units, dtype=np.int64), np.random.default_rng(seed).permutation(n_units)):
            assert enumeration.owen(game, unions) == pytest.approx(shapley, abs=1e-12)

    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 8))
    @settings(deadline=None, max_examples=20)
    def test_unions_get_their_shapley_value_by_shapiq(self, seed: int, n_units: int) -> None:
        """The quotient game, in which unions are the players, is shapiq's to solve."""
        game, unions = table(seed, n_units), draw_unions(seed, n_units)
        n_unions = int(unions.max()) + 1
        computer = shapiq.ExactComputer(lambda coalitions: game(coalitions.astype(bool)[:, unions]), n_unions)
        sums = np.bincount(unions, enumeration.owen(game, unions))
        assert sums == pytest.approx(computer("SV", order=1).get_n_order_values(1), abs=1e-12)

    @pytest.mark.parametrize("seed", range(3))
    def test_two_sentences_of_two_words_are_shaps_partition(self, seed: int) -> None:
        game = table(seed, 4)
        tree = [[0, 1, 1, 2], [2, 3, 1, 2], [4, 5, 2, 4]]
        expected = enumeration.owen(game, np.array([0, 0, 1, 1]))
        assert by_shap(game, 4, tree) == pytest.approx(expected, abs=1e-12)

    def test_three_words_are_not(self) -> None:
        """shap's tree makes two of three words a union of their own: the limit of what the docs claim."""
        game = table(0, 3)
        flat, nested = (enumeration.owen(game, np.array(unions)) for unions in ([0, 0, 0], [0, 0, 1]))
        by_tree = by_shap(game, 3, [[0, 1, 1, 2], [3, 2, 2, 3]])
        assert by_tree == pytest.approx(nested, abs=1e-12)
        assert np.abs(by_tree - flat).max() > 0.05

    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 9))
    @settings(deadline=None, max_examples=30)
    def test_counts_its_coalitions(self, seed: int, n_units: int) -> None:
        game, unions = Game(n_units, table(seed, n_units)), draw_unions(seed, n_units)
        enumeration.owen(game, unions)
        asked = np.unique(np.concatenate(game.asked), axis=0)
        assert len(asked) == enumeration.owen_evaluations(unions)

    def test_several_outputs(self) -> None:
        games, unions = (table(0, 5), table(1, 5)), np.array([0, 1, 1, 0, 2])
        both = enumeration.owen(lambda masks: np.column_stack([g(masks) for g in games]), unions)
        for k, game in enumerate(games):
            assert both[:, k] == pytest.approx(enumeration.owen(game, unions), abs=1e-12)


class TestSampled:
    @given(seed=st.integers(0, 10**6), n_units=st.integers(2, 8), n=st.integers(16, 200))
    @settings(deadline=None, max_examples=30)
    def test_keeps_unions_together_within_the_budget(self, seed: int, n_units: int, n: int) -> None:
        game, unions = Game(n_units, table(seed, n_units)), draw_unions(seed, n_units)
        result = owen_sampled(game, unions, n, seed=seed)
        masks = np.concatenate(game.asked)
        assert len(masks) == result.n_evaluations <= n
        kept, size = (np.array([np.bincount(unions, row) for row in rows]) for rows in (masks, np.ones_like(masks)))
        assert ((kept > 0) & (kept < size)).sum(1).max() <= 1  # one union in part
        assert result.base_value + result.values.sum() == pytest.approx(float(game(np.ones((1, n_units), bool))[0]))

    @pytest.mark.parametrize("unions", [[0, 0, 0, 1, 1, 2], [2, 0, 1, 0, 1, 0], [0, 1, 2, 3, 4, 5], [0] * 6])
    def test_converges_to_the_exact_value(self, unions: list[int]) -> None:
        game, of = Game(6, table(3, 6)), np.array(unions)
        result = owen_sampled(game, of, 50_000)
        assert (np.abs(result.values - enumeration.owen(game.value, of)) < 4.5 * result.std_error).all()
        assert result.std_error.max() < 0.02

    def test_pairs_solve_interactions_of_two(self) -> None:
        pairs = np.triu(np.random.default_rng(0).normal(size=(7, 7)))
        game, unions = Game(7, lambda z: ((z @ pairs) * z).sum(1)), np.array([0, 0, 0, 1, 1, 2, 2])
        result = owen_sampled(game, unions, 50)
        assert result.values == pytest.approx(enumeration.owen(game.value, unions), abs=1e-12)

    def test_needs_a_permutation_and_its_reverse(self) -> None:
        game = Game(10, table(0, 10))
        with pytest.raises(SettingError, match=r"19 samples cannot walk through 10 units: .* at least 20"):
            owen_sampled(game, np.zeros(10, dtype=np.int64), 19)
        assert owen_sampled(game, np.zeros(10, dtype=np.int64), 20).n_evaluations == 20

    def test_one_unit_gets_all(self) -> None:
        result = owen_sampled(Game(1, lambda z: 2.0 + 3.0 * z[:, 0]), np.array([0]), 10)
        assert np.array_equal(result.values, [3.0])
        assert result.n_evaluations == 2


class TestSentences:
    def of(self, classifier: Classifier, text: object, unit: str) -> list[int]:
        question = ask(classifier, text, Choices(unit=unit))
        return sentence_of(question.units, question.encoded.text).tolist()

    def test_by_unit(self, classifier: Classifier) -> None:
        text = "The plot was good. The acting was slow! Never the end"
        assert self.of(classifier, text, "word") == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
        # the, plot, was, good where they come first; The and the are two types
        assert self.of(classifier, text, "word_type") == [0, 0, 0, 0, 1, 1, 2, 2, 2]
        assert self.of(classifier, text, "sentence") == [0, 1, 2]

    @pytest.mark.parametrize("name", zoo.NAMES)
    def test_tokens_that_begin_in_white_space(self, name: str) -> None:
        classifier = zoo.make(name)
        text = "a dull film. the end was  slow"
        question = ask(classifier, text, Choices(unit="token"))
        found = sentence_of(question.units, text)
        letters = [
            span[0] + len(text[slice(*span)]) - len(text[slice(*span)].lstrip()) for (span,) in question.units.spans
        ]
        assert found.tolist() == [int(start > text.index(".")) for start in letters]

    def test_each_text_of_a_pair_has_its_own(self) -> None:
        classifier = zoo.make("bert")
        assert (
            self.of(classifier, ("what a dull plot", "it was not good. very slow"), "word")
            == [0] * 4 + [1] * 4 + [2] * 2
        )

    def test_a_sentence_without_units_is_none(self, classifier: Classifier) -> None:
        assert self.of(classifier, "!!! The plot. ... The end", "word") == [0, 0, 1, 1]


class TestMethod:
    @pytest.mark.parametrize("masking", ["unk", "delete", "ignore"])
    def test_adds_up_and_converges_to_enumeration(self, classifier: Classifier, masking: str) -> None:
        whole = heedful.explain(classifier, TEXT, Partition(), masking=masking, unit="word")
        sampled = heedful.explain(classifier, TEXT, Partition(300), masking=masking, unit="word", seed=4)
        assert whole.details["enumerated"] == 1
        assert sampled.details["enumerated"] == 0
        assert whole.details["n_sentences"] == 3
        for result in (whole, sampled):
            assert result.additive
            assert result.base_value + result.scores.sum() == pytest.approx(result.prediction, abs=1e-9)
        # 10 pairs of permutations, 9 degrees of freedom: beyond 7 standard errors once in some 30,000
        assert (np.abs(whole.scores - sampled.scores) < 7 * sampled.std_error + 1e-12).all()

    def test_sentences_get_what_they_get_as_units(self, classifier: Classifier) -> None:
        """Words share what the exact engine gives to their sentence. Lines end sentences: every token is a word's."""
        text = "the plot was not good\nthe acting was very good\nand the end was dull"
        words, lines = (
            heedful.explain(classifier, text, method, unit=unit, masking="unk")
            for method, unit in (("partition", "word"), ("shapley-exact", "sentence"))
        )
        shared = np.bincount([0] * 5 + [1] * 5 + [2] * 5, words.scores)
        assert shared == pytest.approx(lines.scores, abs=1e-9)

    @pytest.mark.parametrize(("text", "unit"), [("the plot was not good", "word"), (TEXT, "sentence")])
    def test_one_level_is_the_exact_engines_shapley(self, classifier: Classifier, text: str, unit: str) -> None:
        ours, exact = (
            heedful.explain(classifier, text, m, unit=unit, masking="unk") for m in ("owen", "shapley-exact")
        )
        assert ours.scores == pytest.approx(exact.scores, abs=1e-9)

    @pytest.mark.parametrize("name", zoo.NAMES)
    @pytest.mark.parametrize("unit", ["word_type", "word", "token", "sentence"])
    def test_on_every_architecture(self, name: str, unit: str) -> None:
        text = "what a dull film. it was not good"
        result = heedful.explain(zoo.make(name), text, Partition(600), unit=unit)
        assert result.base_value + result.scores.sum() == pytest.approx(result.prediction, abs=1e-9)
        assert result.details["n_sentences"] == 2
        assert result.n_forward <= 601

    def test_refuses(self, classifier: Classifier) -> None:
        with pytest.raises(SettingError, match="n_samples must be at least 2, got 1"):
            Partition(1)
        assert Partition(2).n_samples == 2
        with pytest.raises(SettingError, match="give n_samples of at least"):
            heedful.explain(classifier, TEXT, Partition(20), unit="word")
        with pytest.raises(TextError, match="nothing to explain"):
            heedful.explain(classifier, "!", "partition")


def test_words_of_a_game_by_hand() -> None:
    """Pooling with equal weights: the mean of the kept values and a fixed 0, two unions."""
    game = RatioGame(
        Terms(np.zeros((1, 3)), np.array([[6.0, 0.0, 0.0]])), Terms.none(1, 3), Terms(np.zeros(1), np.zeros(1))
    )
    # f: {0} 3, {0, 1} 2, {0, 2} 2, all 1.5. Unions {0}, {1, 2}: unit 0 gets (3 + 1.5) / 2, the others -0.75 together
    assert enumeration.owen(game, np.array([0, 1, 1])) == pytest.approx([2.25, -0.375, -0.375], abs=1e-12)
