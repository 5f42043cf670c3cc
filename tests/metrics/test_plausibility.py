"""Scores beside what people marked: by hand, as scikit-learn computes it, and laws."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from explanations import make
from heedful import metrics
from heedful.data import Rationale, planted
from heedful.errors import InputError, SettingError
from heedful.explanation import Explanation
from heedful.question import Choices, Question, ask
from judged import scored, text_of, two_classes

NAMES = ["token-f1", "iou-f1", "auprc", "mass-inside"]


@pytest.fixture(scope="module")
def question() -> Question:
    return ask(two_classes(), text_of(6), Choices(unit="word"))


def marks(*marked: float) -> Rationale:
    """Weights of the words w0 w1 w2 ..."""
    starts = 3 * np.arange(len(marked))
    return Rationale(np.stack([starts, starts + 2], axis=1), np.array(marked, dtype=np.float64))


PEOPLE = marks(1, 1, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("spec", "scores", "value"),
    [
        ("token-f1", [6, 5, 0, 1, 4, 2], 1.0),
        ("token-f1", [6, 5, 4, 1, 0, 2], 2 / 3),
        ("token-f1:share=0.3", [6, 5, 4, 1, 0, 2], 4 / 5),  # two of six: both right, of three
        ("token-f1:share=1", [6, 5, 4, 1, 0, 2], 2 / 3),
        ("token-f1", [0, 0, 3, 2, 0, 1], 0.0),
        ("token-f1", [-6, 5, 4, 1, 0, 2], 1 / 3),
        ("token-f1:order=size", [-6, 5, 4, 1, 0, 2], 2 / 3),
        ("iou-f1", [6, 5, 0, 1, 4, 2], 1.0),
        ("iou-f1", [6, 5, 4, 1, 0, 2], 2 / 3),  # one run of three over one of two: 2/3, and one of two runs is found
        ("iou-f1:iou=0.7", [6, 5, 4, 1, 0, 2], 0.0),
        ("iou-f1:share=0.5", [6, 0, 0, 5, 4, 0], 1.0),  # halves of w0 w1 and of w3 w4 are enough
        ("auprc", [6, 5, 0, 1, 4, 2], 1.0),
        # precision 1, 1/2, 2/3, 3/4 ... at recall 1/3, 1/3, 2/3, 1, from (0, 1)
        ("auprc", [6, 4, 5, 1, 3, 2], 1 / 3 + (1 / 2 + 2 / 3) / 6 + (2 / 3 + 3 / 4) / 6),
        ("auprc", [1, 1, 1, 1, 1, 1], (1 + 1 / 2) / 2),  # equal scores are one step
        ("mass-inside", [1, 2, 0, 0, 3, 4], 0.6),
        ("mass-inside", [1, 2, -9, 0, 3, 4], 0.6),
        ("mass-inside:order=size", [1, 2, -9, 0, 3, 5], 0.3),
        ("mass-inside", [0, 0, -1, 0, 0, 0], math.nan),
    ],
)
def test_by_hand(question: Question, spec: str, scores: list[float], value: float) -> None:
    assert metrics.judge(metrics.get(spec), question, scored(scores), PEOPLE) == pytest.approx(value, nan_ok=True)


def test_sizes_of_methods_without_signs(question: Question) -> None:
    given = scored([-6, 5, 4, 1, 0, 2], signed=False)
    assert metrics.get("token-f1").measure(question, given, PEOPLE) == pytest.approx(2 / 3)
    assert metrics.get("mass-inside").measure(question, given, PEOPLE) == pytest.approx(11 / 18)


def test_what_counts_as_marked(question: Question) -> None:
    half = marks(0.5, 0.4, 0, 0, 0, 0)
    scores = scored([1, 2, 0, 0, 0, 0])
    assert metrics.get("mass-inside").measure(question, scores, half) == pytest.approx(1 / 3)
    assert metrics.get("mass-inside:threshold=0.3").measure(question, scores, half) == 1.0
    roles = ("neutral", "for", "against", "modifier", "neutral", "neutral")
    known = Rationale(half.spans, np.array([0.0, 0.25, -1.0, 0.0, 0.0, 0.0]), roles)
    assert metrics.get("mass-inside").measure(question, scores, known) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", NAMES)
def test_undefined_and_refused(question: Question, name: str) -> None:
    metric, scores = metrics.get(name), scored([6, 5, 0, 1, 4, 2])
    assert math.isnan(metric.measure(question, scores, marks(0, 0, 0, 0, 0, 0)))
    assert math.isnan(metric.measure(question, scored([6, math.nan, 0, 1, 4, 2]), PEOPLE))
    with pytest.raises(SettingError, match=f"{name} needs a rationale"):
        metrics.judge(metric, question, scores)
    with pytest.raises(InputError, match="reaches to character 20, the text has 17: it is of another text"):
        metric.measure(question, scores, marks(1, 1, 0, 0, 1, 0, 1))


def test_one_word_of_several_tokens_and_several_words_of_one() -> None:
    """Word types hold all their places, sentences many words; punctuation is nobody's."""
    text = "good, not good."
    spans = np.array([[0, 4], [4, 5], [6, 9], [10, 14], [14, 15]])
    people = Rationale(spans, np.array([1.0, 1.0, 0.0, 0.0, 0.0]))
    types = make(text, spans=(((0, 4), (10, 14)), ((6, 9),)), scores=[3.0, 1.0])
    assert judge("mass-inside", types, people) == pytest.approx(1.5 / 4)  # half of good's
    assert judge("token-f1", types, people) == pytest.approx(1 / 2)  # both places of good; never punctuation
    assert judge("token-f1:share=1", types, people) == pytest.approx(2 / 5)
    sentence = make(text, spans=(((0, 15),),), scores=[2.0])
    assert judge("mass-inside", sentence, people) == pytest.approx(2 / 5)
    pieces = make(text, spans=(((0, 2),), ((2, 4),), ((6, 9),)), scores=[3.0, 9.0, 1.0])
    assert judge("auprc", pieces, people) == pytest.approx(1 / 2 + (1 / 2 + 2 / 5) / 4)  # "good" is the first piece's


def test_what_the_classifier_never_saw_does_not_count() -> None:
    seen = make(text_of(6), spans=[[(3 * i, 3 * i + 2)] for i in range(3)], scores=[1.0, 2.0, 4.0], cut=((9, 17),))
    assert judge("token-f1:share=1", seen, PEOPLE) == pytest.approx(4 / 5)  # of three tokens, two are marked
    assert judge("mass-inside", seen, PEOPLE) == pytest.approx(3 / 7)
    assert math.isnan(judge("auprc", seen, marks(0, 0, 0, 1, 1, 1)))


def judge(spec: str, explanation: Explanation, rationale: Rationale) -> float:
    return metrics.judge(metrics.get(spec), ask(two_classes(), "w0", Choices()), explanation, rationale)


CASES = st.integers(2, 7).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any),
    )
)


@settings(deadline=None, max_examples=12)
@given(CASES, st.sampled_from([1e-300, 5.0, 1e300]))
def test_laws(question: Question, case: tuple[list[float], list[bool]], factor: float) -> None:
    scores, marked = case
    people = marks(*map(float, marked))
    for name in NAMES:
        metric = metrics.get(name)
        value = metric.measure(question, scored(scores), people)
        assert math.isnan(value) or 0 <= value <= 1
        scaled = metric.measure(question, scored([score * factor for score in scores]), people)
        assert scaled == pytest.approx(value, nan_ok=True)
        assert metric.measure(question, scored([float(m) for m in marked]), people) == 1  # the marks themselves


def test_random_scores_are_at_chance(question: Question) -> None:
    every = [scored(list(order)) for order in permutations([1.0, 2.0, 3.0, 4.0, 5.0, 7.0])]
    for name in ("token-f1", "mass-inside"):
        metric = metrics.get(name)
        assert np.mean([metric.measure(question, one, PEOPLE) for one in every]) == pytest.approx(1 / 2)  # 3 of 6


def test_the_area_is_that_of_scikit_learn(question: Question) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for levels in (3, 1000):
        scores, marked = rng.integers(0, levels, 100).astype(float), rng.random(100) < 0.3
        spans = np.array([(m.start, m.end) for m in _words(100)])
        precision, recall, _ = sklearn.precision_recall_curve(marked, scores)
        value = metrics.get("auprc").measure(question, scored(list(scores)), Rationale(spans, marked.astype(float)))
        assert value == pytest.approx(sklearn.auc(recall, precision))


def _words(n: int) -> list:
    starts = np.cumsum([0, *(len(f"w{i}") + 1 for i in range(n - 1))])
    return [type("Word", (), {"start": s, "end": s + len(f"w{i}")}) for i, s in enumerate(starts)]


def test_planted_reviews_are_explained_plausibly_by_their_own_weights() -> None:
    for review in planted.generate(5, seed=1):
        people = planted.as_dataset([review]).rationales[0]
        truth = make(review.text, spans=[[span] for span in review.spans], scores=review.weights)
        for name in NAMES:
            assert judge(name, truth, people) == pytest.approx(1.0)


def test_a_real_explanation_of_a_classifier() -> None:
    classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
    people = Rationale(np.array([[0, 3], [4, 10], [11, 14], [15, 21], [21, 22]]), np.array([0.0, 0, 0, 1, 0]))
    explanation = heedful.explain(classifier, text, "shapley-exact", target="positive")
    values = [metrics.judge(metrics.get(n), ask(classifier, text, Choices()), explanation, people) for n in NAMES]
    assert values[:3] == [1.0, 1.0, 1.0]
    assert 0.5 < values[3] < 1
