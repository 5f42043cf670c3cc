"""A classifier that is only a function: texts come to it as they are, without the words that are removed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

import heedful
from heedful.errors import ModelError, SettingError, TextError
from unchecked import call

TEXT = "The plot was dull — but, né 漢字 dull 😀!"


def judge(texts: list[str]) -> list[list[float]]:
    return [[0.9, 0.1] if "dull" in text else [0.2, 0.8] for text in texts]


def load(function: object = judge, labels: object = ("bad", "good")) -> heedful.Classifier:
    return call(heedful.load, function, labels=labels)


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: any(c.isalnum() for c in text) and text.isprintable()))
def test_a_text_comes_as_it_is(text: str) -> None:
    seen: list[str] = []

    def listen(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return judge(texts)

    load(listen).predict(text)
    assert seen == [text]


def test_a_text_comes_without_what_is_removed() -> None:
    seen: list[str] = []

    def listen(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return judge(texts)

    result = heedful.explain(load(listen), TEXT, "occlusion", output="probability", target="bad")
    assert result.units == ("The", "plot", "was", "dull", "but", "né", "漢", "字", "😀")
    assert "The plot was  — but, né 漢字  😀!" in seen
    assert dict(zip(result.units, result.scores, strict=True))["dull"] == pytest.approx(0.7)
    assert result.prediction == pytest.approx(0.9)


def test_a_pipeline_of_scikit_learn_is_explained_by_its_own_probabilities() -> None:
    reviews = heedful.planted.generate(200, seed=1)
    pipeline = make_pipeline(CountVectorizer(token_pattern=r"\w+"), MultinomialNB())  # noqa: S106 - a pattern
    pipeline.fit([review.text for review in reviews], [review.label for review in reviews])
    classifier = heedful.load(pipeline.predict_proba, labels=["negative", "positive"])
    text = reviews[0].text
    result = heedful.explain(classifier, text, "occlusion", target="positive", output="probability", unit="word")
    for (start, end), score in zip((spans[0] for spans in result.spans), result.scores, strict=True):
        without, whole = pipeline.predict_proba([text[:start] + text[end:], text])[:, 1]
        assert score == pytest.approx(whole - without, abs=1e-12)


@pytest.mark.parametrize("method", ["lime:n_samples=500", "kernel-shap", "permutation-shap", "banzhaf", "partition"])
def test_methods_of_outputs_find_the_word_that_decides(method: str) -> None:
    result = heedful.explain(load(), TEXT, method, target="bad", output="probability")
    assert result.top(1)[0][0] == "dull"
    others = np.delete(result.scores, result.units.index("dull"))
    assert np.abs(others).max() < 0.01


@pytest.mark.parametrize(
    "method", ["attention-mean", "gradient-x-input", "integrated-gradients", "lrp", "shapley-exact"]
)
def test_whatever_looks_inside_finds_nothing(method: str) -> None:
    with pytest.raises((ModelError, SettingError), match=r"needs outputs only|use the sampled methods") as raised:
        heedful.explain(load(), TEXT, method)
    assert "\n" not in str(raised.value)


def test_a_list_is_asked_about_in_few_calls() -> None:
    calls: list[int] = []

    def count(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        return judge(texts)

    classifier = load(count)
    assert calls == []  # nothing is asked before there is a text
    classifier.predict(["a dull film", "a good film", "film"])
    assert calls == [3, 1]  # one runs alone too, to see that batches change nothing


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda _: [1], r"probabilities of shape \(1, 2\), texts by classes, got \(1,\)"),
        (lambda texts: [[0.5, 0.5]] * (len(texts) + 1), "texts by classes, got"),
        (lambda texts: [[2.0, 3.0]] * len(texts), "not negative and adding up to 1"),
        (lambda texts: [[-0.5, 1.5]] * len(texts), "not negative and adding up to 1"),
        (lambda texts: [[np.nan, 1.0]] * len(texts), "not negative and adding up to 1"),
        (lambda texts: [["x", "y"]] * len(texts), r"must give numbers \(texts, classes\), got list"),
        (lambda _: 1 / 0, "the function fails on 1 texts: division by zero"),
        (lambda _: None, "the function must give"),
    ],
)
def test_what_is_no_probability_is_one_line(function: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        heedful.explain(load(function), TEXT, "occlusion")


def test_what_goes_together_and_what_does_not() -> None:
    with pytest.raises(SettingError, match="labels go with a function"):
        load("demo")
    with pytest.raises(SettingError, match="at least two class names"):
        load(labels=["one"])
    with pytest.raises(SettingError, match="at least two class names"):
        load(labels="ab")
    with pytest.raises(ModelError, match=r"a function from texts to probabilities goes with labels="):
        call(heedful.load, judge)
    with pytest.raises(TextError, match="judge takes single texts"):
        load().predict(("a dull film", "good"))
    for masking in ("ignore", "pad"):
        with pytest.raises(ModelError, match="use masking 'delete'"):
            heedful.explain(load(), TEXT, "occlusion", masking=masking)


def test_a_class_that_is_certain_has_a_logit_all_the_same() -> None:
    classifier = load(lambda texts: [[0.0, 1.0] for _ in texts])
    assert classifier.predict("certain").logits == pytest.approx((np.log(1e-9), 0.0))
