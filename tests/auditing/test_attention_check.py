"""Attention on trial as a whole: classifiers built so that the answer is known, and what other architectures leave."""

from __future__ import annotations

import copy
import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

import heedful
from factory import make_bert, make_classifier
from heedful.auditing.checks import attention as whole
from heedful.auditing.checks import mask_probe
from heedful.auditing.checks.attention import attention_check
from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.pooling import pooled
from heedful.auditing.rows import Text
from heedful.classifier import Classifier
from heedful.data import Dataset
from heedful.errors import SettingError
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer
from heedful.question import Choices
from untouched import assert_same_state, state

WORDS = [f"w{i}" for i in range(24)]
KEYS = {"figure", "value", "value_low", "value_high", "n", "at_chance", "meaning"}


@pytest.fixture(autouse=True)
def few_shuffles():
    with patch.object(mask_probe, "SHUFFLES", 3):
        yield


def built(log_weight: np.ndarray, value: np.ndarray, cls: tuple[float, float]) -> Classifier:
    """One head in which every word has these attention logits and values for class 1 less class 0; [CLS] has its own.

    The embedding is solved for, as both are linear in it; so [CLS] is, in its values, and all else relative to it.
    """
    tokenizer = build_tokenizer([" ".join(WORDS)], min_frequency=1, max_length=64)
    config = AttentionPoolingConfig(
        vocab_size=len(tokenizer), hidden_size=12, key_size=8, value_size=4, num_attention_heads=1,
        max_position_embeddings=64, num_labels=2, position_scale=0.0, pad_token_id=0,
        id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1},
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AttentionPoolingForSequenceClassification(config).double().eval()
    at, embedding = config.cls_token_id, model.embeddings.weight
    with torch.no_grad():
        rows = (model.readout @ model.value).flatten(0, 1)
        wanted = torch.tensor([-cls[1] / 2, cls[1] / 2], dtype=torch.float64)
        embedding[at] += torch.linalg.pinv(rows) @ (wanted - rows @ embedding[at])
        probe = model.tables().probe
        own = float((probe @ embedding[at])[0])
        first = embedding[at].clone()
        target = torch.zeros(len(tokenizer), 3, dtype=torch.float64)
        for word, logit, says in zip(WORDS, log_weight, value, strict=True):
            row = [own - cls[0] + logit, -says / 2, says / 2]
            target[tokenizer.convert_tokens_to_ids(word)] = torch.tensor(row, dtype=torch.float64)
        embedding.copy_(target @ torch.linalg.pinv(probe).T)
        embedding[at] = first
    return Classifier(model, tokenizer, "built")


def texts_of(n: int, seed: int = 0, length: int = 8, words: list[str] = WORDS) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.permutation(words)[:length]) for _ in range(n)]


def check(classifier: Classifier, texts: list[str], labels: list[str] | None = None, **settings: Any) -> Findings:
    given, rows = posed(classifier, texts, labels)
    return attention_check(classifier, given, rows, Choices(), **settings)


def posed(
    classifier: Classifier, texts: list[str], labels: list[str] | None = None
) -> tuple[list[Text], list[dict[str, Any]]]:
    known = labels or [None] * len(texts)
    given = [Text(f"text {i}", *one) for i, one in enumerate(zip(texts, known, strict=True))]
    rows = []
    for text, label in zip(texts, known, strict=True):
        one = heedful.explain(classifier, text, "attention-mean")
        scored = {"units": list(one.units), "scores": one.scores.tolist()}
        rows.append(scored | {"label": label, "predicted": classifier.predict(text).label})
    return given, rows


def figures(findings: Findings) -> dict[str, float]:
    assert all(set(row) == KEYS for row in findings.rows)
    names = [row["figure"] for row in findings.rows]
    assert len(set(names)) == len(names)
    return {row["figure"]: row["value"] for row in findings.rows}


def test_of_even_attention_nothing_depends_on_its_order() -> None:
    polarity = np.where(np.arange(24) % 2, 1.0, -1.0) * np.linspace(1, 2, 24)
    classifier = built(np.zeros(24), polarity, cls=(0.0, 0.0))
    findings = check(classifier, texts_of(80))
    values = figures(findings)
    assert values["entropy_bits"] == pytest.approx(3.0, abs=1e-9)
    assert values["effective_units"] == pytest.approx(8.0, abs=1e-8)
    assert values["permuted_change"] == pytest.approx(0.0, abs=1e-12)
    assert values["permuted_flips"] == 0.0
    assert values["uniform_agreement"] == 1.0
    assert values["tau_for"] == values["tau_against"] == 0.0
    assert values["probe_prediction_gain"] == pytest.approx(0.0, abs=0.35)  # constant features answer one class
    assert [flag for flag in findings.flags if "hardly matters" in flag]
    assert not [flag for flag in findings.flags if "read off" in flag]


def test_a_label_that_leaks_through_attention_alone_is_found() -> None:
    """All words have value 1 and [CLS] has -1: the decision is how much attention words take from it."""
    logits = np.random.default_rng(5).normal(0.0, 1.0, 24)
    typical = float(np.median([np.log(np.exp(logits[[int(w[1:]) for w in t.split()]]).sum()) for t in texts_of(200)]))
    classifier = built(logits, np.ones(24), cls=(typical, -1.0))
    texts = texts_of(80)
    with patch.object(mask_probe, "SHUFFLES", 19):  # the fewest for p = 0.05
        findings = check(classifier, texts, labels=[classifier.predict(text).label for text in texts])
    values = figures(findings)
    assert values["probe_prediction"] > 0.75  # chance, and more than four standard errors
    assert values["probe_prediction_length"] == 0.5  # all texts have eight words
    assert values["probe_label"] == values["probe_prediction"]
    assert [flag for flag in findings.flags if flag.startswith("the prediction can be read off")]
    assert values["permuted_change"] == pytest.approx(0.0, abs=1e-12)  # which word has the weight does not matter
    assert values["model_accuracy"] == values["uniform_accuracy"] == 1.0


def test_where_words_decide_and_not_the_pattern_nothing_leaks() -> None:
    """Half of the words have the large weights, in each of two twins with values of either sign."""
    draw = np.random.default_rng(1)
    logits = np.repeat(draw.normal(0.0, 1.0, 12), 2)
    polarity = np.tile([1.0, -1.0], 12)
    classifier = built(logits, polarity, cls=(0.0, 0.0))
    texts = [" ".join(f"w{2 * i + draw.integers(2)}" for i in draw.permutation(12)[:7]) for _ in range(100)]
    findings = check(classifier, texts)
    values = figures(findings)
    assert abs(values["probe_prediction"] - 0.5) < 0.2  # four standard errors
    assert not [flag for flag in findings.flags if "read off" in flag]
    assert values["permuted_flips"] > 0.1


def test_the_most_attended_word_speaks_against_where_it_was_built_so() -> None:
    """One word has most of the weight and a small value, the others, fewer in weight, outvote it."""
    logits = np.zeros(24)
    logits[0] = 1.0
    polarity = np.ones(24)
    polarity[0] = -1.0
    classifier = built(logits, polarity, cls=(0.0, 0.0))
    texts = [f"w0 {text}" for text in texts_of(25, words=WORDS[1:], length=7)]
    row = next(row for row in check(classifier, texts).rows if row["figure"] == "top_against")
    assert row["value"] == 1.0
    assert row["at_chance"] == pytest.approx(1 / 8)


def test_findings_are_plain_and_the_same_again_and_the_model_is_left_alone() -> None:
    classifier = make_classifier(num_labels=3)
    texts = ["the plot was not good", "a dull film and a slow one", "what a wonderful soundtrack"]
    given, rows = posed(classifier, texts)
    before, kept = state(classifier), copy.deepcopy(rows)
    one, other = (attention_check(classifier, given, rows, Choices()) for _ in range(2))
    assert_same_state(before, state(classifier))
    assert rows == kept
    assert json.dumps(one.to_dict(), allow_nan=False) == json.dumps(other.to_dict(), allow_nan=False)
    assert any("No mask probe" in sentence for sentence in one.sentences)


def test_of_another_architecture_it_says_what_is_not_done() -> None:
    findings = check(make_bert(), ["the plot was not good", "a dull film and a slow one"])
    assert set(figures(findings)) >= {"entropy_bits", "top_against", "tau_for", "tau_against"}
    assert not [name for name in figures(findings) if name.startswith(("permuted", "adversary", "uniform"))]
    (line,) = [sentence for sentence in findings.sentences if sentence.startswith("Not done")]
    assert "permuted, adversarial and uniform" in line
    assert any("sampled Shapley" in sentence for sentence in findings.sentences)


@pytest.mark.parametrize("settings", [{"normaliser": "sparsemax"}, {"attend_padding": True}, {"num_labels": 1}])
def test_every_kind_of_the_paper_s_classifier_is_taken(settings: dict[str, Any]) -> None:
    classifier = make_classifier(**settings)
    values = figures(check(classifier, ["the plot was not good", "a dull film and a slow one"]))
    assert 0 <= values["permuted_change"] <= 1
    assert 0 <= values["adversary_distance"] <= 1


def test_a_label_that_the_model_does_not_know_is_not_counted_as_wrong() -> None:
    classifier = make_classifier(num_labels=2)
    texts = ["the plot was not good", "a dull film and a slow one"]
    known = classifier.predict(texts[0]).label
    rows = {row["figure"]: row for row in check(classifier, texts, [known, "elsewhere"]).rows}
    assert (rows["model_accuracy"]["value"], rows["model_accuracy"]["n"]) == (1.0, 1)


def test_training_texts_that_cannot_be_used_are_one_sentence() -> None:
    classifier = make_classifier(num_labels=2)
    texts = ["the plot was not good", "a dull film and a slow one"]
    label = classifier.predict(texts[0]).label
    foreign = Dataset(("a", "b"), np.array([0, 1]), ("spam", "ham"), "here")
    few = Dataset(("a",), np.array([0]), classifier.labels, "here")
    for train, why in ((foreign, "label 'spam' is no class"), (few, "too few")):
        findings = check(classifier, texts, [label, label], train=train)
        assert "adversary_distance" in figures(findings)
        (line,) = [one for one in findings.sentences if one.startswith("Not done: uniform attention retrained.")]
        assert why in line


def test_many_training_texts_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = make_classifier(num_labels=2)
    seen = list[Dataset]()

    def twins(one: Classifier, train: Dataset, *_: object, **__: object) -> tuple[Classifier, Classifier]:
        seen.append(train)
        return one, one

    monkeypatch.setattr(whole, "twins", twins)
    monkeypatch.setattr(whole, "TRAINED_ON", 5)
    texts = ["the plot was not good", "a dull film and a slow one"]
    label = classifier.predict(texts[0]).label
    train = Dataset(tuple(f"text {i}" for i in range(12)), np.arange(12) % 2, classifier.labels, "here")
    findings = check(classifier, texts, [label, label], train=train, seed=3)
    assert any("trained on 5 of 12 texts" in one for one in findings.sentences)
    check(classifier, texts, [label, label], train=train, seed=4)
    fewer = check(classifier, texts, [label, label], train=train.subset(range(5)))
    assert not any("trained on" in one for one in fewer.sentences)
    assert [len(one) for one in seen] == [5, 5, 5]
    assert seen[0].texts != seen[1].texts


def test_without_rows_the_reason_is_said() -> None:
    with pytest.raises(SettingError, match="no text has attention to be put on trial: it is a function"):
        attention_check(make_classifier(), [], [], Choices(), reason="it is a function")


def test_of_texts_taken_apart_only_the_sample_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "SAMPLE", 2)
    monkeypatch.setattr(whole, "_TOGETHER", 3)
    made, most = weakref.WeakSet[Any](), 0

    def counted(*given: Any) -> Iterator[Any]:
        nonlocal most
        for one in pooled(*given):
            made.add(one)
            most = max(most, len(made))
            yield one

    monkeypatch.setattr(whole, "pooled", counted)
    check(make_classifier(), [f"the plot was {word}" for word in ("not", "good", "dull", "slow", "very", "film")] * 2)
    assert 0 < most <= 2 + 2  # the sample, the last and the next one


def test_costly_parts_take_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "SAMPLE", 3)
    classifier = make_classifier()
    findings = check(classifier, ["the plot was not good", "a dull film", "was very good", "the end was dull"] * 2)
    numbers = {row["figure"]: row["n"] for row in findings.rows}
    assert numbers["adversary_distance"] == 3
    assert numbers["permuted_flips"] == numbers["tau_for"] == 8


def test_the_order_of_the_texts_does_not_matter_to_the_shuffles() -> None:
    classifier = make_classifier()
    texts = ["the plot was not good", "a dull film and a slow one"]
    one, other = (figures(check(classifier, some)) for some in (texts, texts[::-1]))
    assert one["permuted_change"] == pytest.approx(other["permuted_change"], abs=1e-12)


def test_rows_that_do_not_belong_are_refused() -> None:
    classifier = make_classifier()
    given, rows = posed(classifier, ["the plot was not good", "a dull film"])
    for wrong in (rows[:1], [], [{**rows[0], "scores": [0.1]}, rows[1]], [{**rows[0], "units": ["the"]}, rows[1]]):
        with pytest.raises(SettingError):
            attention_check(classifier, given, wrong, Choices())
    with pytest.raises(SettingError, match="from 0 up"):
        attention_check(classifier, given, [{**rows[0], "scores": [-1.0] * len(rows[0]["units"])}, rows[1]], Choices())
    with pytest.raises(SettingError, match="other units"):
        attention_check(classifier, [replace(given[0], text="a film"), given[1]], rows, Choices())
    with pytest.raises(SettingError, match="one or more"):
        attention_check(classifier, [], [], Choices())
