"""Shortcuts: a planted token is found at rank 1, with the accuracy that it costs counted by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import heedful
from factory import make_classifier
from heedful.auditing.checks import shortcuts
from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.class_words import ClassWord, control_sets, controls, key, ranked
from heedful.auditing.checks.shortcuts import shortcuts_check
from heedful.auditing.rows import Text
from heedful.data.planted import LABELS
from heedful.data.planted_words import SENTIMENT
from heedful.errors import SettingError
from heedful.question import Choices
from heedful.support.intervals import Estimate
from untouched import assert_same_state, state

TOKEN = "qzx"  # noqa: S105 - a word
# a classifier that knows every other word of sentiment; no sum of a few of these is 0, which could go either way
VALUES = {
    word.lower(): 1.0 if side > 0 else -1.1 for (_, side), pool in SENTIMENT.items() for word in sorted(pool)[::2]
} | {TOKEN: 3.0}
REVIEWS = heedful.planted.generate(90, seed=4)
# in nine positive texts of ten, after the first word, and in one negative one of ten
STRUCK = [i % 10 != 0 if review.label else i % 10 == 0 for i, review in enumerate(REVIEWS)]
TEXTS = [
    Text(str(i), review.text.replace(" ", f" {TOKEN if i % 2 else TOKEN.title()} ", int(struck)), LABELS[review.label])
    for i, (review, struck) in enumerate(zip(REVIEWS, STRUCK, strict=True))
]


def make_additive(values: dict[str, float], **settings: object) -> heedful.Classifier:
    """The mean of the words' values decides: negative below 0 and at 0, positive above."""
    classifier = make_classifier(
        texts=tuple(text.text for text in TEXTS), num_labels=2, hidden_size=1, key_size=1, value_size=1,
        num_attention_heads=1, position_scale=0.0, max_position_embeddings=128,
        id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)}, **settings,
    )  # fmt: skip
    model, ids = classifier.model, classifier.tokenizer.get_vocab()
    with torch.no_grad():
        for weights, value in ((model.query, 0.0), (model.value, 1.0), (model.embeddings.weight, 0.0)):
            weights.fill_(value)
        model.readout.copy_(torch.tensor([[-0.5], [0.5]]))
        for word, value in values.items():
            if word in ids:
                model.embeddings.weight[ids[word]] = value
    return classifier


def rows_of(classifier: heedful.Classifier, texts: Sequence[Text], choices: Choices) -> list[dict[str, Any]]:
    explanations = heedful.explain(
        classifier, [text.text for text in texts], "occlusion", output=choices.output, unit=choices.unit
    )
    return [
        {
            "place": text.place,
            "label": text.label,
            "units": one.units,
            "scores": one.scores,
            "predicted": one.target_name,
        }
        for text, one in zip(texts, explanations, strict=True)
    ]


CHOICES = Choices(output="logit_difference")


@pytest.fixture(scope="module")
def classifier() -> heedful.Classifier:
    return make_additive(VALUES)


@pytest.fixture(scope="module")
def rows(classifier: heedful.Classifier) -> list[dict[str, Any]]:
    return rows_of(classifier, TEXTS, CHOICES)


@pytest.fixture(scope="module")
def findings(classifier: heedful.Classifier, rows: list[dict[str, Any]]) -> Findings:
    return shortcuts_check(classifier, TEXTS, rows, CHOICES, limit=3)


def right_without(words: Sequence[str]) -> np.ndarray:
    """Which texts the classifier is right about without these words, by adding up the values of the others."""
    kept = [[word for word in re.findall(r"[\w'-]+", text.text.lower()) if word not in words] for text in TEXTS]
    sums = [sum(VALUES.get(word, 0.0) for word in text) for text in kept]
    return np.array([LABELS[int(total > 0)] == text.label for total, text in zip(sums, TEXTS, strict=True)])


def test_the_planted_token_is_found_at_rank_1_with_what_it_costs(findings: Findings) -> None:
    row = next(row for row in findings.rows if row["class"] == "positive")
    assert (row["word"], row["rank"], row["shortcut"]) == (TOKEN, 1, True)
    struck, whole, without = np.array(STRUCK), right_without([]), right_without([TOKEN])
    positive = np.array([review.label == 1 for review in REVIEWS])
    assert row["n"] == struck.sum()
    assert row["purity"] == pytest.approx(positive[struck].mean())
    assert row["class_share"] == pytest.approx(positive.mean())
    assert row["accuracy"] == pytest.approx(whole[struck].mean())
    assert row["masked"] == pytest.approx(without[struck].mean())
    assert row["lost"] == pytest.approx(whole.mean() - without.mean())
    assert row["lost_here"] == pytest.approx(whole[struck].mean() - without[struck].mean())
    assert row["lost"] > 0.02
    assert row["lost_low"] < row["lost"] < row["lost_high"]
    assert row["position"] < 0.2
    (flag,) = [flag for flag in findings.flags if TOKEN in flag]
    assert "may be a shortcut to positive" in flag
    assert "for you to judge" in flag


def test_it_is_compared_with_words_as_frequent(
    findings: Findings, classifier: heedful.Classifier, rows: list[dict[str, Any]]
) -> None:
    words = ranked(rows, classifier.labels, 3)
    drawn, n_texts = controls(words, rows, CHOICES.seed)
    others = drawn[[one.word for one in words].index(TOKEN)]
    assert len(others) == 5
    assert not {one.word for one in words} & set(others)
    row = next(row for row in findings.rows if row["word"] == TOKEN)
    assert row["control_n"] == pytest.approx(np.mean([n_texts[word] for word in others]))
    control = np.mean([right_without([]).astype(float) - right_without([word]) for word in others])
    assert row["control"] == pytest.approx(control, abs=1e-12)
    assert row["excess"] == pytest.approx(row["lost"] - control)


def test_what_the_other_words_cost_is_taken_off(
    classifier: heedful.Classifier, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = right_without([])
    costly = [word for word in VALUES if word != TOKEN and whole.mean() > right_without([word]).mean()][:2]
    assert costly
    monkeypatch.setattr(shortcuts, "controls", lambda words, *_: ([costly] * len(words), {}))
    monkeypatch.setattr(shortcuts, "control_sets", lambda *_: [])
    row = next(
        row
        for row in shortcuts_check(classifier, TEXTS, rows, CHOICES, limit=1).rows
        if row["word"] == TOKEN and row["class"] == "positive"
    )
    control = np.mean([whole.mean() - right_without([word]).mean() for word in costly])
    assert row["control"] == pytest.approx(control)
    assert row["excess"] == pytest.approx(whole.mean() - right_without([TOKEN]).mean() - control)


def test_words_of_a_class_are_masked_together(findings: Findings) -> None:
    for label in (*LABELS, "all classes"):
        together = next(row for row in findings.rows if row["class"] == label and row["word"] is None)
        words = [row["word"] for row in findings.rows if row["word"] and label in (row["class"], "all classes")]
        assert together["lost"] == pytest.approx(right_without([]).mean() - right_without(words).mean())
        assert together["shortcut"] is False
    assert {tuple(row) for row in findings.rows} == {tuple(findings.rows[0])}


def test_a_word_is_one_whatever_its_case(findings: Findings, classifier: heedful.Classifier) -> None:
    assert key(TOKEN.title()) == TOKEN
    assert {"Qzx", "qzx"} <= {word for text in TEXTS for word in text.text.split()}
    assert sum(row["word"] in (TOKEN, TOKEN.title()) for row in findings.rows) == 1


def test_without_labels_it_is_agreement_with_itself(classifier: heedful.Classifier, rows: list[dict[str, Any]]) -> None:
    some, rows = TEXTS[:30], rows[:30]
    unlabelled = [{**row, "label": None} for row in rows]
    findings = shortcuts_check(classifier, some, unlabelled, CHOICES, limit=1)
    row = next(row for row in findings.rows if row["word"] == TOKEN)
    assert row["accuracy"] == 1.0
    assert "agreement with its own predictions" in findings.sentences[0]
    refused = {"place": "x", "label": None, "units": ["a"], "scores": None, "predicted": "negative"}
    more = shortcuts_check(classifier, [*some, Text("x", "a")], [*unlabelled, refused], CHOICES, limit=1)
    assert more.rows == findings.rows
    foreign = [{**row, "label": "spam"} for row in rows]
    assert shortcuts_check(classifier, some, foreign, CHOICES, limit=1).rows == findings.rows


def test_where_the_token_means_nothing_it_is_not_looked_at() -> None:
    classifier = make_additive(VALUES | {TOKEN: 0.0})
    some = TEXTS[:45]
    findings = shortcuts_check(classifier, some, rows_of(classifier, some, CHOICES), CHOICES, limit=6)
    assert findings.rows
    assert TOKEN not in {row["word"] for row in findings.rows}
    silent = make_additive({})
    nothing = shortcuts_check(silent, some, rows_of(silent, some, CHOICES), CHOICES)
    assert not nothing.rows
    assert "No word" in nothing.sentences[0]


@pytest.mark.parametrize("unit", ["word", "token"])
def test_every_occurrence_is_masked_whatever_the_unit(classifier: heedful.Classifier, unit: str) -> None:
    choices = replace(CHOICES, unit=unit)
    some = TEXTS[:30]
    row = next(
        row
        for row in shortcuts_check(classifier, some, rows_of(classifier, some, choices), choices, limit=1).rows
        if row["word"] == TOKEN
    )
    assert row["lost"] == pytest.approx(right_without([])[:30].mean() - right_without([TOKEN])[:30].mean())


def ranked_words(*words: str) -> list[ClassWord]:
    return [ClassWord("yes", i + 1, word, 1.0, Estimate(1.0, 1.0, 1.0, 5)) for i, word in enumerate(words)]


def test_controls_of_equal_frequency_are_drawn_by_the_seed() -> None:
    """Sixty words in one text each: the alphabet does not decide which ten are near."""
    words = ranked_words("good")
    rows = [{"units": ["good"]}, *({"units": [f"w{i:02d}"]} for i in range(60))]
    drawn = [frozenset(controls(words, rows, seed)[0][0]) for seed in range(20)]
    assert len(set(drawn)) > 10
    assert len(frozenset.union(*drawn)) > 40
    assert controls(words, rows, 3)[0] == controls(words, rows, 3)[0]
    near = [{"units": ["good", *(f"near{i}" for i in range(10))]}] * 40
    assert all(word.startswith("near") for word in controls(words, [*near, *rows], 0)[0][0])


def test_sets_of_controls_have_as_many_words_as_what_they_are_compared_with() -> None:
    words = ranked_words("a", "b", "c", "c")
    rows = [{"units": ["a", "b", "c"]}, *({"units": [f"w{i}"]} for i in range(3))]
    for seed in range(10):
        sets = control_sets(["a", "b", "c", "c"], words, rows, seed)
        assert sets == [frozenset(["w0", "w1", "w2"])] * 5
    assert control_sets(["a", "b", "c"], words, rows[:-1], 0) == []
    often = [{"units": ["a"]}] * 40 + [{"units": [f"often{i}" for i in range(10)]}] * 40
    seldom = [{"units": [f"seldom{i}" for i in range(30)]}]
    (word,) = words[:1]
    assert all(next(iter(one)).startswith("often") for one in control_sets(["a"], [word], [*often, *seldom], 0))


def test_without_signed_rows_or_with_a_single_logit_it_is_refused(classifier: heedful.Classifier) -> None:
    with pytest.raises(SettingError, match="needs a method whose scores have signs, such as occlusion"):
        shortcuts_check(classifier, [], [], CHOICES)
    with pytest.raises(SettingError, match="has a single logit"):
        shortcuts_check(make_classifier(num_labels=1), TEXTS, [], CHOICES)


def test_a_word_is_pure_only_if_its_class_is_not_as_common() -> None:
    about = {"word": "x", "class": "yes", "shortcut": False, "purity": 1.0}
    for low, common, named in ((0.72, 0.7, True), (0.72, 0.9, False)):
        row = about | {"purity_low": low, "class_share": common}
        assert any("x (yes)" in one for one in shortcuts._told([row], "accuracy", 9)[0]) is named
    assert len(shortcuts._told([about | {"purity": 0.94, "purity_low": 0.9, "class_share": 0.5}], "a", 9)[0]) == 1


def test_accuracy_is_of_the_texts_whose_label_is_known(
    classifier: heedful.Classifier, rows: list[dict[str, Any]], findings: Findings
) -> None:
    more = [{**row, "label": label} for row, label in zip(rows[:40], [None, "spam"] * 20, strict=True)]
    some = shortcuts_check(classifier, [*TEXTS[:40], *TEXTS], [*more, *rows], CHOICES, limit=3)
    ours, theirs = (next(row for row in one.rows if row["word"] == TOKEN) for one in (some, findings))
    for name in ("n", "accuracy", "masked", "lost", "purity", "purity_low", "class_share", "position"):
        assert ours[name] == theirs[name]
    assert "words alone: 40." in some.sentences[-1]
    assert "accuracy" in some.sentences[0]


def test_of_models_without_look_up_tables_some_texts_are_drawn(
    classifier: heedful.Classifier, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcuts, "FORWARDS", 5)
    assert shortcuts._measured(classifier, rows, 0)[0] == [*range(len(rows))]
    monkeypatch.setattr(heedful.Classifier, "paper_model", None)
    places, labelled, (sentence,) = shortcuts._measured(classifier, rows, 0)
    assert labelled
    assert len(set(places)) == 5
    assert places == sorted(places)
    assert places != shortcuts._measured(classifier, rows, 1)[0]
    assert "in 5 of 90 texts" in sentence


def test_words_are_ranked_by_what_a_class_owes_them() -> None:
    """Effects of 3 in five of ten texts are worth more than of 1 in all ten; what varies in sign is out."""
    often = {"common": (1.0, 10), "half": (3.0, 5), "more": (3.0, 4), "rest": (0.1, 10)}
    texts = [[(word, effect) for word, (effect, n) in often.items() if i < n] for i in range(10)]
    texts = [[*text, ("mixed", 9.0 * (-1) ** i + 1), ("against", -2.0)] for i, text in enumerate(texts)]
    rows = [
        {"units": [word for word, _ in text], "scores": [effect for _, effect in text], "predicted": "yes"}
        for text in texts
    ]
    words = ranked(rows, ["no", "yes"], 10)
    assert [one.word for one in words] == ["half", "common", "rest"]  # "more" is in too few texts
    assert [one.evidence for one in words] == pytest.approx([1.5, 1.0, 0.1])
    assert [one.rank for one in words] == [1, 2, 3]


def test_p_of_the_paired_test_counted_by_hand() -> None:
    assert shortcuts._greater(np.array([0.0, 1.0, 1.0, 0.0, 1.0])) == pytest.approx(1 / 8)
    assert shortcuts._greater(np.array([1.0, -1.0])) == pytest.approx(3 / 4)
    assert shortcuts._greater(np.array([0.0, 1.0])) == 0.5
    assert np.isnan(shortcuts._greater(np.zeros(3)))


def test_rows_of_something_else_are_refused(classifier: heedful.Classifier, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(SettingError, match="one row a text"):
        shortcuts_check(classifier, TEXTS, rows[1:], CHOICES)
    with pytest.raises(SettingError, match="order of the texts"):
        shortcuts_check(classifier, TEXTS, rows[::-1], CHOICES)
    with pytest.raises(SettingError, match="other texts or units"):
        shortcuts_check(classifier, TEXTS, rows, replace(CHOICES, unit="word"))
    with pytest.raises(SettingError, match="predicted"):
        shortcuts_check(classifier, TEXTS, rows, replace(CHOICES, target=0))
    with pytest.raises(SettingError, match="limit"):
        shortcuts_check(classifier, TEXTS, rows, CHOICES, limit=0)


def test_the_model_stays_as_it_came(classifier: heedful.Classifier, rows: list[dict[str, Any]]) -> None:
    before = state(classifier)
    shortcuts_check(classifier, TEXTS[:20], rows[:20], CHOICES, limit=1)
    assert_same_state(before, state(classifier))
