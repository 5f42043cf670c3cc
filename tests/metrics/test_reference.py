"""Agreement with a reference, as metrics by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from heedful import metrics
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.question import Choices, Question, ask

TEXT = "the plot was not good but the acting was very good"


@pytest.fixture
def question(classifier: Classifier) -> Question:
    return ask(classifier, TEXT, Choices())


@pytest.mark.parametrize("name", metrics.names())
def test_the_reference_agrees_with_itself(classifier: Classifier, question: Question, name: str) -> None:
    truth = heedful.explain(classifier, TEXT, "shapley-exact")
    assert metrics.get(name).measure(question, truth) == pytest.approx(1.0)


def test_values_are_those_of_the_measures(classifier: Classifier, question: Question) -> None:
    one, other = (heedful.explain(classifier, TEXT, name) for name in ("occlusion", "banzhaf-exact"))
    expected = {
        "kendall": metrics.kendall_tau_b(one.scores, other.scores),
        "spearman": metrics.spearman(one.scores, other.scores),
        "top-k-overlap:k=2": metrics.top_k_overlap(one.scores, other.scores, 2),
        "sign-agreement": metrics.sign_agreement(one.scores, other.scores),
    }
    for spec, value in expected.items():
        name, _, settings = spec.partition(":")
        joined = ",".join(filter(None, ["reference=banzhaf-exact", settings]))
        assert metrics.get(f"{name}:{joined}").measure(question, one) == value


def test_sizes_are_compared_where_there_are_no_signs(classifier: Classifier, question: Question) -> None:
    attention, truth = (heedful.explain(classifier, TEXT, name) for name in ("attention-mean", "shapley-exact"))
    assert (truth.scores < 0).any()
    expected = metrics.kendall_tau_b(attention.scores, np.abs(truth.scores))
    assert metrics.get("tau-b").measure(question, attention) == expected
    assert math.isnan(metrics.get("sign").measure(question, attention))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kendal", "did you mean kendall?"),
        ("kendall:reference=nobody", "unknown method 'nobody'"),
        ("top-k-overlap:k=0", "k must be at least 1"),
        (3, "a metric is given by name"),
    ],
)
def test_what_is_refused(spec: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        metrics.get(spec)  # type: ignore[arg-type]


def test_a_reference_that_cannot_answer_says_so(bert: Classifier) -> None:
    found = heedful.explain(bert, TEXT, "occlusion")
    with pytest.raises(SettingError, match="exact values need softmax pooling"):
        metrics.get("kendall").measure(ask(bert, TEXT, Choices()), found)


@pytest.fixture(scope="module")
def bert() -> Classifier:
    from factory import make_bert

    return make_bert()
