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
WHICH = {METRIC: "higher", "deletion": "lower", "token-f1": "higher", "mine": "none"}
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
    table = {row["method"]: row for row in equivalence(CELLS, ROWS, WHICH)}
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
    chosen = choice(CELLS, COSTS, equivalence(CELLS, ROWS, WHICH), WHICH)
    assert chosen == {
        "metric": METRIC,
        "best": "shapley-exact",
        "cheapest": "occlusion",
        "front": ["attention-mean", "occlusion", "shapley-exact"],
        "leads": True,
    }
    said = sentences(chosen, CELLS, COSTS)
    assert said[0].startswith(f"By {METRIC}, shapley-exact explains best: ")
    assert "; 60 texts), for 2 forward passes and 500 ms a text" in said[0]
    assert "is occlusion: " in said[1]
    assert "2 forward passes and 100 ms a text" in said[1]


def chosen_among(values: dict[str, np.ndarray], metric: str = METRIC) -> tuple[dict, list[str]]:
    rows = [
        {"method": name, "index": i, metric: float(value)}
        for name, some in values.items()
        for i, value in enumerate(some)
    ]
    some = cells(rows, [metric])
    chosen = choice(some, COSTS, equivalence(some, rows, WHICH), WHICH)
    return chosen, sentences(chosen, some, COSTS)


def test_where_lower_is_better_the_lowest_is_best() -> None:
    turned = {name: 1 - values for name, values in VALUES.items()}
    chosen, _ = chosen_among(turned, "deletion")
    assert (chosen["best"], chosen["cheapest"], chosen["leads"]) == ("shapley-exact", "occlusion", True)


def test_a_method_that_explains_few_texts_is_not_the_best() -> None:
    few = np.where(np.arange(60) < 29, 2.0, np.nan)
    chosen, _ = chosen_among(VALUES | {"occlusion": few})
    assert chosen["best"] == "shapley-exact"
    chosen, _ = chosen_among(VALUES | {"occlusion": np.where(np.arange(60) < 30, 2.0, np.nan)})
    assert chosen["best"] == "occlusion"


def test_nothing_is_called_best_that_is_not_shown_to_beat_random_scores() -> None:
    worse = dict.fromkeys(("occlusion", "attention-mean"), VALUES["random"] - 0.01)
    chosen, said = chosen_among(worse | {"random": VALUES["random"]})
    assert not chosen["leads"]
    assert said == [f"By {METRIC}, no method is shown to be better than random scores."]
    chosen, said = chosen_among({name: np.ones(3) for name in ("occlusion", "random")})
    assert not chosen["leads"]


def test_few_texts_show_nothing_to_be_as_good() -> None:
    nine = {name: values[:9] for name, values in VALUES.items()}
    rows = [{"method": name, "index": i, METRIC: float(v)} for name, some in nine.items() for i, v in enumerate(some)]
    assert all(math.isnan(row["p_as_good"]) for row in equivalence(cells(rows, [METRIC]), rows, WHICH))


def test_metrics_that_do_not_tell_faithfulness_choose_nothing() -> None:
    rows = [{**row, "token-f1": row[METRIC], "mine": row[METRIC]} for row in ROWS]
    some = cells(rows, ["token-f1", "mine"])
    table = equivalence(some, rows, WHICH)
    assert {row["metric"] for row in table} == {"token-f1"}
    assert choice(some, COSTS, table, WHICH) is None
    assert sentences(None, some, COSTS) == []
