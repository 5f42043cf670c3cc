"""Exact LIME against exact Shapley values over widths."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from factory import SENTENCES, make_classifier
from heedful.methods import LimeExact
from heedful.metrics import kendall_tau_b, sign_agreement, spearman, top_k_overlap
from heedful.studies.attention_meets_post_hoc import widths
from heedful.studies.measuring import table


def test_every_row_is_what_explanations_say():
    classifier = make_classifier()
    rows = widths.measure(classifier, SENTENCES, [0.1, math.inf]).to_pylist()
    assert [(row["text"], row["width"]) for row in rows] == [(i, w) for i in range(3) for w in (0.1, math.inf)]
    for row in rows:
        text = SENTENCES[row["text"]]
        lime = heedful.explain(classifier, text, LimeExact(kernel_width=row["width"])).scores
        shapley = heedful.explain(classifier, text, "shapley-exact").scores
        assert row["kendall"] == kendall_tau_b(lime, shapley)
        assert row["spearman"] == spearman(lime, shapley)
        assert row["sign"] == sign_agreement(lime, shapley)
        assert row["top5"] == top_k_overlap(lime, shapley, 5)
        assert row["same5"] == (row["top5"] == 1.0)
        assert row["first"] == (np.abs(lime).argmax() == np.abs(shapley).argmax())


def test_where_words_only_add_up_all_widths_say_the_same():
    classifier = make_classifier()
    classifier.model.query.data.zero_()
    for row in widths.summary(widths.measure(classifier, SENTENCES)).to_pylist():
        assert row["texts"] == 3
        # a word may be the unknown word's equal, and ties are broken by rounding
        assert min(row[name] for name in ("kendall", "spearman", "sign", "top5", "same5", "first")) > 0.99


def test_summary_by_hand():
    rows = table(
        {
            "text": i, "n_units": 9, "width": 0.5, "kendall": k, "spearman": k, "sign": 1.0, "top5": 0.8,
            "same5": i == 0, "first": i > 0,
        }
        for i, k in enumerate([1.0, 0.5, math.nan, 0.0])
    )  # fmt: skip
    (row,) = widths.summary(rows).to_pylist()
    figures = {
        "kendall": 0.5, "kendall_5": pytest.approx(0.05), "spearman": 0.5, "sign": 1.0, "top5": pytest.approx(0.8),
        "same5": 0.25, "first": 0.75,
    }  # fmt: skip
    assert {name: row[name] for name in ("width", "texts", *figures)} == {"width": 0.5, "texts": 4} | figures
    assert [row[f"{name}_n"] for name in figures] == [3, 3, 3, 4, 4, 4, 4]  # tau is undefined in one
    assert (row["kendall_low"], row["kendall_high"]) == (0.0, 1.0)
    assert row["same5_low"] == pytest.approx(1 - row["first_high"])  # Wilson's, of 1 and of 3 in 4
    assert row["top5_low"] is None  # all the same: they bound nothing
