"""Confirmed, refuted or not settled: a study's claims, their bounds set in its settings, judged by one rule.

A claim says that a figure lies within bounds. It is confirmed if the figure's whole interval does, refuted if the whole
interval lies outside, on one side; else it is not settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from heedful.runs.tables import Tables

CONFIRMED, REFUTED, NOT_SETTLED = "confirmed", "refuted", "not settled"


@dataclass(frozen=True)
class Claim:
    """A statement that can turn out false: a figure of a summary lies within bounds.

    Attributes:
        statement: the claim in words, for the report.
        table: the summary the figure stands in.
        where: columns and values that pick its row.
        figure: its column; the interval is that of FIGURE_low and FIGURE_high. A column without these, such as the
            largest of all texts, is taken as it is.
        unit: how it is shown: "share", "number" or "power" (its order of magnitude).
        least, most: the bounds.
    """

    statement: str
    table: str
    where: tuple[tuple[str, Any], ...]
    figure: str
    unit: str = "number"
    least: float = -math.inf
    most: float = math.inf


def judge(low: float | None, high: float | None, *, least: float = -math.inf, most: float = math.inf) -> str:
    """Return what an interval says of the claim that the figure lies within least..most.

    An end that is unknown, None or not-a-number, can be anywhere.

    Example:
        >>> [judge(low, high, most=0.05) for low, high in ((0.01, 0.02), (0.20, 0.30), (0.04, 0.06), (None, 0.02))]
        ['confirmed', 'refuted', 'not settled', 'confirmed']
    """
    below = -math.inf if low is None or math.isnan(low) else low
    above = math.inf if high is None or math.isnan(high) else high
    if least <= below and above <= most:
        return CONFIRMED
    if above < least or below > most:
        return REFUTED
    return NOT_SETTLED


def together(verdicts: Iterable[str], *, refuted_by_all: bool = False) -> str:
    """Return the verdict on the claim that all of some claims hold.

    Args:
        verdicts: of the claims.
        refuted_by_all: refuted only if all of them are; else if any is.

    Example:
        >>> together(["confirmed", "not settled"]), together(["confirmed", "refuted", "not settled"])
        ('not settled', 'refuted')
        >>> together(["confirmed", "refuted"], refuted_by_all=True)
        'not settled'
    """
    known = set(verdicts)
    if REFUTED in known and not (refuted_by_all and len(known) > 1):
        return REFUTED
    return CONFIRMED if known == {CONFIRMED} else NOT_SETTLED


def judged(claims: Sequence[Claim], tables: Tables) -> list[dict[str, Any]]:
    """Return one row a claim.

    Returns:
        statement, unit, least, most (null: no such bound), value, value_low, value_high (the figure's interval), n
        (observations behind it), verdict.

    Raises:
        SettingError: there is no such table, or not exactly one such row.
    """
    rows = []
    for claim in claims:
        row = tables.one(claim.table, **dict(claim.where))
        low, high = (row.get(f"{claim.figure}{end}", row[claim.figure]) for end in ("_low", "_high"))
        rows.append(
            {
                "statement": claim.statement,
                "unit": claim.unit,
                "least": None if math.isinf(claim.least) else claim.least,
                "most": None if math.isinf(claim.most) else claim.most,
                "value": row[claim.figure],
                "value_low": low,
                "value_high": high,
                "n": row.get(f"{claim.figure}_n", row.get("texts")),
                "verdict": judge(low, high, least=claim.least, most=claim.most),
            }
        )
    return rows
