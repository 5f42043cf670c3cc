"""Which explanation to show: the best, and the cheapest that two one-sided tests show to be as good."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from heedful.auditing.choice import choice, equivalence, sentences
from heedful.auditing.tables import cells

DRAW = np.random.default_rng(0)
BEST = DRAW.normal(0.8, 0.1, 60)
VALUES = {
    "shapley-exact": BEST,
    "occlusion": BEST - DRAW.normal(0.01, 0.02, 60),  # within a tenth of the lead, 0.07
    "attention-mean": BEST - DRAW.normal(0.3, 0.02, 60),
    "random": DRAW.normal(0.1, 0.05, 60),
    "reversed": np.full(60, 2.0),  # never the best, whatever its figure
}
METRIC = "aopc-comprehensiveness"
ROWS = [
    {"method": name, "index": i, METRIC: float(value)}
    for i in range(60)
    for name, value in zip(VALUES, (v[i] for v in VALUES.values()), strict=True)
]
CELLS = cells(ROWS, [METRIC])
COSTS = [
    {"method": name, "n_forward": 2.0, "seconds": s}
    for name, s in (("shapley-exact", 0.5), ("occlusion", 0.1), ("attention-mean", 0.01), ("random", 0.001))
]


def test_equivalence_is_two_one_sided_tests_within_a_tenth_of_the_lead() -> None:
    table = {row["method"]: row for row in equivalence(CELLS, ROWS)}
    assert {*table} == {"occlusion", "attention-mean"}
    margin = 0.1 * (VALUES["shapley-exact"].mean() - VALUES["random"].mean())
    assert table["occlusion"]["margin"] == pytest.approx(margin)
    difference = VALUES["occlusion"] - BEST
    sides = [
        stats.ttest_1samp(difference, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(difference, margin, alternative="less").pvalue,
    ]
    assert table["occlusion"]["p_as_good"] == pytest.approx(2 * max(sides), rel=1e-9)  # Holm: the smaller of two
    assert table["attention-mean"]["p_as_good"] > 0.99


def test_the_cheapest_that_is_as_good_and_the_front() -> None:
    chosen = choice(CELLS, COSTS, equivalence(CELLS, ROWS))
    assert chosen == {
        "metric": METRIC,
        "best": "shapley-exact",
        "cheapest": "occlusion",
        "front": ["attention-mean", "occlusion", "shapley-exact"],
    }
    said = sentences(chosen, CELLS, COSTS)
    assert said[0].startswith(f"By {METRIC}, shapley-exact explains best: ")
    assert "is occlusion: " in said[1]
    assert "2 forward passes and 100 ms a text" in said[1]


def test_without_random_scores_nothing_is_as_good_and_where_lower_is_better_the_lowest_is_best() -> None:
    rows = [{**row, "deletion": row[METRIC]} for row in ROWS if row["method"] not in ("random", "reversed")]
    some = cells(rows, ["deletion"])
    table = equivalence(some, rows)
    assert {row["best"] for row in table} == {"attention-mean"}
    assert all(math.isnan(row["p_as_good"]) for row in table)
    chosen = choice(some, COSTS, table)
    assert (chosen["best"], chosen["cheapest"]) == ("attention-mean", "attention-mean")
    assert len(sentences(chosen, some, COSTS)) == 1


def test_metrics_that_do_not_tell_faithfulness_choose_nothing() -> None:
    rows = [{**row, "token-f1": row[METRIC]} for row in ROWS]
    some = cells(rows, ["token-f1"])
    assert choice(some, COSTS, equivalence(some, rows)) is None
    assert sentences(None, some, COSTS) == []
