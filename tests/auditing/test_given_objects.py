"""Scores in the objects of other tools: shap's, lime's and interpreto's, and lists of pieces with their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import heedful
from heedful.auditing.given import GivenScores
from heedful.errors import DataError, TextError

TEXT = "The plot wasn't dull — né, Dull 😀!"


@pytest.fixture(scope="module")
def demo() -> heedful.Classifier:
    return heedful.load("demo")


def test_what_an_object_says_of_its_text_comes_before_its_place(demo: heedful.Classifier) -> None:
    one = heedful.explain(demo, "a dull film", "occlusion")
    for explained in (one, one.to_shap()):
        read = GivenScores.of(explained, name="x", texts=["another text", "a dull film"])
        assert heedful.explain(demo, "a dull film", read).scores.tolist() == one.scores.tolist()


def read(classifier: heedful.Classifier, texts: Sequence[str]) -> np.ndarray:
    """Probabilities, also of texts of which no word is left."""
    some = [f"the {one}" for one in texts]
    return np.array([list(one.probabilities.values()) for one in classifier.predict(some)])


@pytest.mark.nightly  # shap compiles its loops for six seconds
def test_scores_of_shaps_own_explainer(demo: heedful.Classifier) -> None:
    shap = pytest.importorskip("shap")
    texts = ["a dull but funny plot .", "a superb film !"]
    masker = shap.maskers.Text(r"\W")  # which drops the last of the text
    explainer = shap.Explainer(partial(read, demo), masker, output_names=list(demo.labels), algorithm="partition")
    check_shap(demo, texts, explainer(texts, max_evals=20, silent=True))


def test_scores_in_shaps_object(demo: heedful.Classifier) -> None:
    """Of the same make: several texts of several lengths, two classes, the last full stop gone."""
    shap = pytest.importorskip("shap")
    texts = ["a dull but funny plot .", "a superb film !"]
    data = tuple(np.array([*(f"{word} " for word in text.split()[:-1]), ""]) for text in texts)
    values = np.empty(2, dtype=object)
    values[:] = [np.arange(2.0 * len(pieces)).reshape(-1, 2) - 3 for pieces in data]
    bases = np.zeros((2, 2))
    check_shap(demo, texts, shap.Explanation(values, base_values=bases, data=data, output_names=list(demo.labels)))


def check_shap(classifier: heedful.Classifier, texts: Sequence[str], every: Any) -> None:
    """Every class's score of every word comes out."""
    scores = GivenScores.of(every, name="shap")
    for i, text in enumerate(texts):
        for k, label in enumerate(classifier.labels):
            mine = heedful.explain(classifier, text, scores, target=label, unit="word")
            pieces = [str(piece).strip(" .!") for piece in every.data[i]]
            theirs = {piece: value for piece, value in zip(pieces, every.values[i][:, k], strict=True) if piece}
            assert dict(mine) == pytest.approx(theirs)
            assert mine.scores.any()
    single = GivenScores.of(every[1], name="shap")
    assert heedful.explain(classifier, texts[1], single).scores.any()
    one_class = GivenScores.of(every[1][:, 1], name="shap")
    assert heedful.explain(classifier, texts[1], one_class, target=classifier.labels[1]).scores.any()
    with pytest.raises(TextError, match="explain class 'positive'"):
        heedful.explain(classifier, texts[1], one_class, target=classifier.labels[0])


def test_our_own_scores_through_shaps_object(demo: heedful.Classifier) -> None:
    mine = heedful.explain(demo, TEXT, "occlusion", unit="word")
    again = heedful.explain(demo, TEXT, GivenScores.of(mine.to_shap(), name="shap"), unit="word")
    assert (again.units, again.scores.tolist()) == (mine.units, mine.scores.tolist())


def test_scores_of_lime(demo: heedful.Classifier) -> None:
    lime_text = pytest.importorskip("lime.lime_text")
    text = "a dull plot, a dull cast and don't even ask"

    explainer = lime_text.LimeTextExplainer(class_names=list(demo.labels), random_state=0)
    found = explainer.explain_instance(text, partial(read, demo), num_features=4, num_samples=50, labels=(0, 1))
    scores = GivenScores.of(found, name="lime's")
    for k, label in enumerate(demo.labels):
        mine = dict(heedful.explain(demo, text, scores, target=label))
        theirs = dict(found.as_list(label=k))
        for word in ("a", "dull", "plot", "cast", "and", "even", "ask"):
            assert mine[word] == theirs.get(word, 0.0)
        assert mine["don't"] == pytest.approx(theirs.get("don", 0.0) + theirs.get("t", 0.0))
    pairs = GivenScores.of([found.as_list(label=1)], name="lime's", texts=[text], lenient=True)
    assert dict(heedful.explain(demo, text, pairs, target=1))["dull"] == dict(found.as_list(label=1)).get("dull", 0.0)


@dataclass
class AttributionOutput:
    """The fields of interpreto 0.5.2's object that matter, of the shapes that its Occlusion returns."""

    attributions: torch.Tensor
    elements: list[str]
    targets: torch.Tensor
    classes: torch.Tensor | None = None


def test_scores_of_interpreto(demo: heedful.Classifier) -> None:
    elements = ["[CLS]", "a", "du", "##ll", "film", "[SEP]"]
    one = AttributionOutput(torch.tensor([[9.0, 1.0, 2.0, 3.0, 4.0, 9.0]]), elements, torch.tensor([1]))
    scores = GivenScores.of([one], name="interpreto", texts=["a dull film"])
    result = heedful.explain(demo, "a dull film", scores, target=1)
    assert dict(result) == {"a": 1, "dull": 5, "film": 4}
    assert result.details["outside"] == 18
    with pytest.raises(TextError, match="explain class 1, and 'negative'"):
        heedful.explain(demo, "a dull film", scores, target=0)
    both = AttributionOutput(torch.arange(12.0).reshape(2, 6), elements, torch.tensor([0, 1]))
    scores = GivenScores.of([both], name="interpreto", texts=["a dull film"])
    assert dict(heedful.explain(demo, "a dull film", scores, target=0)) == {"a": 1, "dull": 5, "film": 4}
    assert dict(heedful.explain(demo, "a dull film", scores, target=1)) == {"a": 7, "dull": 17, "film": 10}


@pytest.mark.parametrize(
    ("given_object", "message"),
    [
        (7, "no scores that are known, but 'int'"),
        ([], "no scores"),
        ([object()], "no scores that are known"),
        ("dull", "no scores that are known, but 'str'"),
        (SimpleNamespace(values=np.ones(2), data=np.ones(2), base_values=0), "no strings|texts"),
        (SimpleNamespace(values=np.ones(2), data=None, base_values=0), "no strings"),
        (SimpleNamespace(values=np.ones((1, 1, 1)), data=["a"], base_values=0), "shape"),
        (SimpleNamespace(attributions=torch.ones(2, 2, 2), elements=["a", "b"]), "shape"),
        (SimpleNamespace(attributions=torch.ones(3), elements=["a", "b"]), "2 units, but 3 scores"),
        (SimpleNamespace(attributions=torch.ones(2), elements=torch.ones(2)), "units must be a list of strings"),
        (SimpleNamespace(local_exp={}, domain_mapper=object()), "not one of a text"),
        ([[("a", float("nan"))]], "is not finite"),
    ],
)
def test_objects_that_are_no_scores_are_one_line(given_object: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        GivenScores.of(given_object, name="x", texts=["a", "b"])
    assert "\n" not in str(raised.value)
