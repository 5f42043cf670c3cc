"""How like explanations still are to those of the real model: figures, the rule that flags a method, and its words."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.randomised import ALL, HEAD
from heedful.metrics.agreement import kendall_tau_b
from heedful.support.intervals import Estimate, mean

ANOTHER = "two random models"
LIKE, AT_LEAST = 0.9, 0.7  # mean tau-b, and the lower end of its interval, above which explanations are unchanged
NOTHING = 1e-9  # of the largest score on the real model
FEWEST = 5  # texts from which one and the same figure stands for its own interval
_NONE = Estimate(math.nan, math.nan, math.nan, 0)
_WITHOUT_SIZES = {("weights", HEAD), ("target", "the other class")}  # where sizes may well stay


@dataclass(frozen=True)
class Compared:
    """A row of the table: one method, one change.

    Attributes:
        method, test, stage: what was asked, and what was changed.
        tau, tau_sizes: mean tau-b of scores, and of absolute scores.
        left: mean of the largest score on a constant model, as share of the largest on the real one.
        n: texts.
        unchanged: whether the method is flagged.
        reason: why figures are missing.
    """

    method: str
    test: str
    stage: str
    tau: Estimate
    tau_sizes: Estimate
    left: Estimate
    n: int
    unchanged: bool
    reason: str | None

    def row(self) -> dict[str, Any]:
        """Return the row as plain values."""
        row: dict[str, Any] = {"method": self.method, "test": self.test, "stage": self.stage}
        for name, one in (("tau", self.tau), ("tau_sizes", self.tau_sizes), ("left", self.left)):
            row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        return row | {"n": self.n, "unchanged": self.unchanged, "reason": self.reason}


def compared(
    method: str,
    test: str,
    stage: str,
    pairs: Sequence[tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, " _"]]],
    reason: str | None,
) -> Compared:
    """Compare scores on the real model with those on a changed one, text by text.

    Example:
        >>> scores = np.array([1.0, -3.0, 2.0])
        >>> row = compared("m", "target", "the other class", [(scores, -scores)] * 5, None)
        >>> row.tau.value, row.tau_sizes.value, row.unchanged
        (-1.0, 1.0, False)
    """
    tau = tau_sizes = left = _NONE
    unchanged = False
    if test == "constant":
        ratios = np.array([_left(real, flat) for real, flat in pairs])
        left = mean(ratios)
        known = ratios[~np.isnan(ratios)]
        n = len(known)
        unchanged = n >= FEWEST and float(np.mean(known > NOTHING)) >= 0.5
    else:
        tau = mean(np.array([kendall_tau_b(real, new) for real, new in pairs]))
        tau_sizes = mean(np.array([kendall_tau_b(np.abs(real), np.abs(new)) for real, new in pairs]))
        n = max(tau.n, tau_sizes.n)
        of_sizes = (test, stage) not in _WITHOUT_SIZES and _like(tau_sizes)
        unchanged = stage != ANOTHER and (_like(tau) or of_sizes)
    if n == 0 and reason is None:
        reason = "no text" if not pairs else "all scores of each text are equal: there is no order to compare"
    return Compared(method, test, stage, tau, tau_sizes, left, n, unchanged, reason)


def told(table: Sequence[Compared], baselines: Collection[str]) -> tuple[list[str], list[str]]:
    """Say what stands in the table: a sentence a test and stage, and a flag a method and test it passed unchanged.

    Args:
        table: all rows.
        baselines: methods that know nothing of the model and must be flagged: one line for all tests.
    """
    keys = dict.fromkeys((row.test, row.stage) for row in table)
    sentences = [_sentence([row for row in table if (row.test, row.stage) == key]) for key in keys]
    last = {(row.method, row.test): row for row in table if row.unchanged}  # of the weights, the deepest stage
    flags = [_flag(row) for row in last.values() if row.method not in baselines]
    passed = {name: [test for method, test in last if method == name] for name in baselines}
    flags += [
        f"{name} says the same in every case ({', '.join(tests)}), as it must: it never looks at the model, "
        "and that it is caught shows that the tests work"
        for name, tests in passed.items()
        if tests
    ]
    return sentences, flags


def _like(one: Estimate) -> bool:
    low = one.value if math.isnan(one.low) and one.n >= FEWEST else one.low
    return one.value > LIKE and low > AT_LEAST


def _left(real: Float64[np.ndarray, " units"], flat: Float64[np.ndarray, " units"]) -> float:
    usual = np.abs(real).max(initial=0.0)
    return float(np.abs(flat).max(initial=0.0) / usual) if usual > 0 else math.nan


def _sentence(rows: Sequence[Compared]) -> str:
    """One test and stage: who is unchanged, who of the others is least changed, and who says nothing."""
    what = f"{_WHAT[rows[0].test]} ({rows[0].stage})"
    known, parts = [row for row in rows if row.n], list[str]()
    if same := [row for row in known if row.unchanged]:
        parts.append("the same as on the real model: " + ", ".join(f"{row.method} ({_figure(row)})" for row in same))
    if others := [row for row in known if not row.unchanged]:
        nearest = max(others, key=_nearness)
        parts.append(
            f"most alike of the {len(others)} {'others' if same else 'methods'}: {nearest.method} ({_figure(nearest)})"
        )
    for reason in dict.fromkeys(row.reason for row in rows if not row.n):
        silent = [row.method for row in rows if not row.n and row.reason == reason]
        parts.append(f"without figures: {', '.join(silent)} ({reason})")
    return f"{what}: {'; '.join(parts)}."


def _nearness(row: Compared) -> float:
    values = (row.left.value,) if row.test == "constant" else (row.tau.value, row.tau_sizes.value)
    return max((one for one in values if not math.isnan(one)), default=-math.inf)


_WHAT = {
    "weights": "Random weights",
    "target": "Asked for another class",
    "constant": "A constant model, the largest score left as share of the usual one",
    "labels": "Random labels",
}


def _figure(row: Compared) -> str:
    if row.test == "constant":
        return _shown(row.left, ".2g")
    return f"tau-b {_shown(row.tau, '.2f')}, of sizes {_shown(row.tau_sizes, '.2f')}"


def _shown(one: Estimate, form: str) -> str:
    interval = "" if math.isnan(one.low) else f" [{one.low:{form}}, {one.high:{form}}]"
    return "undefined" if math.isnan(one.value) else f"{one.value:{form}}{interval}"


def _flag(row: Compared) -> str:
    """What a reader must know of a method that a change leaves as it was."""
    figure = _shown(row.tau if _like(row.tau) else row.tau_sizes, ".2f")
    how = f"tau-b {figure}" if _like(row.tau) else f"tau-b of sizes {figure}"
    if row.test == "target":
        return f"{row.method} says the same of another class ({how}): it does not tell what a word speaks for"
    if row.test == "constant":
        share = _shown(row.left, ".2g")
        return f"{row.method} tells words apart though none has any effect ({share} of its usual largest score is left)"
    if row.test == "labels":
        return (
            f"{row.method} is the same for a model trained on shuffled labels ({how}): it does not show what is learned"
        )
    if row.stage != ALL:
        return (
            f"{row.method} does not change when weights are random ({row.stage}; {how}): "
            "it cannot tell what the model decided"
        )
    return f"{row.method} does not change when all weights are random ({how}): it shows the text, not the model"
