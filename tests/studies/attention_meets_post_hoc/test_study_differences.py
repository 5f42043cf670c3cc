"""Whether another classifier changes the answer: paired over texts, and by the rule."""

from __future__ import annotations

import math

import numpy as np
import pytest

from heedful.studies.attention_meets_post_hoc import differences
from heedful.studies.attention_meets_post_hoc.variants import EXACT, SAMPLED
from heedful.studies.measuring import table
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED

N = 200
NOISE = np.random.default_rng(0).normal(0, 1, (2, N))
MARGINS = {"tau": 0.05, "against": 0.05}


def rows(variant, source, texts, tau, against, std_error=0.0):
    return [
        {"text": i, "variant": variant, "source": source, "std_error": std_error, "tau": float(tau[i])}
        | {"against": bool(against[i])}
        for i in texts
    ]


# Texts differ by far more than classifiers do; half of the texts speak against.
STANDARD = 0.6 + 0.2 * NOISE[0]
AGAINST = np.arange(N) % 2 == 0


def summed(tau, against=AGAINST, *, texts=range(N), source=EXACT, std_error=0.0, others=()):
    first = rows("first", EXACT, range(N), STANDARD, AGAINST)
    measured = table([*first, *others, *rows("other", source, texts, tau, against, std_error)])
    found = {row["figure"]: row for row in differences.summary(measured, MARGINS, 0.1).to_pylist()}
    assert {row["variant"] for row in found.values()} == {"other"}
    return found


def test_a_small_difference_is_none_although_texts_differ_by_more():
    row = summed(STANDARD + 0.02 + 0.01 * NOISE[1])["tau"]
    assert (row["verdict"], row["difference_n"], row["margin"]) == (CONFIRMED, N, 0.05)
    assert row["difference"] == pytest.approx(0.02, abs=0.003)
    assert -0.05 < row["difference_low"] < row["difference"] < row["difference_high"] < 0.05


def test_a_large_difference_changes_the_answer_on_either_side():
    for shift in (0.2, -0.2):
        assert summed(STANDARD + shift + 0.01 * NOISE[1])["tau"]["verdict"] == REFUTED


def test_a_wide_interval_settles_nothing_though_it_holds_no_difference():
    row = summed(STANDARD + 0.6 * NOISE[1])["tau"]
    assert row["difference_low"] < 0 < row["difference_high"]
    assert row["difference_high"] - row["difference_low"] > 0.1
    assert row["verdict"] == NOT_SETTLED


def test_a_difference_about_as_large_as_the_margin_is_not_settled():
    assert summed(STANDARD + 0.05 + 0.05 * NOISE[1])["tau"]["verdict"] == NOT_SETTLED


def test_shares_of_texts_are_paired_too():
    flipped = AGAINST.copy()
    flipped[:4] = ~flipped[:4]
    row = summed(STANDARD, flipped)["against"]
    assert (row["difference"], row["verdict"]) == (0.0, CONFIRMED)  # two more, two fewer
    assert summed(STANDARD, np.ones(N, dtype=bool))["against"]["difference"] == 0.5
    few = summed(STANDARD, flipped, texts=range(0, N, 10))["against"]
    assert (few["difference_n"], few["verdict"]) == (20, NOT_SETTLED)


def test_equal_figures_in_all_texts_are_not_settled():
    row = summed(STANDARD)["tau"]
    assert (row["difference"], row["difference_low"], row["verdict"]) == (0.0, None, NOT_SETTLED)


def test_noisy_shapley_values_settle_nothing():
    far = STANDARD - 0.3 + 0.01 * NOISE[1]
    assert summed(far, source=SAMPLED, std_error=0.08)["tau"]["verdict"] == REFUTED
    assert summed(far, source=SAMPLED, std_error=0.35)["tau"]["verdict"] == NOT_SETTLED


def test_sampled_values_are_beside_sampled_ones_of_the_same_texts():
    texts = range(0, N, 2)
    others = rows("first", SAMPLED, texts, STANDARD - 0.1, AGAINST, 0.05)
    row = summed(STANDARD - 0.1 + 0.01 * NOISE[1], texts=texts, source=SAMPLED, std_error=0.05, others=others)["tau"]
    assert (row["verdict"], row["difference_n"]) == (CONFIRMED, N // 2)


def test_texts_without_the_figure_are_left_out():
    holes = np.where(np.arange(N) < 50, math.nan, STANDARD + 0.01 * NOISE[1])
    assert summed(holes)["tau"]["difference_n"] == N - 50


def test_all_comparisons_together():
    measured = [{"verdict": verdict} for verdict in (CONFIRMED, CONFIRMED, NOT_SETTLED)]
    row = differences.overall(table(measured)).to_pylist()[0]
    assert row == {"comparisons": 3, "confirmed": 2, "refuted": 0, "not_settled": 1, "verdict": NOT_SETTLED}
    row = differences.overall(table([*measured, {"verdict": REFUTED}])).to_pylist()[0]
    assert (row["refuted"], row["verdict"]) == (1, REFUTED)


def test_a_classifier_alone_is_compared_with_nothing():
    alone = differences.summary(table(rows("first", EXACT, range(N), STANDARD, AGAINST)), MARGINS, 0.1)
    (row,) = differences.overall(alone).to_pylist()
    assert (row["comparisons"], row["verdict"]) == (0, NOT_SETTLED)
