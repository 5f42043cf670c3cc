"""Attention against Shapley values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from factory import SENTENCES, make_classifier
from heedful.metrics import kendall_tau_b, top_k_overlap
from heedful.studies.attention_meets_post_hoc import attention
from heedful.studies.measuring import table


def test_contrasted_by_hand():
    row = attention.contrasted(np.array([0.1, 0.4, 0.3, 0.2]), np.array([1.0, -2.0, 4.0, 0.0]))
    assert row["kendall_size"] == pytest.approx((4 - 2) / 6)  # of six pairs, two disagree
    assert row["kendall"] == pytest.approx((2 - 4) / 6)
    assert row["against"] is True
    assert row["place"] == 2
    assert row["sign"] == pytest.approx(2 / 3)
    assert row["against_mass"] == pytest.approx(2 / 7)
    assert (row["top5"], row["chance5"]) == (1.0, 1.0)


@settings(deadline=None)  # the first call builds the shape checks
@given(st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=9))
def test_what_speaks_for_the_other_class_turns_round(values):
    phi = np.array(values)
    weights = np.arange(len(phi), 0.0, -1.0)
    one, other = attention.contrasted(weights, phi), attention.contrasted(weights, -phi)
    assert one["kendall"] == pytest.approx(-other["kendall"], nan_ok=True)
    assert one["sign"] == pytest.approx(1 - other["sign"], nan_ok=True)
    assert one["against_mass"] == pytest.approx(1 - other["against_mass"], nan_ok=True)
    assert one["against"] + other["against"] == (phi[0] != 0)
    for name in ("kendall_size", "top5", "place"):
        assert one[name] == pytest.approx(other[name], nan_ok=True)


@pytest.mark.parametrize("output", attention.OUTPUTS)
def test_every_row_is_what_explanations_say(output):
    classifier = make_classifier()
    rows = attention.measure(classifier, SENTENCES, [output]).to_pylist()
    assert [row["text"] for row in rows] == [0, 1, 2]
    for row in rows:
        text = SENTENCES[row["text"]]
        phi = heedful.explain(classifier, text, "shapley-exact", output=output).scores
        weights = heedful.explain(classifier, text, "attention-mean").scores
        assert (row["output"], row["n_units"], row["chance5"]) == (output, len(phi), 5 / len(phi))
        assert row["kendall_size"] == kendall_tau_b(weights, np.abs(phi))
        assert row["kendall"] == kendall_tau_b(weights, phi)
        assert row["top5"] == top_k_overlap(weights, phi, 5)
        assert row["sign"] == (phi > 0).mean()
        assert row["against"] == (phi[weights.argmax()] < 0)


def test_summary_by_hand():
    rows = table(
        {
            "text": i, "n_units": 10 * i + 10, "output": "logit", "n_effective": 3.0, "kendall_size": 0.1 * i,
            "kendall": math.nan, "top5": 0.2, "chance5": 0.1, "sign": 0.5, "against": i == 0, "place": i,
            "against_mass": 0.4,
        }
        for i in range(4)
    )  # fmt: skip
    whole, *parts = attention.summary(rows).to_pylist()
    assert (whole["output"], whole["texts"], whole["kendall_size"], whole["kendall"]) == (
        "logit", 4, pytest.approx(0.15), None
    )  # fmt: skip
    assert (whole["against"], whole["first"]) == (0.25, 0.25)
    assert (whole["against_low"], whole["against_high"]) == pytest.approx((0.0456, 0.6994), abs=1e-4)  # Wilson's
    assert (whole["kendall_n"], whole["kendall_low"]) == (0, None)
    assert whole["kendall_size_low"] < 0.15 < whole["kendall_size_high"]
    assert [part["against"] for part in parts] == [1.0, 0.0, 0.0, 0.0, 0.25]  # lengths; one spread
