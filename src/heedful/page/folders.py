"""Audits and corpora given at start, for browsing: folders come from the command line alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful.corpus import Corpus
from heedful.errors import SettingError
from heedful.methods.registry import REGISTRY
from heedful.support.names import shown
from heedful.support.visible import shortened, visible

if TYPE_CHECKING:
    from heedful.auditing.result import Audit

PAGE = 25  # rows at once
_TEXT = 2_000  # characters of a text in a list
Json = dict[str, Any]


def named(folders: Sequence[Path]) -> dict[str, Path]:
    """Name folders by their last part, numbered where several share one.

    Example:
        >>> list(named([Path("a/x"), Path("b/x"), Path("y")]))
        ['x', 'x (2)', 'y']
    """
    by_name: dict[str, Path] = {}
    for folder in folders:
        name, n = folder.resolve().name or "folder", 1
        while (label := name if n == 1 else f"{name} ({n})") in by_name:
            n += 1
        by_name[label] = folder
    return by_name


def corpora(given: Sequence[Path]) -> dict[str, Searched]:
    """Read corpora, by name; raises as `Searched`."""
    return {name: Searched(folder) for name, folder in named(given).items()}


def pick(given: Any, among: Mapping[str, Any], kind: str) -> Any:
    """Return the folder of a name; raises SettingError if none of that name was given at start."""
    if not isinstance(given, str) or given not in among:
        raise SettingError(f"there is no {kind} {shown(given)} here")
    return among[given]


def rebuilt(units: Sequence[str], spans: Sequence[Sequence[Any]]) -> str:
    """Return the words of a text at their places, with spaces for what is not kept: punctuation, and cut parts.

    Example:
        >>> rebuilt(["A", "gem"], [[(0, 1)], [(3, 6), (8, 11)]])
        'A  gem  gem'
    """
    placed = sorted((int(start), unit) for unit, places in zip(units, spans, strict=True) for start, _ in places)
    text, at = list[str](), 0
    for start, unit in placed:
        if start < at:
            continue  # of units that overlap, the first
        text += [" " * (start - at), unit]
        at = start + len(unit)
    return "".join(text)


def audit_overview(audit: Audit) -> Json:
    """What was audited, the verdict, and a table a metric."""
    content = audit.to_dict()
    facts = content["facts"]
    return {
        "facts": {name: facts.get(name) for name in ("model", "n_audited", "unit", "masking", "output", "effects")},
        "made_with": made_with(facts),
        "level": content["verdict"]["level"],
        "sentences": [visible(one) for one in content["verdict"]["sentences"]],
        "metrics": list(facts["metrics"]),
        "methods": list(dict.fromkeys(row["method"] for row in content["cells"])),
        "cells": [
            {name: row.get(name) for name in ("metric", "method", "value", "value_low", "value_high", "n")}
            for row in content["cells"]
        ],
        "directions": {name: card["direction"] for name, card in content["metric_cards"].items()},
    }


def made_with(facts: Mapping[str, Any]) -> Json:
    """With which model and settings explanations of a folder were made, for the page to say and to open texts with."""
    given = {name: facts.get(name) for name in ("model", "unit", "output", "masking")}
    return {name: None if value is None else shortened(str(value), 200) for name, value in given.items()}


def audit_texts(audit: Audit, *, metric: str, method: str, offset: int, ascending: bool) -> Json:
    """A page of an audit's texts, sorted by what one metric says of one method on each."""
    facts = audit.content["facts"]
    rows = [row for row in audit.rows if row["method"] == method]
    if not rows or metric not in facts["metrics"] or metric not in rows[0]:
        raise SettingError(f"this audit has no {shown(metric)} of {shown(method)}")
    known = [row for row in rows if row[metric] is not None and row[metric] == row[metric]]
    known.sort(key=lambda row: (row[metric], row["index"]), reverse=not ascending)
    whole = {row["place"]: row["text"] for row in audit.content["examples"]}
    return {
        "total": len(known),
        "offset": offset,
        "rows": [_audited(row, metric, whole) for row in known[offset : offset + PAGE]],
        "made_with": made_with(facts),
        "page": PAGE,
    }


def _audited(row: Json, metric: str, texts: dict[str, str]) -> Json:
    kept = texts.get(row["place"])
    return {
        "place": visible(str(row["place"])),
        "label": row["label"],
        "predicted": row["predicted"],
        "probability": row["probability"],
        "correct": row["correct"],
        "value": row[metric],
        "units": [shortened(unit, 100) for unit in row["units"]],
        "scores": row["scores"],
        "signed": row["signed"],
        "text": kept,
        "whole": kept is not None and not kept.endswith(" ..."),
    }


class Searched:
    """A corpus that can be searched and sorted, by DuckDB over its files.

    Args:
        folder: of `heedful corpus --out`.

    Raises:
        DataError: it is no such folder.
        SettingError: it has no rows yet.
    """

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.corpus = Corpus.read(folder)
        if not self.corpus.files:
            raise SettingError(f"{folder} has no rows yet")
        self._duckdb, self._files = duckdb, [_literal(path.resolve()) for path in self.corpus.files]

    def overview(self) -> Json:
        """What the corpus holds."""
        facts = self.corpus.facts
        return {
            "rows": facts["n_rows"],
            "explained": facts["n_explained"],
            "methods": list(facts["methods"]),
            "signed": {name: self._signed(name) for name in facts["methods"]},
            "predicted": facts["predicted"],
            "finished": facts["finished"],
            "model": shortened(str(facts.get("model", "")), 200),
            "made_with": made_with(facts),
        }

    def _signed(self, method: str) -> bool:
        """Whether scores in a column have signs; of a method that is not known here, they may."""
        card = REGISTRY.card_of(str(self.corpus.facts["methods"][method]["method"]))
        return card is None or card.signed

    def rows(self, *, word: str, first: str, second: str | None, order: str, offset: int) -> Json:
        """A page of rows.

        Args:
            word: that every text has; empty for all texts.
            first: the method whose scores are shown, by the name of its columns.
            second: the method that it is compared with, likewise; None for none.
            order: "row", "disagreement" (1 less the cosine of both methods' scores, of absolute ones where one of them
                has no signs), or "probability".
            offset: rows before the page.

        Raises:
            SettingError: a method or order that there is not.
        """
        methods = list(self.corpus.facts["methods"])
        for method in (first, *([] if second is None else [second])):
            pick(method, dict.fromkeys(methods, True), "method")
        a, b = _column(first), _column(second or first)
        orders = {
            "row": "row",
            "disagreement": "disagreement DESC NULLS LAST, row",
            "probability": "probability ASC NULLS LAST, row",
        }
        if order not in orders:
            raise SettingError(f"sort by {', '.join(orders)}, not by {shown(order)}")
        where = "error IS NULL AND units IS NOT NULL"
        values: list[Any] = [self._files]
        if word.strip():
            where += " AND list_contains(list_transform(units, lambda unit: lower(unit)), lower(?))"
            values.append(word.strip())
        signs = self._signed(first) and self._signed(second or first)
        shape = "{}" if signs else "list_transform({}, lambda score: abs(score))"
        disagreement = f"1 - list_cosine_similarity({shape.format(a)}, {shape.format(b)})"
        connection = self._duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
        try:
            query = f"FROM read_parquet(?, hive_partitioning = false) WHERE {where}"
            total = connection.execute(f"SELECT count(*) {query}", values).fetchone()[0]
            answered = connection.execute(
                f"SELECT row, id, label, predicted, probability, target, units, spans, {a} AS first, {b} AS second, "
                f"{disagreement} AS disagreement {query} ORDER BY {orders[order]} LIMIT {PAGE} OFFSET ?",
                [*values, offset],
            )
            names = [column[0] for column in answered.description]
            found = [dict(zip(names, row, strict=True)) for row in answered.fetchall()]
        finally:
            connection.close()
        return {
            "total": total,
            "offset": offset,
            "page": PAGE,
            "rows": [_searched(row, second) for row in found],
            "made_with": made_with(self.corpus.facts),
        }


def _literal(path: Path) -> str:
    """A path as DuckDB reads it, for which some signs stand for others."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path))


def _column(method: str) -> str:
    """The quoted name of a method's scores."""
    name = f"{method}_scores".replace('"', '""')
    return f'"{name}"'


def _searched(row: Json, second: str | None) -> Json:
    spans = [[(place["start"], place["end"]) for place in places] for places in row["spans"]]
    return {
        "row": row["row"],
        "id": visible(str(row["id"]))[:100],
        "label": row["label"],
        "predicted": row["predicted"],
        "probability": row["probability"],
        "target": row["target"],
        "disagreement": None if second is None else row["disagreement"],
        "text": rebuilt(row["units"], spans)[:_TEXT],
        "units": [shortened(unit, 100) for unit in row["units"]],
        "first": row["first"],
        "second": None if second is None else row["second"],
    }
