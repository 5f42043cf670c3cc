"""Predictions: those of the model's own pipeline; and what a classifier shows of itself."""

import dataclasses

import pytest
from transformers import pipeline

import heedful
import tiny
import zoo
from heedful.classifier import Classifier
from heedful.errors import TextError

TEXTS = ["the plot was not good", "a dull film", "what a wonderful soundtrack : the music stays with you"]


@pytest.mark.parametrize("problem", [None, "multi_label_classification"])
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_probabilities_are_the_pipelines(name, problem):
    classifier = zoo.make(name)
    classifier.model.config.problem_type = problem
    theirs = pipeline("text-classification", model=classifier.model, tokenizer=classifier.tokenizer, device="cpu")
    for ours, rows in zip(classifier.predict(TEXTS), theirs(TEXTS, top_k=None), strict=True):
        expected = {row["label"]: row["score"] for row in rows}
        assert ours.label == rows[0]["label"] == classifier.labels[ours.target]
        assert ours.probabilities == pytest.approx(expected, abs=1e-6)  # theirs are float32
        assert list(ours.probabilities) == list(classifier.labels)


def test_one_text_a_pair_and_a_list():
    classifier = zoo.make("bert")
    alone = [classifier.predict(text) for text in TEXTS]
    for one, other in zip(alone, classifier.predict(TEXTS), strict=True):
        assert one.label == other.label
        assert one.logits == pytest.approx(other.logits, abs=1e-12)
    assert classifier.predict([]) == []
    pair = classifier.predict(("the plot", "a dull film"))
    assert pair.logits == pytest.approx(classifier.logits_of(classifier.encode(("the plot", "a dull film"))))
    with pytest.raises(TextError, match="the text is empty"):
        classifier.predict(["good", " "])


def test_texts_and_pairs_go_together():
    classifier = zoo.make("distilbert")
    mixed = [TEXTS[0], (TEXTS[1], TEXTS[2]), TEXTS[2]]
    for one, text in zip(classifier.predict(mixed), mixed, strict=True):
        assert one.logits == pytest.approx(classifier.predict(text).logits, abs=1e-12)


def test_a_number_has_no_probability_and_classes_of_one_name_are_told_apart():
    tokenizer = tiny.tokenizer("wordpiece")
    classifier = Classifier(tiny.model("bert", tokenizer, num_labels=1, problem_type="regression"), tokenizer, "stars")
    assert classifier.predict(TEXTS[0]).probabilities == {}
    model = tiny.model("bert", tokenizer, num_labels=3)
    model.config.id2label = {0: "a", 1: "a", 2: "b"}
    found = Classifier(model, tokenizer, "twins").predict(TEXTS[0])
    assert list(found.probabilities) == ["#0", "#1", "b"]
    assert sum(found.probabilities.values()) == pytest.approx(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.label = "b"


def test_a_classifier_shows_itself_in_one_line():
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer, num_labels=10)
    model.config.id2label = {i: f"c\n{i}\x1b[31m" for i in range(10)}
    shown = repr(Classifier(model, tokenizer, "many\x1b[2J"))
    assert shown.isprintable()
    assert shown.startswith("Classifier('many\\x1b[2J', BertForSequenceClassification, classes: c␊0␛[31m, c␊1␛[31m, ")
    assert shown.endswith("c␊7␛[31m, ...; at most 64 tokens)")
    classifier = zoo.make("bert")
    classifier.model.config.max_position_embeddings = -1
    assert repr(classifier).endswith("classes: LABEL_0, LABEL_1, LABEL_2; any number of tokens)")


def test_the_demo_predicts():
    found = heedful.load("demo").predict("The acting was wonderful.")
    assert (found.label, found.target) == ("positive", 1)
    assert found.probabilities["positive"] > 0.5
