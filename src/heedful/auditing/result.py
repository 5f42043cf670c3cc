"""Audit: what was measured, and the verdict."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful.auditing import choice as choosing
from heedful.auditing import summaries, tables
from heedful.auditing.explanations import FOLDER, Explanations, joined
from heedful.auditing.figures import PerText, TextFigures
from heedful.auditing.rows import SCORED
from heedful.auditing.verdict import judge
from heedful.errors import MissingExtraError, SettingError
from heedful.support.files import open_whole, write_whole
from heedful.support.names import choose

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
REPORT, ROWS, TRIAL = "audit.json", "rows.parquet", "trial.parquet"
_FIGURES = [field.name for field in fields(TextFigures)]


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of an audit.

    Attributes:
        content: all that `audit.json` holds, by name. facts: what was audited. verdict: level ("faithful", "map",
            "misleading" or "undecided"), sentences, figures with intervals, rule. cells: a row a metric and method, of
            `heedful.auditing.tables.cells`. costs: a row a method. as_good, choice: of `heedful.auditing.choice`.
            curves, agreement, examples, extremes, missing, accuracy: of `heedful.auditing.summaries`. checks: by name,
            of `heedful.auditing.checks`. refused: methods that cannot answer, and why. problems: what is wrong with
            texts, and the places of these.
        rows: a row a text and method.
        trial: a row a text; see `heedful.auditing.trial.tried`.
        explanations: the explanations as rows of a corpus; None where there are none, as of a folder of long ago.
    """

    content: Mapping[str, Any]
    rows: Sequence[Row]
    trial: Sequence[Row]
    explanations: Explanations | None = None

    @classmethod
    def of(
        cls, facts: Mapping[str, Any], rows: Sequence[Row], trial: Sequence[Row], texts: Sequence[Any], **known: Any
    ) -> Audit:
        """Make tables, summaries and the verdict of what was measured.

        Args:
            facts: what was audited.
            rows: of `heedful.auditing.rows.measured`.
            trial: of `heedful.auditing.trial.tried`.
            texts: the texts, by the index in the rows.
            **known: metric_cards (direction and source of each metric, by name), refused, problems, checks and price.
        """
        metrics = [*facts["metrics"]]
        directions = {name: card["direction"] for name, card in known["metric_cards"].items()}
        cells, costs = tables.cells(rows, metrics, int(facts["seed"])), tables.costs(rows)
        as_good = choosing.equivalence(cells, rows, directions)
        chosen = choosing.choice(cells, costs, as_good, directions)
        told = {row["index"]: row for row in (*trial, *rows)}
        shown = {
            text.index: {"text": text.text} | {name: told[text.index][name] for name in _TOLD}
            for text in texts
            if text.index in told
        }
        counts = {"n_audited": len(told), "n_cut": sum(bool(row["cut"]) for row in told.values())}
        tried = [{**row, "method": "verdict", "notes": []} for row in trial]
        content = {
            "facts": {**facts, **counts, "effects": _effects(trial)},
            "verdict": _verdict(trial),
            "cells": cells,
            "costs": costs,
            "as_good": as_good,
            "choice": chosen,
            "choice_sentences": choosing.sentences(chosen, cells, costs),
            "curves": summaries.curves(rows),
            "agreement": summaries.agreement(rows),
            "examples": summaries.examples(trial, shown),
            "extremes": summaries.extremes(rows, metrics),
            "missing": summaries.missing([*rows, *tried], metrics),
            "accuracy": summaries.accuracy([*told.values()]),
        }
        return cls(content | known, rows, trial)

    @classmethod
    def read(cls, folder: str | Path) -> Audit:
        """Read a finished audit.

        Raises:
            SettingError: there is none.
            MissingExtraError: pyarrow is not installed.
        """
        path = Path(folder)
        content = read(path)
        parquet = _pyarrow().parquet
        rows, trial = (parquet.read_table(path / name).to_pylist() for name in (ROWS, TRIAL))
        if not (path / FOLDER).is_dir():  # of a format in which scores stand in the rows
            return cls(content, rows, trial)
        explanations = Explanations.read(path / FOLDER)
        return cls(content, joined(rows, explanations, content["facts"]), trial, explanations)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was audited: model, texts, methods and metrics with their settings, versions, seed."""
        facts: Mapping[str, Any] = self.content["facts"]
        return facts

    @property
    def verdict(self) -> Mapping[str, Any]:
        """Level, sentences, figures and rule."""
        verdict: Mapping[str, Any] = self.content["verdict"]
        return verdict

    @property
    def cells(self) -> Sequence[Row]:
        """A row a metric and method."""
        cells: Sequence[Row] = self.content["cells"]
        return cells

    @property
    def refused(self) -> Mapping[str, str]:
        """Methods that cannot answer on this model, and why."""
        refused: Mapping[str, str] = self.content["refused"]
        return refused

    @property
    def problems(self) -> Mapping[str, Sequence[str]]:
        """What is wrong with texts, and the places of these."""
        problems: Mapping[str, Sequence[str]] = self.content["problems"]
        return problems

    def table(self, metric: str) -> list[Row]:
        """Return the rows of one metric, a method each, in the order of the methods.

        Raises:
            SettingError: it was not measured.
        """
        names = list(dict.fromkeys(row["metric"] for row in self.cells))
        name = choose(metric, names, "metric of this audit")
        return [row for row in self.cells if row["metric"] == name]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the rows as plain JSON types; what is not a number is None."""
        plain: dict[str, Any] = _plain(self.content)
        return plain

    def to_json(self, indent: int | None = None) -> str:
        """Return JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    def to_frame(self) -> pd.DataFrame:
        """Return the cells, a row a metric and method. Needs pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingExtraError("pandas", "frame", "tables as frames") from None
        return pandas.DataFrame(list(self.cells))

    def to_html(self) -> str:
        """Return the report as one self-contained page."""
        from heedful.auditing.report import write  # late: matplotlib comes here

        with tempfile.TemporaryDirectory() as folder:
            return write(self.to_dict(), Path(folder)).read_text("utf-8")

    def save(self, folder: str | Path) -> Path:
        """Write `audit.json`, rows and explanations as Parquet, figures, the report; the path of `report.html`.

        Raises:
            InputError: the folder cannot be written.
            MissingExtraError: pyarrow, matplotlib or markdown-it-py is not installed.
        """
        from heedful.auditing.report import write  # late: matplotlib comes here

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        pyarrow = _pyarrow()
        rows = self.rows
        if self.explanations is not None:
            self.explanations.write(path / FOLDER)
            rows = [{key: value for key, value in row.items() if key not in SCORED} for row in rows]
        for name, some in ((ROWS, rows), (TRIAL, self.trial)):
            table = pyarrow.Table.from_pylist([_plain(row) for row in some])  # null, which sorts as missing, for NaN
            with open_whole(path / name) as file:
                pyarrow.parquet.write_table(table, file)
        report = write(self.to_dict(), path)
        write_whole(path / REPORT, self.to_json(indent=1) + "\n")
        return report


_TOLD = ("label", "predicted", "probability")


def read(folder: Path) -> dict[str, Any]:
    """Read `audit.json` of a finished audit.

    Raises:
        SettingError: there is none.
    """
    try:
        content: dict[str, Any] = json.loads((folder / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        raise SettingError(f"{folder} holds no finished audit: give a folder of `heedful audit --out`") from None
    return content


def _verdict(trial: Sequence[Row]) -> dict[str, Any]:
    """The verdict on the texts that have attention and effects; where none has, the reason in place of sentences."""
    verdict = judge(PerText.gather(TextFigures(**{name: row[name] for name in _FIGURES}) for row in trial)).to_dict()
    errors = Counter(row["error"] for row in trial if row["error"] is not None)
    if trial and errors.total() == len(trial):
        verdict["sentences"] = [f"There is no verdict on attention: {errors.most_common(1)[0][0]}."]
    return verdict


def _effects(trial: Sequence[Row]) -> str | None:
    """Whether the effects are "exact" or "sampled"; None where there are none."""
    exact = [row["exact"] for row in trial if row["error"] is None]
    return None if not exact else "exact" if all(exact) else "sampled"


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "audit", "keeping the rows of an audit") from None
    return pyarrow


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
