"""Stability with the seed and under edits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

import heedful
import zoo
from heedful import methods, metrics
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.methods import Answer, Method
from heedful.methods.cards import Card
from heedful.metrics.stability import edits, method_of
from heedful.question import Choices, Question, ask

TEXT = "the plot was not good but the acting was very good"


def posed(classifier: Classifier, method: str, text: str = TEXT, **choices: object) -> tuple:
    return ask(classifier, text, Choices(**choices)), heedful.explain(classifier, text, method, **choices)


@pytest.mark.parametrize("name", methods.names())
def test_every_method_is_asked_again_with_its_settings(classifier: Classifier, name: str) -> None:
    question, explanation = posed(classifier, name)
    again = method_of(explanation).answer(question).scores
    np.testing.assert_allclose(again, explanation.scores, rtol=1e-12, atol=1e-12)


def test_settings_that_were_asked_for_are_kept(classifier: Classifier) -> None:
    explanation = heedful.explain(classifier, TEXT, "lime:n_samples=50,n_features=2")
    assert method_of(explanation) == methods.Lime(n_samples=50, n_features=2)


def test_seeds_by_hand(classifier: Classifier) -> None:
    question, explanation = posed(classifier, "lime:n_samples=40", seed=7)
    others = [heedful.explain(classifier, TEXT, "lime:n_samples=40", seed=7 + i).scores for i in (1, 2, 3)]
    expected = np.mean([metrics.kendall_tau_b(explanation.scores, other) for other in others])
    assert metrics.get("seed-stability:n_seeds=3").measure(question, explanation) == pytest.approx(expected)
    assert metrics.get("seed-stability").measure(*posed(classifier, "occlusion")) == 1.0


def test_random_scores_are_at_chance(classifier: Classifier) -> None:
    metric = metrics.get("seed-stability:n_seeds=100")
    # variance of tau of 8 units without ties: 2 (2 d + 5) / (9 d (d - 1)) = 1/12; four standard errors
    assert abs(metric.measure(*posed(classifier, "random"))) < 4 * math.sqrt(1 / 12 / 100)


@dataclass(frozen=True)
class Lengths(Method):
    """Scores of 3 and 4 for two words, and one more for each full stop, capital or space in the text."""

    card = Card(name="lengths", family="baseline", signed=True, access="outputs", cost="none", source="this test")

    def answer(self, question: Question) -> Answer:
        text = question.encoded.text
        stop, capital, spaces = text.count("."), sum(map(str.isupper, text)), text.count(" ") - 1
        return Answer(scores=np.array([3.0 + stop + 2 * spaces, 4.0 + 3 * capital]))


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(methods.REGISTRY, "_own", {"lengths": Lengths})
    return "lengths"


def test_edits_by_hand(classifier: Classifier, lengths: str) -> None:
    """Changes of 1, 2, 2 and 3, of a length of 5."""
    question, explanation = posed(classifier, lengths, "good plot")
    assert metrics.get("edit-sensitivity").measure(question, explanation) == pytest.approx(3 / 5)
    assert metrics.get("edit-sensitivity:summary=mean").measure(question, explanation) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("A dull plot.", ["A dull plot", " A dull plot.", "A  dull  plot.", "a dull plot."]),
        ("dull", ["dull.", " dull", "Dull"]),
        ("1 2 ", ["1 2.", " 1 2 ", "1  2  "]),
        ("(a b)", ["(a b).", " (a b)", "(a  b)", "(A b)"]),
    ],
)
def test_edits(text: str, edited: list[str]) -> None:
    assert edits(text) == edited


@pytest.mark.parametrize("unit", ["word_type", "word", "sentence"])
def test_edits_of_a_text_on_another_architecture(unit: str) -> None:
    bert = zoo.make("bert")
    question, explanation = posed(bert, "occlusion", "the plot was not good .", unit=unit, output="logit_difference")
    value = metrics.get("edit-sensitivity").measure(question, explanation)
    assert 0 < value < math.inf
    changes = []
    for text in edits("the plot was not good ."):
        other = ask(bert, text, Choices(unit=unit))
        after = methods.Occlusion().answer(replace(other, output=question.output))
        changes.append(np.linalg.norm(after.scores - explanation.scores))
    assert value * np.linalg.norm(explanation.scores) == pytest.approx(max(changes))


def test_edits_that_merge_words_are_left_out(classifier: Classifier) -> None:
    question, explanation = posed(classifier, "occlusion", "The plot the")
    value = metrics.get("edit-sensitivity").measure(question, explanation)  # "the plot the" has one word type fewer
    assert math.isfinite(value)


@dataclass(frozen=True)
class Together(Method):
    """Scores of 3 and 4 alone; a unit of the answers' own for each token of the longest text beside."""

    card = Card(name="together", family="baseline", signed=True, access="outputs", cost="none", source="this test")

    def answer(self, question: Question) -> Answer:
        return Answer(scores=np.array([3.0, 4.0]))

    def answers(self, questions: Sequence[Question]) -> Iterable[Answer]:
        longest = max(len(question.encoded) for question in questions)
        return [Answer(scores=np.array([3.0, 4.0 + longest - len(one.encoded)])) for one in questions]


def test_what_texts_beside_it_change_by_hand(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods.REGISTRY, "_own", {"together": Together})
    question, explanation = posed(classifier, "together", "good plot")
    more = 2 * 2  # tokens of padding, beside the text three times over
    assert metrics.get("batch-sensitivity").measure(question, explanation) == pytest.approx(more / 5)
    odd = replace(explanation, scores=np.array([3.0, 14.0]))  # what was handed in is not what the method says alone
    assert metrics.get("batch-stability").measure(question, odd) == pytest.approx(10 / np.hypot(3, 14))


@pytest.mark.parametrize("name", ["occlusion", "lime:n_samples=50", "attention-mean", "integrated-gradients", "random"])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "paper"])
def test_methods_heed_no_texts_beside_it(kind: str, name: str) -> None:
    made = zoo.make(kind)
    question, explanation = posed(made, name, "the plot was not good .", unit="word", output="logit_difference")
    assert metrics.get("batch-sensitivity").measure(question, explanation) < 1e-9  # float64


def test_pairs_beside_longer_ones() -> None:
    bert, pair = zoo.make("bert"), ("the plot", "was good")
    question, explanation = ask(bert, pair, Choices()), heedful.explain(bert, pair, "occlusion")
    assert metrics.get("batch-sensitivity").measure(question, explanation) < 1e-9


def test_scores_that_are_no_numbers(classifier: Classifier) -> None:
    question, explanation = posed(classifier, "occlusion")
    unknown = replace(explanation, scores=np.where(np.arange(len(explanation)) == 1, np.nan, explanation.scores))
    for name in ("seed-stability", "edit-sensitivity", "batch-sensitivity"):
        assert math.isnan(metrics.get(name).measure(question, unknown))


def test_what_cannot_be_asked_again(classifier: Classifier) -> None:
    question, explanation = posed(classifier, "occlusion")
    windows = {"windows": 2, "window_size": 8, "stride": 4, "combine": "mean"}
    for name in ("seed-stability", "edit-sensitivity", "batch-sensitivity"):
        with pytest.raises(SettingError, match="unknown method 'elsewhere'"):
            metrics.get(name).measure(question, replace(explanation, method="elsewhere"))
        with pytest.raises(SettingError, match="window by window"):
            metrics.get(name).measure(question, replace(explanation, settings=windows))
    nothing = replace(explanation, scores=np.zeros(len(explanation)))
    assert math.isnan(metrics.get("edit-sensitivity").measure(question, nothing))
    assert math.isnan(metrics.get("batch-sensitivity").measure(question, nothing))
    pair = ask(classifier, ("the plot", "was good"), Choices())
    with pytest.raises(SettingError, match="a single text, not a pair"):
        metrics.get("edit-sensitivity").measure(
            pair, heedful.explain(classifier, ("the plot", "was good"), "occlusion")
        )
