"""Replacement flips: texts by hand, functions whose answers are known, and what cannot be asked."""

from __future__ import annotations

import math

import pytest

import heedful
import zoo
from explanations import make
from heedful import metrics
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.explanation import Explanation
from heedful.metrics.replacement import replaced
from heedful.question import Choices, Question, ask

TEXT = "a dull plot , a slow end"


def dull(texts: list[str]) -> list[list[float]]:
    """Negative with "dull" in it."""
    return [[0.9, 0.1] if "dull" in text.split() else [0.2, 0.8] for text in texts]


def posed(text: str, function: object = dull, **choices: object) -> Question:
    return ask(heedful.load(function, labels=["bad", "good"]), text, Choices(**choices))


def scored(question: Question, scores: list[float]) -> Explanation:
    units, target = question.units, question.output.target
    return make(question.encoded.text, spans=units.spans, scores=scores, target=target)


def judged(question: Question, scores: list[float], spec: str = "replacement-flip") -> float:
    return metrics.get(spec).measure(question, scored(question, scores))


def test_the_word_that_decides_against_others() -> None:
    question = posed(TEXT)
    assert question.units.strings == ("a", "dull", "plot", "slow", "end")
    assert judged(question, [0, 4, 3, 2, 1]) == 1.0  # no other word is dull, and no other place matters
    # "plot" on top: nothing changes; of the other four units a quarter of the draws hits "dull"
    value = judged(question, [0, 1, 4, 3, 2], "replacement-flip:n_samples=2000")
    assert value == pytest.approx(-1 / 4, abs=4.5 * math.sqrt(3 / 16 / 2000))


def test_random_tops_are_at_chance() -> None:
    """Over all units on top, with every pair of a unit and a word drawn often."""
    question = posed(TEXT)
    tops = [[float(unit == top) for unit in range(5)] for top in range(5)]
    values = [judged(question, top, "replacement-flip:n_samples=2000") for top in tops]
    assert sum(values) / 5 == pytest.approx(0.0, abs=0.02)


def test_words_of_ones_own() -> None:
    question = posed("a dull plot", lambda texts: [[0.1, 0.9] if "fine" in text else [0.8, 0.2] for text in texts])
    assert judged(question, [0, 1, 0], "replacement-flip:words=fine") == 0.0  # it flips anywhere
    assert judged(question, [0, 1, 0], "replacement-flip:words=green") == 0.0
    assert math.isnan(judged(question, [0, 1, 0], "replacement-flip:words=DULL"))  # no other word for the top unit
    seen: list[str] = []

    def keep(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return dull(texts)

    question = posed("a dull plot", keep)
    seen.clear()
    judged(question, [0, 1, 0], "replacement-flip:words=fine green,n_samples=100")
    assert {text for text in seen if "dull" not in text} >= {"a fine plot", "a green plot"}
    assert set(seen) <= {"a dull plot", *(" ".join(text) for w in ("fine", "green") for text in
                                          ((w, "dull", "plot"), ("a", w, "plot"), ("a", "dull", w)))}  # fmt: skip
    seen.clear()
    judged(question, [0, 2, 1], "replacement-flip:words=fine green,n_samples=100")
    assert seen == []  # another explanation of the same question pays nothing for the same texts


def test_every_place_of_a_unit_and_the_rest_as_it_stands() -> None:
    question = posed("So dull, so  dull!")
    assert replaced(question, question.units.strings.index("dull"), "fine") == "So fine, so  fine!"
    sentence = posed("One. Two words here!", unit="sentence")
    assert replaced(sentence, 1, "X") == "One. X"


def test_pairs_stay_pairs() -> None:
    bert = zoo.make("bert")
    question = ask(bert, ("the plot was dull", "the film was good"), Choices())
    units = question.units.strings
    assert replaced(question, units.index("plot"), "soundtrack") == ("the soundtrack was dull", "the film was good")
    assert replaced(question, units.index("good"), "a") == ("the plot was dull", "the film was a")
    assert replaced(question, units.index("the"), "") == (" plot was dull", "the film was good")
    for spec in ("replacement-flip", "replacement-flip:words=slow never"):
        value = judged(question, [float(i) for i in range(len(units))], spec)
        assert -1 <= value <= 1


def test_what_is_undefined() -> None:
    assert math.isnan(judged(posed("dull"), [1.0]))
    assert math.isnan(judged(posed("dull Dull"), [1.0, 2.0]))  # no word but the unit's own
    assert math.isnan(judged(posed(TEXT), [0, math.nan, 4, 3, 2]))
    assert math.isnan(judged(posed(TEXT, target="good"), [0, 1, 4, 3, 2]))  # "bad" is decided for


def test_what_the_classifier_cannot_read_is_left_out(classifier: Classifier) -> None:
    question = ask(classifier, "plot zyzzyva", Choices())
    assert question.units.strings == ("plot", "zyzzyva")
    explanation = make("plot zyzzyva", spans=question.units.spans, scores=[2, 1], target=question.output.target)
    # "zyzzyva zyzzyva" has no known word; "plot plot" has
    assert math.isnan(metrics.get("replacement-flip").measure(question, explanation))
    assert not math.isnan(metrics.get("replacement-flip:words=plot good").measure(question, explanation))


def test_numbers_have_no_decisions() -> None:
    number = zoo.make("bert", num_labels=1, problem_type="regression")
    question = ask(number, TEXT, Choices())
    explanation = heedful.explain(number, TEXT, "occlusion")
    with pytest.raises(SettingError, match="predicts a number, not a class"):
        metrics.get("replacement-flip").measure(question, explanation)
