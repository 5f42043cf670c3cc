"""What the measurements share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import SENTENCES, make_classifier
from heedful.methods import AttentionMean
from heedful.question import Choices, ask
from heedful.studies import measuring
from heedful.studies.attention_meets_post_hoc.choices import PAPER
from heedful.studies.measuring import (
    attention_of,
    auc,
    batches,
    binned,
    compared,
    effective,
    groups,
    most,
    report,
    seed_of,
    silent,
    table,
)

VALUES = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), min_size=1, max_size=12)


def test_batches_ask_what_one_by_one_asks(monkeypatch):
    monkeypatch.setattr(measuring, "BATCH", 2)
    classifier, seen = make_classifier(), []

    def track(items, what):
        seen.append((list(items), what))
        return items

    choices = Choices(output="logit_difference", masking="ignore", seed=3)
    found = list(batches(classifier, SENTENCES, choices, track, "here"))
    assert [[number for number, _ in batch] for batch in found] == [[0, 1], [2]]
    assert seen == [([0, 2], "here")]
    for number, question in [pair for batch in found for pair in batch]:
        alone = ask(classifier, SENTENCES[number], choices)
        assert question.encoded.text == SENTENCES[number]
        assert (question.output, question.masking, question.seed) == (alone.output, "ignore", 3)
        assert question.units.strings == alone.units.strings
        assert question.logits == pytest.approx(alone.logits, rel=1e-12)


@pytest.mark.parametrize("attend_padding", [True, False])
def test_attention_of_a_game_is_that_of_attention_mean(attend_padding):
    classifier = make_classifier(attend_padding=attend_padding)
    question = ask(classifier, SENTENCES[0], PAPER)
    assert len(question.units) < len(question.encoded) - 1  # a word comes twice
    assert attention_of(question.ratio_game()) == pytest.approx(AttentionMean().answer(question).scores, rel=1e-12)


@settings(deadline=None)  # the first call builds the shape checks
@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=20))
def test_attention_is_spread_over_1_to_all_units(weights):
    spread = effective(np.array(weights))
    assert 1 - 1e-12 <= spread <= len(weights) * (1 + 1e-12)
    assert effective(np.array([*weights, 0.0])) == pytest.approx(spread)
    assert effective(np.array([w / 2 for w in weights] * 2)) == pytest.approx(2 * spread)  # everything split in two
    assert effective(np.array([w * 3 for w in weights])) == pytest.approx(spread)


def test_compared_by_hand():
    row = compared(np.array([1.0, 2.0, -1.0]), np.array([3.0, 4.0, 0.0]))
    assert row["l2"] == pytest.approx(3.0)
    assert row["error"] == pytest.approx(0.6)
    assert row["scale"] == pytest.approx(11 / 6)
    assert row["scaled_error"] == pytest.approx(math.sqrt(1 - 121 / 150))
    assert (row["kendall"], row["sign"]) == (1.0, 1.0)


@settings(deadline=None)  # the first call builds the shape checks
@given(VALUES, st.floats(0.1, 10))
def test_the_scaled_error_sees_no_scale(values, factor):
    truth, found = np.array(values), np.array(values) + np.arange(len(values))
    one, other = compared(found, truth), compared(factor * found, truth)
    assert one["scaled_error"] == pytest.approx(other["scaled_error"], abs=1e-9, nan_ok=True)
    assert one["scale"] == pytest.approx(factor * other["scale"], abs=1e-9, nan_ok=True)


def test_scores_that_are_all_zero_have_no_errors():
    row = compared(np.zeros(3), np.zeros(3))
    assert row["l2"] == 0
    assert all(math.isnan(row[name]) for name in ("error", "scale", "scaled_error", "kendall", "sign"))


@settings(deadline=None)  # the first call builds the shape checks
@given(VALUES, st.randoms(use_true_random=False))
def test_auc_by_definition(values, random):
    positive = np.array([random.random() < 0.5 for _ in values])
    scores = np.array(values)
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(np.mean(pairs) if pairs else math.nan, nan_ok=True)


def test_the_largest_are_largest_in_size_and_ties_go_to_the_first():
    assert most(np.array([1.0, -5.0, 2.0, 2.0, -2.0]), 3) == {1, 2, 3}
    assert most(np.array([1.0]), 5) == {0}


def test_groups_and_bins_part_the_rows():
    rows = table({"a": i % 3, "b": "xy"[i % 2], "n": float(n)} for i, n in enumerate([5, 3, 9, 1, 7, 7, 2, 8, 7, 7]))
    found = list(groups(rows, "a", "b"))
    assert [tuple(key.values()) for key, _ in found] == [(0, "x"), (1, "y"), (2, "x"), (0, "y"), (1, "x"), (2, "y")]
    assert found[0][1]["n"].tolist() == [5, 2]
    parts = list(binned(dict(zip(rows.column_names, (c.to_numpy() for c in rows.columns), strict=True)), "n"))
    assert [len(of["n"]) for _, of in parts] == [10, 3, 5, 2]  # sevens stay together
    assert [(part["by"], part["least"], part["most"]) for part, _ in parts] == [
        ("all", None, None), ("n", 1, 3), ("n", 5, 7), ("n", 8, 9)
    ]  # fmt: skip
    assert sorted(n for _, of in parts[1:] for n in of["n"]) == sorted(rows["n"].to_pylist())


def test_reports_have_nulls_where_there_is_no_number():
    assert report([{"a": math.nan, "b": math.inf, "c": None, "d": "x"}]).to_pylist() == [
        {"a": None, "b": math.inf, "c": None, "d": "x"}
    ]


def test_seeds_differ():
    seeds = {seed_of(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125
    assert list(silent([1, 2], "")) == [1, 2]
