"""The control on planted reviews."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from factory import make_classifier
from heedful import planted
from heedful.studies.attention_meets_post_hoc import control
from heedful.studies.measuring import table

REVIEWS = planted.generate(12, seed=4)


def rows_of(score_of, *, reviews=REVIEWS, correct=True, signed=True):
    """A method that scores every planted word by its role and strength."""
    return [
        {
            "text": i, "correct": correct, "method": "made up", "signed": signed, "role": role, "strength": strength,
            "score": float(score_of(role, strength)),
        }
        for i, review in enumerate(reviews)
        for role, strength in zip(review.roles, review.strength, strict=True)
    ]  # fmt: skip


def summary_of(score_of):
    (row,) = control.summary(table(rows_of(score_of))).to_pylist()
    return row


def test_the_planted_truth_recovers_everything():
    row = summary_of(lambda role, strength: -strength if role == "against" else strength)
    assert row["texts"] == len(REVIEWS)
    assert row["polarity"] == row["sign"] == row["importance"] == row["largest"] == row["against"] == 1.0
    assert row["strength"] == pytest.approx(1.0)
    assert row["modifiers"] == 0.5  # no larger than neutral words


def test_sizes_alone_recover_importance_but_no_polarity():
    row = summary_of(lambda role, strength: 1.0 if strength else 2.0 if role == "modifier" else 0.1)
    assert row["polarity"] == 0.5
    shares = [r.roles.count("for") / (r.roles.count("for") + r.roles.count("against")) for r in REVIEWS]
    assert row["sign"] == pytest.approx(np.mean(shares))
    assert row["importance"] == row["modifiers"] == 1.0
    assert row["against"] == 0.0
    assert row["strength"] is None  # all the same


def test_the_opposite_is_wrong_everywhere():
    row = summary_of(lambda role, strength: -strength if role == "for" else strength)
    assert row["polarity"] == row["sign"] == row["against"] == 0.0


def test_only_reviews_the_classifier_gets_right_count():
    def truth(role, strength):
        return -strength if role == "against" else strength

    def wrong(role, strength):
        return -truth(role, strength)

    rows = rows_of(truth) + [row | {"text": row["text"] + 100} for row in rows_of(wrong, correct=False)]
    (row,) = control.summary(table(rows)).to_pylist()
    assert (row["texts"], row["polarity"]) == (len(REVIEWS), 1.0)
    right = control.accuracy(table(rows))
    assert (right.value, right.n) == (0.5, 2 * len(REVIEWS))
    assert right.low < 0.5 < right.high


def test_every_word_has_the_score_its_explanation_gives_it():
    classifier = make_classifier(texts=tuple(review.text for review in REVIEWS), num_labels=2)
    found = control.measure(classifier, REVIEWS[:4], ["shapley-exact", "attention-mean"]).to_pylist()
    assert [row["text"] for row in found] == sorted(row["text"] for row in found)
    for i, review in enumerate(REVIEWS[:4]):
        for method in ("shapley-exact", "attention-mean"):
            rows = [row for row in found if (row["text"], row["method"]) == (i, method)]
            e = heedful.explain(
                classifier, review.text, method, target=review.label, output="logit_difference", unit="word"
            )
            assert tuple(row["role"] for row in rows) == review.roles
            assert tuple(row["strength"] for row in rows) == review.strength
            assert [row["score"] for row in rows] == pytest.approx(e.scores, rel=1e-9, abs=1e-15)
            assert {row["signed"] for row in rows} == {method == "shapley-exact"}
            own = heedful.explain(classifier, review.text, "attention-mean").target
            assert {row["correct"] for row in rows} == {own == review.label}


def test_a_review_without_words_against_has_no_polarity():
    score, strength = np.array([1.0, 0.2, 0.5]), np.array([2.0, 0.0, 1.0])
    found = control._review(np.array(["for", "neutral", "for"], dtype=object), score, strength)
    assert math.isnan(found.polarity)
    assert math.isnan(found.against)
    assert (found.sign, found.importance, found.strength, found.largest) == (1.0, 1.0, 1.0, 1.0)
