"""What the report's template uses beside tables: the headline, computed from them, and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heedful.auditing.verdict import LEVELS
from heedful.runs.tables import Tables
from heedful.studies.remedies.columns import ACCURACY, COLUMNS, TAU
from heedful.studies.remedies.hypotheses import Bounds
from heedful.studies.remedies.trainings import PLAIN
from heedful.studies.verdicts import CONFIRMED, REFUTED, judge
from heedful.support import intervals

ALPHA = 0.05

Row = Mapping[str, Any]


def words(tables: Tables) -> dict[str, Any]:
    """Names for the template."""
    every = tables.rows("remedies.summary")
    return {
        "columns": COLUMNS,
        "levels": LEVELS,
        "level": intervals.LEVEL,
        "alpha": ALPHA,
        "plain": PLAIN,
        "data": list(dict.fromkeys(row["data"] for row in every)),
        "titles": {row["remedy"]: row["title"] for row in every},
        "headline": headline,
        "verdict": verdict_of,
        "gain_of": {(row["data"], row["remedy"], row["column"]): row for row in tables.rows("gains.summary")},
    }


def verdict_of(row: Row) -> str:
    """Return the audit's verdict on a row: one level if all trainings have it, else how many have each.

    Example:
        >>> verdict_of({"faithful": 0, "map": 2, "misleading": 3, "undecided": 0})
        'map 2, misleading 3'
    """
    there = {level: row[level] for level in LEVELS if row[level]}
    return next(iter(there)) if len(there) == 1 else ", ".join(f"{level} {n}" for level, n in there.items())


def headline(tables: Tables, bounds: Bounds) -> list[str]:
    """Return sentences: which training makes attention explain, by how much, at what price in accuracy.

    A training does on a data set if the whole interval of the rise of tau-b with the sizes of Shapley values over that
    of plain training lies at the bound or above, and its p after Holm is below 0.05. The first sentence sums up, then
    each data set has one, and the last is on the audit.
    """
    every = tables.rows("remedies.summary")
    data = list(dict.fromkeys(row["data"] for row in every))
    seeds, trainings = every[0]["seeds"], len({row["remedy"] for row in every}) - 1
    helping = {one: _helping(tables, one, bounds) for one in data}
    settled = {one: _refuted(tables, one, bounds) for one in data}
    some = [one for one in data if helping[one]]
    if some:
        first = _who(tables, helping, data)
    elif all(settled.values()):
        first = (
            f"None of the {trainings} trainings makes attention explain: none raises tau-b with the sizes of Shapley"
        )
        first += f" values by {bounds.gain:g} over plain training, on any of {_number(len(data), 'data set')}."
    else:
        by = _number(seeds, "seed")
        first = f"Whether any of the {trainings} trainings makes attention explain is not decided by {by}."
    return [first, *(_about(tables, one, helping[one], bounds, settled=settled[one]) for one in data), _audited(every)]


def _helping(tables: Tables, data: str, bounds: Bounds) -> list[Row]:
    """The gains of the remedies that help, the largest first."""
    gains = [
        row
        for row in tables.rows("gains.summary", data=data, column=TAU)
        if _judged(row, bounds) == CONFIRMED and row["p_holm"] is not None and row["p_holm"] < ALPHA
    ]
    return sorted(gains, key=lambda row: -float(row["gain"]))


def _refuted(tables: Tables, data: str, bounds: Bounds) -> bool:
    return all(_judged(row, bounds) == REFUTED for row in tables.rows("gains.summary", data=data, column=TAU))


def _judged(row: Row, bounds: Bounds) -> str:
    return judge(row["gain_low"], row["gain_high"], least=bounds.gain)


def _who(tables: Tables, helping: Mapping[str, Sequence[Row]], data: Sequence[str]) -> str:
    where: dict[str, list[str]] = {}
    for one, rows in helping.items():
        for row in rows:
            where.setdefault(row["remedy"], []).append(one)
    titles = {row["remedy"]: row["title"] for row in tables.rows("remedies.summary")}
    most = max(len(places) for places in where.values())
    widest = [remedy for remedy, places in where.items() if len(places) == most]
    parts = [
        f"{titles[name]} (on {'all of them' if len(where[name]) == len(data) else _listed(where[name])})"
        for name in widest
    ]
    rest = [titles[name] for name in where if name not in widest]
    more = f"; on fewer data sets: {_listed(rest)}" if rest else ""
    return (
        f"What makes attention order words more as the sizes of their Shapley values do, by {_range(helping)}"
        f" in tau-b, on {_number(len(data), 'data set')}: {_listed(parts)}{more}."
    )


def _range(helping: Mapping[str, Sequence[Row]]) -> str:
    """The least and the largest gain of all that help."""
    gains = [float(row["gain"]) for rows in helping.values() for row in rows]
    return f"{min(gains):.2f}" if len(gains) == 1 else f"{min(gains):.2f} to {max(gains):.2f}"


def _about(tables: Tables, data: str, helping: Sequence[Row], bounds: Bounds, *, settled: bool) -> str:
    if not helping:
        open_ones = [
            row["remedy"]
            for row in tables.rows("gains.summary", data=data, column=TAU)
            if _judged(row, bounds) != REFUTED
        ]
        titles = {row["remedy"]: row["title"] for row in tables.rows("remedies.summary")}
        seeds = tables.rows("remedies.summary", data=data)[0]["seeds"]
        if settled:
            return f"On {data} none does: no interval reaches a rise of {bounds.gain:g}."
        may = _listed([titles[name] for name in open_ones])
        return f"On {data} it is not decided by {_number(seeds, 'seed')}: {may} may."
    best = helping[0]
    row, plain = (tables.one("remedies.summary", data=data, remedy=name) for name in (best["remedy"], PLAIN))
    price = tables.one("gains.summary", data=data, remedy=best["remedy"], column=ACCURACY)
    setting = f" ({row['setting']})" if row["setting"] else ""
    exact = "" if row["exact"] else " (of sampled values)"
    return (
        f"On {data} the largest rise is by {row['title']}{setting}: tau-b{exact} {plain[TAU]:.2f} to {row[TAU]:.2f}, "
        f"by {best['gain']:.2f} [{best['gain_low']:.2f}, {best['gain_high']:.2f}]; accuracy changes by "
        f"{_points(price['gain'])} points{_interval(price)}."
    )


def _interval(row: Row) -> str:
    if row["gain_low"] is None:
        return ""
    return f" [{_points(row['gain_low'])}, {_points(row['gain_high'])}]"


def _audited(every: Sequence[Row]) -> str:
    total = sum(row["seeds"] for row in every)
    faithful = sum(row["faithful"] for row in every)
    if not faithful:
        return f"The audit's rule finds the attention of none of {total} classifiers faithful."
    titles = list(dict.fromkeys(f"{row['title']} on {row['data']}" for row in every if row["faithful"]))
    return f"The audit's rule finds attention faithful in {faithful} of {total} classifiers: {_listed(titles)}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
