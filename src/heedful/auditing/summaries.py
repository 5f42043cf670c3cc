"""What a report shows beside its tables: curves, agreement of methods, texts to look at, what is missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from heedful.auditing.rows import CURVE, REVERSED, Row
from heedful.metrics.agreement import kendall_tau_b
from heedful.metrics.curves import SHARES
from heedful.support import intervals

EXAMPLES = 3  # texts of each kind
_WORDS = 8  # shown of each
_FEWEST_UNITS = 4  # of a text that is shown
_TEXT = 400  # characters shown


def curves(rows: Sequence[Row]) -> list[Row]:
    """Return a row a metric, method and share of the units: the mean output over texts, with its 95 % interval."""
    names = list(dict.fromkeys(name for row in rows for name in row if name.endswith(CURVE)))
    table: list[Row] = []
    for name in names:
        for method, some in _by_method(rows).items():
            heights = [row[name] for row in some if row.get(name) is not None]
            if heights:
                each = np.array(heights, dtype=np.float64).T
                for share, values in zip(SHARES, each, strict=True):
                    estimate = _mean(values)
                    table.append(
                        {"metric": name.removesuffix(CURVE), "method": method, "share": round(float(share), 2)}
                        | _columns("value", estimate)
                    )
    return table


def agreement(rows: Sequence[Row]) -> list[Row]:
    """Return a row a pair of methods: Kendall's tau-b between their scores, the mean over texts with its interval.

    Methods with signs are compared as they are, the others by absolute score (`heedful.metrics.pairwise`). Agreement
    describes; it is no evidence that either is right.
    """
    scores = {
        method: {row["index"]: np.array(row["scores"]) for row in some if row["scores"] is not None}
        for method, some in _by_method(rows).items()
        if method != REVERSED
    }
    signed = {row["method"]: bool(row["signed"]) for row in rows if row["signed"] is not None}
    table: list[Row] = []
    for one, other in combinations(scores, 2):
        common = sorted(scores[one].keys() & scores[other].keys())
        taus = [_tau(scores[one][i], scores[other][i], signs=signed[one] and signed[other]) for i in common]
        table.append({"first": one, "second": other} | _columns("tau", _mean(np.array(taus, dtype=np.float64))))
    return table


def examples(trial: Sequence[Row], texts: Mapping[int, Mapping[str, Any]]) -> list[Row]:
    """Return the texts in which attention orders words best, and worst, by their effects.

    Args:
        trial: rows of `heedful.auditing.trial.tried`.
        texts: by index: the text and what is known of it (label, predicted, probability).

    Returns:
        A row a text: kind ("best" or "worst"), place, text, ordered, mass_against, and words, the most attended and the
        most effective ones, with their share of the attention and their effect.
    """
    known = [row for row in trial if _finite(row["ordered"]) and len(row["units"]) >= _FEWEST_UNITS]
    order = sorted(
        known, key=lambda row: (-row["ordered"], row["mass_against"] if _finite(row["mass_against"]) else 1.0)
    )
    n = min(EXAMPLES, len(order) // 2)
    chosen = [("best", row) for row in order[:n]] + [("worst", row) for row in order[::-1][:n]]
    return [
        {"kind": kind, "place": row["place"], "ordered": row["ordered"], "mass_against": row["mass_against"]}
        | {name: value for name, value in texts[row["index"]].items() if name != "text"}
        | {"text": _beginning(str(texts[row["index"]]["text"])), "words": _words(row)}
        for kind, row in chosen
    ]


def extremes(rows: Sequence[Row], metrics: Sequence[str]) -> list[Row]:
    """Return a row a metric and method: the places of the texts with its lowest and its highest value."""
    table: list[Row] = []
    for method, some in _by_method(rows).items():
        for metric in metrics:
            known = [row for row in some if _finite(row[metric])]
            if known:
                low, high = (choose(known, key=lambda row: row[metric]) for choose in (min, max))
                table.append({"metric": metric, "method": method, "lowest": low["place"], "highest": high["place"]})
    return table


def missing(rows: Sequence[Row], metrics: Sequence[str]) -> list[Row]:
    """Return a row a reason: why a metric, or a method, says nothing of some rows, and of how many."""
    reasons: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["error"] is not None:
            reasons[row["method"], row["error"]] += 1
        for note in row["notes"]:
            name = next(name for name in metrics if note.startswith(f"{name}: "))
            reasons[name, note.removeprefix(f"{name}: ")] += 1
    return [{"name": name, "reason": reason, "n": n} for (name, reason), n in reasons.most_common()]


def accuracy(rows: Sequence[Row]) -> Row:
    """Return the share of labelled texts that the model classifies right, with its interval."""
    right = {row["index"]: row["correct"] for row in rows if row["correct"] is not None}
    return _columns("value", intervals.share(np.array([*right.values()], dtype=bool)))


def _by_method(rows: Sequence[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["method"], []).append(row)
    return grouped


def _tau(a: np.ndarray, b: np.ndarray, *, signs: bool) -> float:
    return kendall_tau_b(a, b) if signs else kendall_tau_b(np.abs(a), np.abs(b))


def _mean(values: np.ndarray) -> intervals.Estimate:
    """Mean with a 95 % interval by the normal distribution: there are thousands of these, so no bootstrap."""
    known = values[np.isfinite(values)]
    n = len(known)
    value = float(known.mean()) if n else math.nan
    half = 1.96 * float(known.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return intervals.Estimate(value, value - half, value + half, n)


def _columns(name: str, one: intervals.Estimate) -> Row:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high, "n": one.n}


def _words(row: Row) -> list[Row]:
    attention, effects = np.array(row["attention"]), np.array(row["effects"])
    whole = attention.sum() or 1.0
    chosen = list(dict.fromkeys(_alternating(np.argsort(-attention), np.argsort(-np.abs(effects)))))[:_WORDS]
    return [
        {"word": row["units"][i], "attention": float(attention[i] / whole), "effect": float(effects[i])}
        for i in sorted(chosen, key=lambda i: -attention[i])
    ]


def _alternating(one: np.ndarray, other: np.ndarray) -> Iterator[int]:
    for pair in zip(one, other, strict=True):
        yield from map(int, pair)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _beginning(text: str) -> str:
    return text if len(text) <= _TEXT else text[:_TEXT].rstrip() + " ..."
