"""What an explanation says of the text as a whole: the predicted class, its probability, and words nobody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heedful
from factory import make_bert, make_classifier
from heedful import Windows
from heedful.explaining.windows import ask_long
from heedful.question import Choices

TEXT = "the plot was not good"


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_the_class_and_its_probability_whatever_is_explained(output: str, target: int) -> None:
    classifier = make_bert()
    probabilities = softmax(classifier.logits_of(classifier.encode(TEXT)))
    best = int(np.argmax(probabilities))
    result = heedful.explain(classifier, TEXT, "random", target=target, output=output)
    assert (result.predicted, result.predicted_name) == (best, classifier.labels[best])
    assert result.probability == pytest.approx(probabilities[best], abs=1e-12)
    assert heedful.Explanation.from_json(result.to_json()) == result
    named = f"Predicted: {classifier.labels[best]}, with probability {probabilities[best]:.3f}."
    assert all(part in result.to_html() for part in (classifier.labels[best], f"{probabilities[best]:.3f}")), named


def test_classes_that_do_not_exclude_each_other_have_probabilities_of_their_own() -> None:
    classifier = make_bert(problem_type="multi_label_classification")
    logits = classifier.logits_of(classifier.encode(TEXT))
    result = heedful.explain(classifier, TEXT, "random")
    assert result.predicted == int(np.argmax(logits))
    assert result.probability == pytest.approx(1 / (1 + np.exp(-logits.max())), abs=1e-12)


@pytest.mark.parametrize("settings", [{"num_labels": 1}, {"problem_type": "regression"}])
def test_a_number_is_no_class(settings: dict[str, object]) -> None:
    result = heedful.explain(make_bert(**settings), TEXT, "random", target=0)
    assert (result.predicted, result.predicted_name, result.probability) == (None, None, None)
    assert "Predicted" not in result.to_html()


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_of_windows_it_is_that_of_what_is_explained(combine: str) -> None:
    classifier, text = make_bert(), " ".join([TEXT, "a slow one", "dull"] * 5)
    windows = Windows(size=9, combine=combine)
    asked = ask_long(classifier, text, Choices(output="probability"), windows)
    result = heedful.explain(classifier, text, "random", output="probability", long_text=windows)
    assert result.predicted == result.target
    assert result.probability == pytest.approx(asked.prediction, abs=1e-12)
    other = (result.target + 1) % 3
    another = heedful.explain(classifier, text, "random", target=other, long_text=windows)
    assert another.predicted == result.predicted
    expected = pytest.approx(result.probability) if combine == "mean" else None
    assert another.probability == expected


def test_words_that_nobody_knows_are_counted_and_said() -> None:
    classifier = make_classifier()
    known, some, none = (
        heedful.explain(classifier, text, "occlusion") for text in (TEXT, "the plot was zzz yyy", "zzz yyy xxx !")
    )
    assert [result.unknown for result in (known, some, none)] == [0, 2, 3]
    assert "vocabulary" not in known.to_html()
    assert "<dd><bdi>2 of 5</bdi></dd>" in some.to_html()
    assert "No word is in the classifier&#39;s vocabulary: it cannot tell them apart." in none.to_html()
    assert replace(none, unknown=None).to_html() != none.to_html()
