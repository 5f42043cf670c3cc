"""Which explanation to show: the best by a metric of faithfulness, and the cheapest that is as good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from heedful.auditing.rows import REVERSED, Row
from heedful.auditing.tables import CHANCE, holm
from heedful.errors import MissingExtraError

try:
    from statsmodels.stats.weightstats import ttost_paired
except ImportError:
    raise MissingExtraError("statsmodels", "audit", "the statistics of an audit") from None

MARGIN = 0.1  # as a share of the best method's lead over random scores: what counts as equally good
SIGNIFICANT = 0.05
_PREFERRED = ("aopc-comprehensiveness", "comprehensiveness", "deletion", "insertion", "aopc-sufficiency", "sufficiency")

_SIGN = {"higher": 1.0, "lower": -1.0, "none": 0.0}
_NEAR = {"higher": "difference_low", "lower": "difference_high"}  # the end of the lead's interval that is nearer to 0
FEWEST = 10  # texts, for a test of equivalence

Directions = Mapping[str, str]


def equivalence(cells: Sequence[Row], rows: Sequence[Row], directions: Directions) -> list[Row]:
    """Return a row a metric and method: whether it is as good as the metric's best method.

    Two one-sided t-tests, paired over texts, ask whether the mean difference lies within a margin: a tenth of the best
    method's lead over random scores. p-values are adjusted after Holm over the methods of a metric. The best method is
    the best on these same texts, which flatters it a little.

    Args:
        cells: of `heedful.auditing.tables.cells`.
        rows: of `heedful.auditing.rows.measured`.
        directions: of each metric, which is better: "higher", "lower" or "none".

    Returns:
        metric, method, best (name of the best method), margin, p_as_good; not-a-number where nothing can be told.
    """
    table: list[Row] = []
    for metric in dict.fromkeys(row["metric"] for row in cells):
        best = _best([row for row in cells if row["metric"] == metric], directions[metric])
        if best is None:
            continue
        margin = MARGIN * max(0.0, _lead(best, directions[metric]))
        values = _values(metric, rows)
        others = [name for name in values if name not in (best["method"], CHANCE, REVERSED)]
        p_values = holm([_as_good(values[name], values[best["method"]], margin) for name in others])
        table += [
            {"metric": metric, "method": name, "best": best["method"], "margin": margin, "p_as_good": p}
            for name, p in zip(others, p_values, strict=True)
        ]
    return table


def choice(cells: Sequence[Row], costs: Sequence[Row], as_good: Sequence[Row], directions: Directions) -> Row | None:
    """Return the best method by the metric that decides, and the cheapest that is as good; None if nothing can be told.

    The metric is comprehensiveness over shares of the units, or the first after it that was measured. It removes what
    an explanation points at, so it is blind to how large scores are and to words that speak against. The best method
    is the one that leads random scores by most, text by text, among those that explain at least half of the texts.

    Returns:
        metric, best, cheapest (maybe the same), front (methods that no other beats in both metric and cost), and leads:
        whether the best is shown to be better than random scores.
    """
    measured = list(dict.fromkeys(row["metric"] for row in cells))
    metric = next((one for name in _PREFERRED for one in measured if one.split(":")[0] == name), None)
    if metric is None:
        return None
    some = [row for row in cells if row["metric"] == metric and row["n"]]
    best = _best(some, directions[metric])
    if best is None:
        return None
    seconds = {row["method"]: float(row["seconds"]) for row in costs}
    equal = [row["method"] for row in as_good if row["metric"] == metric and row["p_as_good"] < SIGNIFICANT]
    return {
        "metric": metric,
        "best": best["method"],
        "cheapest": min([best["method"], *equal], key=lambda name: seconds[name]),
        "front": _front(some, seconds, directions[metric]),
        "leads": _SIGN[directions[metric]] * best[_NEAR[directions[metric]]] > 0,
    }


def sentences(chosen: Row | None, cells: Sequence[Row], costs: Sequence[Row]) -> list[str]:
    """Say in words which explanation is the most faithful, and at what cost."""
    if chosen is None:
        return []
    if not chosen["leads"]:
        return [f"By {chosen['metric']}, no method is shown to be better than random scores."]
    some = {row["method"]: row for row in cells if row["metric"] == chosen["metric"]}
    cost = {row["method"]: row for row in costs}
    best, cheapest = some[chosen["best"]], chosen["cheapest"]
    said = [
        f"By {chosen['metric']}, {best['method']} explains best: {best['value']:.3f} ({_interval(best)}random scores "
        f"{some[CHANCE]['value']:.3f}; {best['n']:,} texts), for "
        f"{_price(cost[best['method']])} a text."
    ]
    if cheapest != best["method"]:
        return [
            *said,
            f"The cheapest method that is as good, within a tenth of its lead over random scores, is {cheapest}: "
            f"{some[cheapest]['value']:.3f}, for {_price(cost[cheapest])} a text.",
        ]
    return [*said, "No cheaper method is shown to be as good."]


def _interval(cell: Row) -> str:
    low, high = cell["value_low"], cell["value_high"]
    return "" if math.isnan(low) else f"95 % interval {low:.3f} to {high:.3f}; "


def _price(cost: Row) -> str:
    passes = f"{cost['n_forward']:,.0f} forward pass{'' if round(cost['n_forward']) == 1 else 'es'}"
    return f"{passes} and {1000 * cost['seconds']:.3g} ms"


def _best(cells: Sequence[Row], direction: str) -> Row | None:
    """The cell of the method that leads random scores by most; None if the metric or the random scores say nothing."""
    most = max((row["n"] for row in cells), default=0)
    able = [
        row for row in cells
        if row["method"] not in (CHANCE, REVERSED) and 2 * row["n"] >= most and not math.isnan(row["difference"])
    ]  # fmt: skip
    if _SIGN[direction] == 0 or not able:
        return None
    return max(able, key=lambda row: _lead(row, direction))


def _lead(cell: Row, direction: str) -> float:
    return _SIGN[direction] * float(cell["difference"])


def _values(metric: str, rows: Sequence[Row]) -> dict[str, dict[int, float]]:
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        values.setdefault(row["method"], {})[row["index"]] = row[metric]
    return values


def _as_good(one: Mapping[int, float], best: Mapping[int, float], margin: float) -> float:
    """p-value of the hypothesis that the mean difference lies beyond the margin."""
    pairs = np.array([(one[i], best[i]) for i in one.keys() & best.keys()], dtype=np.float64).reshape(-1, 2)
    known = pairs[np.isfinite(pairs).all(axis=1)]
    if len(known) < FEWEST or not margin > 0:
        return math.nan
    difference = known[:, 0] - known[:, 1]
    if not difference.std() > 0:
        return 0.0 if abs(difference[0]) < margin else 1.0
    return float(ttost_paired(known[:, 0], known[:, 1], -margin, margin)[0])


def _front(cells: Sequence[Row], seconds: Mapping[str, float], direction: str) -> list[str]:
    """Methods that no other beats in both the metric and the seconds a text, the cheapest first."""
    front, best = list[str](), -math.inf
    able = [row for row in cells if row["method"] not in (CHANCE, REVERSED) and not math.isnan(row["value"])]
    for row in sorted(able, key=lambda row: seconds[row["method"]]):
        value = _SIGN[direction] * row["value"]
        if value > best:
            front.append(row["method"])
            best = value
    return front
