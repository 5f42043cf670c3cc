"""LIME by formula against the exact limit; runs of LIME split into bias and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import heedful
from factory import SENTENCES, make_classifier
from heedful.methods import AttentionMean, Lime, LimeAsymptotic, LimeExact
from heedful.metrics import kendall_tau_b, sign_agreement
from heedful.question import ask
from heedful.studies.attention_meets_post_hoc import formulas
from heedful.studies.attention_meets_post_hoc.choices import PAPER
from heedful.studies.measuring import effective, seed_of, table


def explained(classifier, text, method, masking="unk", seed=0):
    return heedful.explain(classifier, text, method, target=1, masking=masking, seed=seed).scores


def test_every_row_is_what_explanations_say():
    classifier = make_classifier()
    rows = formulas.measure(classifier, SENTENCES, [0.25, math.inf]).to_pylist()
    assert len(rows) == len(SENTENCES) * 2 * 2
    for row in rows:
        text = SENTENCES[row["text"]]
        truth = explained(classifier, text, LimeExact(kernel_width=row["width"]))
        name = {"coded": "paper"}.get(row["formula"], row["formula"])
        found = explained(classifier, text, LimeAsymptotic(name, row["width"]))
        assert row["l2"] == pytest.approx(np.linalg.norm(found - truth), rel=1e-9)
        assert row["error"] == pytest.approx(np.linalg.norm(found - truth) / np.linalg.norm(truth), rel=1e-9)
        assert row["kendall"] == kendall_tau_b(found, truth)
        assert row["sign"] == sign_agreement(found, truth)
        attention = AttentionMean().answer(ask(classifier, text, PAPER)).scores
        assert row["n_units"] == len(truth)
        assert row["n_effective"] == pytest.approx(effective(attention))


def test_the_corrected_formula_is_exact_where_removal_moves_no_weight():
    classifier = make_classifier()
    classifier.model.query.data.zero_()  # all words weigh the same, known or not
    rows = formulas.measure(classifier, SENTENCES).to_pylist()
    assert max(row["error"] for row in rows if row["formula"] == "corrected") < 1e-12
    coded = [row for row in rows if row["formula"] == "coded"]
    assert [row["scale"] for row in coded] == pytest.approx([2 / 3] * len(coded))  # 3/2 times the difference of values
    assert max(row["scaled_error"] for row in coded) < 1e-7


def test_summary_by_hand():
    rows = table(
        {
            "text": i, "n_units": 10 * (i + 1), "n_effective": 5.0 - i, "width": 0.25, "formula": "coded", "l2": error,
            "error": error, "scale": 1.0, "scaled_error": error / 2, "kendall": kendall, "sign": 0.5,
        }
        for i, (error, kendall) in enumerate([(0.1, 1.0), (0.2, math.nan), (0.3, 0.5), (0.6, 0.0)])
    )  # fmt: skip
    whole, *parts = formulas.summary(rows).to_pylist()
    assert (whole["by"], whole["texts"], whole["least"]) == ("all", 4, None)
    assert whole["l2"] == whole["error_mean"] == pytest.approx(0.3)
    assert whole["error"] == pytest.approx(0.25)
    assert whole["error_90"] == pytest.approx(0.3 + 0.7 * 0.3)
    assert whole["scaled_error"] == pytest.approx(0.125)
    assert whole["kendall"] == 0.5
    assert [whole[f"{name}_n"] for name in ("error", "kendall")] == [4, 3]
    assert whole["l2_low"] < 0.3 < whole["l2_high"]
    assert whole["error_low"] is None  # four texts bound no median
    assert [(p["by"], p["least"], p["error"]) for p in parts[:4]] == [
        ("n_units", 10, 0.1), ("n_units", 20, 0.2), ("n_units", 30, 0.3), ("n_units", 40, 0.6)
    ]  # fmt: skip
    assert [(p["by"], p["least"], p["error"]) for p in parts[4:]] == [
        ("n_effective", 2, 0.6), ("n_effective", 3, 0.3), ("n_effective", 4, 0.2), ("n_effective", 5, 0.1)
    ]  # fmt: skip


def test_bias_and_noise_by_hand():
    runs = np.array([[1.0, 0.0], [3.0, 0.0]])  # mean (2, 0), variance 2
    (row,) = formulas._split(runs, {"truth": np.array([2.0, 2.0])})
    assert row["bias2"] == pytest.approx((4 - 2 / 2) / 4)
    assert row["noise2"] == pytest.approx(2 / 4)
    assert row["own_bias2"] == pytest.approx((4 - 2 / 2) / 8)


@settings(deadline=None)  # the first call builds the shape checks
@given(
    arrays(np.float64, (4, 3), elements=st.integers(-9, 9).map(float)),
    arrays(np.float64, 3, elements=st.integers(-9, 9).map(float)),
)
def test_squared_bias_and_noise_add_up_to_the_squared_distance_of_a_run(runs, truth):
    (row,) = formulas._split(runs, {"truth": truth})
    size2 = (runs.mean(0) ** 2).sum()
    if size2 > 0:
        distance2 = ((runs - truth) ** 2).sum(1).mean()
        assert row["bias2"] + row["noise2"] == pytest.approx(distance2 / size2, rel=1e-9, abs=1e-9)


def test_runs_are_those_of_lime_and_depend_on_the_seed_alone():
    classifier = make_classifier()
    found = formulas.sampled(classifier, SENTENCES[:2], 2, 200, seed=7)
    assert found.equals(formulas.sampled(classifier, SENTENCES[:2], 2, 200, seed=7))
    assert not found.equals(formulas.sampled(classifier, SENTENCES[:2], 2, 200, seed=8))
    for k, masking in enumerate(formulas.MASKINGS):
        runs = np.stack(
            [explained(classifier, SENTENCES[1], Lime(200), masking, seed_of(7, 1, k, run)) for run in range(2)]
        )
        rows = [r for r in found.to_pylist() if r["text"] == 1 and r["masking"] == masking]
        assert [row["reference"] for row in rows] == ["limit", "limit with ridge", "coded", "corrected"]
        truth = explained(classifier, SENTENCES[1], "lime-exact")
        variance = runs.var(0, ddof=1).sum()
        size2 = (runs.mean(0) ** 2).sum()
        bias2 = ((runs.mean(0) - truth) ** 2).sum() - variance / 2
        assert rows[0]["bias2"] == pytest.approx(bias2 / size2, rel=1e-6)  # of a difference
        assert rows[0]["noise2"] == pytest.approx(variance / size2)


def test_lime_with_unknown_words_has_no_bias_but_its_penalty():
    classifier = make_classifier()
    found = formulas.sampled_summary(formulas.sampled(classifier, SENTENCES, 10, 1000)).to_pylist()
    error = {(row["masking"], row["reference"]): row for row in found}
    # thirty runs tell a bias of a third of their noise from none
    assert error["unk", "limit with ridge"]["bias"] < 0.33 * error["unk", "limit with ridge"]["noise"]
    assert error["delete", "limit"]["bias"] > 2 * error["delete", "limit"]["noise"]  # positions move


def test_matches_by_hand():
    bias2 = {("delete", "coded"): [0.01, 0.07], ("unk", "coded"): [0.02, 0.04], ("unk", "limit"): [0.0, 0.0]}
    rows = [
        {"text": i, "masking": masking, "reference": reference, "own_bias2": value}
        for (masking, reference), values in bias2.items()
        for i, value in enumerate(values)
    ]
    (row,) = formulas.matches(table(rows)).to_pylist()
    assert (row["formula"], row["better"], row["unk_nearer"]) == ("coded", "unk", 0.5)
    assert (row["delete"], row["unk"]) == pytest.approx((0.2, math.sqrt(0.03)))
    assert (row["texts"], row["delete_n"]) == (2, 2)
    assert (row["delete_low"], row["delete_high"]) == pytest.approx((0.1, math.sqrt(0.07)))  # all that two texts tell
    assert row["nearer"] == "not settled"  # one text in two


@pytest.mark.parametrize(("unk", "nearer"), [(18, "unk"), (2, "delete"), (12, "not settled")])
def test_a_formula_is_nearer_to_what_it_is_nearer_to_in_most_texts(unk, nearer):
    rows = [
        {
            "text": i,
            "masking": masking,
            "reference": "coded",
            "own_bias2": 1.0 if (i < unk) == (masking == "unk") else 2.0,
        }
        for masking in formulas.MASKINGS
        for i in range(20)
    ]
    (row,) = formulas.matches(table(rows)).to_pylist()
    assert (row["unk_nearer"], row["nearer"]) == (unk / 20, nearer)
