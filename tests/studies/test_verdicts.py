"""The one rule by which claims are confirmed, refuted or not settled."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.runs.tables import Tables
from heedful.studies.measuring import report
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED, Claim, judge, judged, together

ENDS = st.none() | st.floats(-10, 10)


@pytest.mark.parametrize(
    ("low", "high", "bounds", "verdict"),
    [
        (0.6, 0.7, {"least": 0.5}, CONFIRMED),
        (0.5, 0.7, {"least": 0.5}, CONFIRMED),  # bounds count
        (0.4, 0.6, {"least": 0.5}, NOT_SETTLED),
        (0.3, 0.49, {"least": 0.5}, REFUTED),
        (0.01, 0.05, {"most": 0.05}, CONFIRMED),
        (0.04, 0.06, {"most": 0.05}, NOT_SETTLED),
        (0.06, 0.2, {"most": 0.05}, REFUTED),
        (-0.04, 0.03, {"least": -0.05, "most": 0.05}, CONFIRMED),  # holds 0 and is narrow
        (-0.09, 0.03, {"least": -0.05, "most": 0.05}, NOT_SETTLED),  # holds 0 and is wide
        (0.02, 0.09, {"least": -0.05, "most": 0.05}, NOT_SETTLED),
        (-0.2, 0.2, {"least": -0.05, "most": 0.05}, NOT_SETTLED),
        (0.06, 0.09, {"least": -0.05, "most": 0.05}, REFUTED),
        (-0.2, -0.1, {"least": -0.05, "most": 0.05}, REFUTED),
        (None, None, {"most": 0.05}, NOT_SETTLED),
        (math.nan, math.nan, {"least": 0.05}, NOT_SETTLED),
        (None, 0.02, {"most": 0.05}, CONFIRMED),
        (0.2, None, {"most": 0.05}, REFUTED),
        (None, 0.2, {"most": 0.05}, NOT_SETTLED),
        (None, 0.02, {"least": -0.05, "most": 0.05}, NOT_SETTLED),
        (0.02, None, {"least": -0.05, "most": 0.05}, NOT_SETTLED),
        (None, -0.2, {"least": -0.05, "most": 0.05}, REFUTED),
    ],
)
def test_every_branch(low: float | None, high: float | None, bounds: dict[str, float], verdict: str) -> None:
    assert judge(low, high, **bounds) == verdict


@given(ENDS, ENDS, st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5))
def test_a_wider_interval_settles_nothing_that_a_narrower_one_does_not(low, high, least, more, wider) -> None:
    low, high = (low, high) if low is None or high is None else sorted((low, high))
    bounds = {"least": least, "most": least + more}
    wide = judge(None if low is None else low - wider, None if high is None else high + wider, **bounds)
    assert wide in {judge(low, high, **bounds), NOT_SETTLED}


def test_many_claims_at_once() -> None:
    assert together([CONFIRMED, CONFIRMED]) == CONFIRMED
    assert together([CONFIRMED, NOT_SETTLED]) == NOT_SETTLED
    assert together([CONFIRMED, NOT_SETTLED, REFUTED]) == REFUTED
    assert together([]) == NOT_SETTLED


def test_claims_are_judged_by_the_interval_in_their_table(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.write(
        "x.summary",
        report(
            {"kind": kind, "texts": 30, "gap": 0.2, "tau": 0.5, "tau_low": low, "tau_high": high, "tau_n": 29}
            for kind, low, high in (("sure", 0.45, 0.55), ("unsure", 0.3, 0.7), ("alone", math.nan, math.nan))
        ),
    )
    claims = [
        *(Claim(kind, "x.summary", (("kind", kind),), "tau", least=0.4) for kind in ("sure", "unsure", "alone")),
        Claim("largest", "x.summary", (("kind", "sure"),), "gap", "power", most=0.1),
    ]
    rows = judged(claims, tables)
    assert [row["verdict"] for row in rows] == [CONFIRMED, NOT_SETTLED, NOT_SETTLED, REFUTED]
    assert [row["n"] for row in rows] == [29, 29, 29, 30]  # the largest of 30 texts is no estimate
    assert rows[0] == {
        "statement": "sure", "unit": "number", "least": 0.4, "most": None, "value": 0.5,
        "value_low": 0.45, "value_high": 0.55, "n": 29, "verdict": CONFIRMED,
    }  # fmt: skip
    assert (rows[3]["value_low"], rows[3]["value_high"]) == (0.2, 0.2)
    with pytest.raises(SettingError, match=r"0 rows of x\.summary"):
        judged([Claim("?", "x.summary", (("kind", "none"),), "tau")], tables)
