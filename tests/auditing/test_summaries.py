"""Curves, agreement, texts to look at and reasons, on rows small enough to reckon by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from heedful.auditing import summaries
from heedful.question import Choices, ask


def row(index: int, method: str, scores: list[float] | None, **more: object) -> dict:
    known = {"index": index, "method": method, "scores": scores, "signed": True, "place": f"text {index}"}
    return known | {"error": None, "notes": [], "correct": None} | more


def test_agreement_is_the_mean_tau_over_texts_and_leaves_the_reversed_out() -> None:
    rows = [
        row(0, "one", [1.0, 2.0, 3.0]),
        row(0, "other", [1.0, 2.0, 3.0]),
        row(0, "reversed", [3.0, 2.0, 1.0]),
        row(1, "one", [1.0, 2.0, 3.0]),
        row(1, "other", [1.0, 3.0, 2.0]),
        row(2, "one", [1.0, 2.0]),
        row(2, "other", None),
    ]
    (pair,) = summaries.agreement(rows)
    assert (pair["first"], pair["second"], pair["n"]) == ("one", "other", 2)
    assert pair["tau"] == pytest.approx((1 + 1 / 3) / 2)


def test_weights_without_a_sign_are_compared_by_size() -> None:
    rows = [row(0, "weights", [1.0, 2.0, 3.0], signed=False), row(0, "signed", [1.0, -2.0, 3.0])]
    assert summaries.agreement(rows)[0]["tau"] == pytest.approx(1.0)


def test_curves_begin_and_end_where_whole_and_empty_text_stand() -> None:
    classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
    question, e = ask(classifier, text, Choices()), heedful.explain(classifier, text, "occlusion")
    deletion = heedful.metrics.get("deletion").curve(question, e)
    insertion = heedful.metrics.get("insertion").curve(question, e)
    assert deletion[[0, -1]].tolist() == pytest.approx(insertion[[-1, 0]].tolist())
    rows = [row(0, "occlusion", [0.0], **{"deletion curve": deletion.tolist()})] * 2
    table = summaries.curves(rows)
    assert [one["share"] for one in table] == [round(0.1 * i, 2) for i in range(11)]
    assert [one["value"] for one in table] == pytest.approx(deletion.tolist())
    d = len(question.units)
    steps = np.linspace(0, 1, d + 1)
    kept = np.arange(d) >= np.arange(d + 1)[:, None]
    order = np.argsort(-e.scores, kind="stable")
    masks = np.empty_like(kept)
    masks[:, order] = kept
    outputs = question.output_of("probability", question.output.target)(question.logits_of(masks))
    assert deletion == pytest.approx(np.interp(np.linspace(0, 1, 11), steps, outputs))


def trial(index: int, ordered: float, mass: float = 0.1) -> dict:
    scores = {"attention": [0.5, 0.3, 0.2, 0.0], "effects": [0.0, -3.0, 1.0, 0.5]}
    figures = {"ordered": ordered, "mass_against": mass, "error": None}
    return {"index": index, "place": f"text {index}", "units": list("abcd")} | scores | figures


def test_examples_are_the_texts_that_attention_orders_best_and_worst() -> None:
    told = {"label": "good", "predicted": "bad", "probability": 0.7}
    texts = {i: told | {"text": "x" * 500} for i in range(9)}
    figures = [0.5, 0.9, 0.1, 0.9, math.nan, 0.7, 0.3, 0.6, 0.4]
    rows = [trial(i, figure, mass=0.01 * i) for i, figure in enumerate(figures)]
    table = summaries.examples(rows, texts)
    assert [(one["kind"], one["place"]) for one in table] == [
        ("best", "text 1"),  # as much in order as text 3, less of it against
        ("best", "text 3"),
        ("best", "text 5"),
        ("worst", "text 2"),
        ("worst", "text 6"),
        ("worst", "text 8"),
    ]
    assert table[0]["text"] == "x" * 400 + " ..."
    assert table[0]["words"][0] == {"word": "a", "attention": 0.5, "effect": 0.0}
    assert len(summaries.examples(rows[:1], texts)) == 0


def test_reasons_are_counted_by_metric_and_by_method() -> None:
    rows = [
        row(0, "one", None, error="too long"),
        row(1, "one", [1.0], notes=["token-f1: no rationale"]),
        row(2, "one", [1.0], notes=["token-f1: no rationale", "auprc: no rationale"]),
    ]
    assert summaries.missing(rows, ["token-f1", "auprc"]) == [
        {"name": "token-f1", "reason": "no rationale", "n": 2},
        {"name": "one", "reason": "too long", "n": 1},
        {"name": "auprc", "reason": "no rationale", "n": 1},
    ]


def test_extremes_and_accuracy() -> None:
    rows = [row(i, "one", [1.0], kendall=value, correct=i > 0) for i, value in enumerate((0.5, math.nan, 0.1, 0.9))]
    (ends,) = summaries.extremes(rows, ["kendall"])
    assert (ends["lowest"], ends["highest"]) == ("text 2", "text 3")
    assert (summaries.accuracy(rows)["value"], summaries.accuracy(rows)["n"]) == (0.75, 4)
    assert summaries.accuracy([row(0, "one", [1.0])])["n"] == 0
