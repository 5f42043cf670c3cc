"""Agreement with a reference, as metrics by name."""

from __future__ import annotations

import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest

import heedful
from heedful import methods, metrics
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.question import Choices, Question, ask

TEXT = "the plot was not good but the acting was very good"


@pytest.fixture
def question(classifier: Classifier) -> Question:
    return ask(classifier, TEXT, Choices())


AGREEMENT = ["kendall", "spearman", "weighted-kendall", "top-k-overlap", "sign-agreement"]
DISTANCES = ["jensen-shannon", "exact-error", "exact-error:scaled=true"]


@pytest.mark.parametrize("name", [*AGREEMENT, *DISTANCES])
@pytest.mark.parametrize("support", ["true", "false"])
def test_the_reference_agrees_with_itself(classifier: Classifier, question: Question, name: str, support: str) -> None:
    truth = heedful.explain(classifier, TEXT, "shapley-exact")
    metric = metrics.get(f"{name}{',' if ':' in name else ':'}support={support}")
    assert metric.measure(question, truth) == pytest.approx(1.0 if name in AGREEMENT else 0.0, abs=1e-12)


def test_values_are_those_of_the_measures(classifier: Classifier, question: Question) -> None:
    one, other = (heedful.explain(classifier, TEXT, name) for name in ("occlusion", "banzhaf-exact"))
    expected = {
        "kendall": metrics.kendall_tau_b(one.scores, other.scores),
        "spearman": metrics.spearman(one.scores, other.scores),
        "weighted-kendall": metrics.weighted_kendall(one.scores, other.scores),
        "jensen-shannon": metrics.jensen_shannon(one.scores, other.scores),
        "exact-error": np.linalg.norm(one.scores - other.scores) / np.linalg.norm(other.scores),
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


def test_only_units_that_both_score(classifier: Classifier, question: Question) -> None:
    sparse = heedful.explain(classifier, TEXT, "lime:n_samples=200,n_features=3")
    truth = heedful.explain(classifier, TEXT, "shapley-exact").scores
    some = sparse.scores != 0
    assert some.sum() == 3
    for name in ("kendall", "spearman", "weighted-kendall"):
        measure = getattr(metrics, {"kendall": "kendall_tau_b"}.get(name, name.replace("-", "_")))
        expected = measure(sparse.scores[some], truth[some])
        assert metrics.get(f"{name}:support=true").measure(question, sparse) == expected
        assert metrics.get(name).measure(question, sparse) == measure(sparse.scores, truth)


def test_the_error_beside_exact_values(classifier: Classifier, question: Question) -> None:
    exact = heedful.explain(classifier, TEXT, "shapley-exact")
    changed = {
        1.0: np.zeros(len(exact)),
        0.5: exact.scores * 1.5,
        2.0: -exact.scores,
        math.nan: np.full(len(exact), math.inf),
    }
    for error, scores in changed.items():
        given = replace(exact, scores=scores)
        assert metrics.get("exact-error").measure(question, given) == pytest.approx(error, nan_ok=True)
    scaled = metrics.get("exact-error:scaled=true")
    assert scaled.measure(question, replace(exact, scores=exact.scores * 1e-200)) == pytest.approx(0, abs=1e-12)
    assert scaled.measure(question, replace(exact, scores=-exact.scores)) == pytest.approx(1)
    sizes = replace(exact, scores=np.abs(exact.scores), signed=False)
    assert metrics.get("exact-error").measure(question, sizes) == 0
    with_part = exact.scores + np.linalg.norm(exact.scores) * _across(exact.scores)
    assert scaled.measure(question, replace(exact, scores=with_part)) == pytest.approx(math.sqrt(0.5))


def test_the_reference_answers_once_a_question(
    classifier: Classifier, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Question] = []

    def answer(_: object, one: Question) -> methods.Answer:
        asked.append(one)
        return methods.get("random").answer(one)

    monkeypatch.setattr(methods.Occlusion, "answer", answer)
    given = heedful.explain(classifier, TEXT, "alpha-avg")
    for name in AGREEMENT:
        metrics.get(f"{name}:reference=occlusion").measure(question, given)
    assert asked == [question]
    metrics.get("kendall:reference=occlusion").measure(replace(question, seed=1), given)
    assert len(asked) == 2
    with_exact = metrics.get("kendall").measure(question, given)
    assert with_exact != metrics.get("kendall:reference=occlusion").measure(question, given)


def test_answers_go_with_their_question(classifier: Classifier) -> None:
    gone = ask(classifier, TEXT, Choices())
    metrics.get("kendall").measure(gone, heedful.explain(classifier, TEXT, "alpha-avg"))
    watched = weakref.ref(gone)
    del gone
    gc.collect()
    assert watched() is None


def _across(scores: np.ndarray) -> np.ndarray:
    """A unit vector at a right angle."""
    other = np.arange(len(scores), dtype=float)
    other -= scores * (other @ scores) / (scores @ scores)
    return other / np.linalg.norm(other)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kendal", r"did you mean kendall or weighted-kendall\?"),
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
