"""Which explanation to show: the best by a metric of faithfulness, and the cheapest that is as good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful import metrics as metric_registry
from heedful.auditing.rows import REVERSED, Row
from heedful.auditing.tables import CHANCE, holm
from heedful.errors import MissingExtraError

try:
    from statsmodels.stats.weightstats import ttost_paired  # type: ignore[import-untyped]
except ImportError:
    raise MissingExtraError("statsmodels", "audit", "the statistics of an audit") from None

MARGIN = 0.1  # as a share of the best method's lead over random scores: what counts as equally good
SIGNIFICANT = 0.05
_PREFERRED = ("aopc-comprehensiveness", "comprehensiveness", "deletion", "insertion", "aopc-sufficiency", "sufficiency")

Values = Float64[np.ndarray, " texts"]


def equivalence(cells: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Return a row a metric and method: whether it is as good as the metric's best method.

    Two one-sided t-tests, paired over texts, ask whether the mean difference lies within a margin: a tenth of the best
    method's lead over random scores. p-values are adjusted after Holm over the methods of a metric. The best method is
    the best on these same texts, which flatters it a little.

    Args:
        cells: of `heedful.auditing.tables.cells`.
        rows: of `heedful.auditing.rows.measured`.

    Returns:
        metric, method, best (name of the best method), margin, p_as_good; not-a-number where nothing can be told.
    """
    table: list[Row] = []
    for metric in dict.fromkeys(row["metric"] for row in cells):
        best, margin = _best(metric, [row for row in cells if row["metric"] == metric])
        if best is None:
            continue
        values = _values(metric, rows)
        others = [name for name in values if name not in (best, CHANCE, REVERSED)]
        p_values = holm([_as_good(values[name], values[best], margin) for name in others])
        table += [
            {"metric": metric, "method": name, "best": best, "margin": margin, "p_as_good": p}
            for name, p in zip(others, p_values, strict=True)
        ]
    return table


def choice(cells: Sequence[Row], costs: Sequence[Row], as_good: Sequence[Row]) -> Row | None:
    """Return the best method by the metric that decides, and the cheapest that is as good; None if nothing can be told.

    The metric is comprehensiveness over shares of the units, or the first after it that was measured. It removes what
    an explanation points at, so it is blind to how large scores are and to words that speak against.

    Returns:
        metric, best, cheapest (maybe the same), front: methods that no other beats in both metric and cost.
    """
    measured = [row["metric"] for row in cells]
    metric = next((name for name in _PREFERRED if name in measured), None)
    if metric is None:
        return None
    some = {row["method"]: row for row in cells if row["metric"] == metric and row["n"]}
    best, _ = _best(metric, [*some.values()])
    if best is None:
        return None
    seconds = {row["method"]: float(row["seconds"]) for row in costs}
    equal = [
        row["method"] for row in as_good if row["metric"] == metric and row["p_as_good"] < SIGNIFICANT
    ]  # fmt: skip
    cheapest = min([best, *equal], key=lambda name: seconds[name])
    return {"metric": metric, "best": best, "cheapest": cheapest, "front": _front(metric, some, seconds)}


def sentences(chosen: Row | None, cells: Sequence[Row], costs: Sequence[Row]) -> list[str]:
    """Say in words which explanation is the most faithful, and at what cost."""
    if chosen is None:
        return []
    some = {row["method"]: row for row in cells if row["metric"] == chosen["metric"]}
    cost = {row["method"]: row for row in costs}
    best, cheapest = some[chosen["best"]], chosen["cheapest"]
    said = [
        f"By {chosen['metric']}, {best['method']} explains best: {best['value']:.3f} (95 % interval "
        f"{best['value_low']:.3f} to {best['value_high']:.3f}{_against(some)}), for "
        f"{_price(cost[best['method']])} a text."
    ]
    if cheapest != best["method"]:
        said.append(
            f"The cheapest method that is as good, within a tenth of its lead over random scores, is {cheapest}: "
            f"{some[cheapest]['value']:.3f}, for {_price(cost[cheapest])} a text."
        )
    elif CHANCE in some:
        said.append("No cheaper method is shown to be as good.")
    return said


def _against(some: Mapping[str, Row]) -> str:
    return f"; random scores {some[CHANCE]['value']:.3f}" if CHANCE in some else ""


def _price(cost: Row) -> str:
    passes = f"{cost['n_forward']:,.0f} forward pass{'' if round(cost['n_forward']) == 1 else 'es'}"
    return f"{passes} and {1000 * cost['seconds']:.3g} ms"


def _best(metric: str, cells: Sequence[Row]) -> tuple[str | None, float]:
    """Name of the best method, and the margin within which others are as good; not-a-number without random scores."""
    sign = _sign(metric)
    able = {row["method"]: row["value"] for row in cells if row["n"] and not math.isnan(row["value"])}
    methods = {name: value for name, value in able.items() if name not in (CHANCE, REVERSED)}
    if not methods or sign == 0:
        return None, math.nan
    best = max(methods, key=lambda name: sign * methods[name])
    return best, MARGIN * abs(methods[best] - able[CHANCE]) if CHANCE in able else math.nan


def _sign(metric: str) -> float:
    return {"higher": 1.0, "lower": -1.0, "none": 0.0}[metric_registry.get(metric).card.direction]


def _values(metric: str, rows: Sequence[Row]) -> dict[str, dict[int, float]]:
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        values.setdefault(row["method"], {})[row["index"]] = row[metric]
    return values


def _as_good(one: Mapping[int, float], best: Mapping[int, float], margin: float) -> float:
    """p-value of the hypothesis that the mean difference lies beyond the margin."""
    pairs = np.array([(one[i], best[i]) for i in one.keys() & best.keys()], dtype=np.float64).reshape(-1, 2)
    known = pairs[np.isfinite(pairs).all(axis=1)]
    if len(known) < 2 or not margin > 0:
        return math.nan
    difference = known[:, 0] - known[:, 1]
    if not difference.std() > 0:
        return 0.0 if abs(difference[0]) < margin else 1.0
    return float(ttost_paired(known[:, 0], known[:, 1], -margin, margin)[0])


def _front(metric: str, some: Mapping[str, Row], seconds: Mapping[str, float]) -> list[str]:
    """Methods that no other beats in both the metric and the seconds a text, the cheapest first."""
    front, best = list[str](), -math.inf
    for name in sorted((n for n in some if n in seconds and n not in (CHANCE, REVERSED)), key=lambda n: seconds[n]):
        value: Any = _sign(metric) * some[name]["value"]
        if value > best:
            front.append(name)
            best = value
    return front
