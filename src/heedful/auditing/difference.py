"""Two audits side by side: what a new version of a model changes, paired over the texts that both have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from heedful.auditing.result import ROWS, read
from heedful.auditing.tables import holm, paired
from heedful.errors import SettingError
from heedful.support import intervals

Row = dict[str, Any]
_SAME = ("output", "unit", "masking")  # of audits whose rows can be compared


@dataclass(frozen=True, eq=False)
class Difference:
    """What changes from one audit to another.

    Attributes:
        models: of the first and of the second.
        levels: of their verdicts.
        n_texts: texts that both have.
        cells: a row a metric and method that both have: metric, method, first and second (means), difference (second
            minus first, paired over texts) with difference_low and difference_high, n, and p, of a paired permutation
            test, adjusted after Holm over the methods of the metric.
    """

    models: tuple[str, str]
    levels: tuple[str, str]
    n_texts: int
    cells: Sequence[Row]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what is not a number is None."""
        cells = [
            {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
            for row in self.cells
        ]
        return {"models": list(self.models), "levels": list(self.levels), "n_texts": self.n_texts, "cells": cells}


def difference(first: str | Path, second: str | Path) -> Difference:
    """Compare two finished audits.

    Args:
        first: folder of an audit.
        second: of another, with texts and methods in common.

    Raises:
        SettingError: a folder holds no finished audit or no rows, or the two explain another output, unit or masking,
            or have no text or no metric in common.
    """
    folders = Path(first), Path(second)
    audits = [read(folder) for folder in folders]
    other = [name for name in _SAME if audits[0]["facts"][name] != audits[1]["facts"][name]]
    if other:
        raise SettingError(f"{first} and {second} differ in {' and '.join(other)}, so their scores are not comparable")
    tables = [_rows(folder) for folder in folders]
    rows = [{(row["text_hash"], row["method"]): row for row in table} for table in tables]
    shared = [key for key in rows[0] if key in rows[1]]
    metrics = [name for name in audits[0]["facts"]["metrics"] if name in audits[1]["facts"]["metrics"]]
    if not shared or not metrics:
        raise SettingError(f"{first} and {second} have no {'text and method' if not shared else 'metric'} in common")
    methods = list(dict.fromkeys(method for _, method in shared))
    cells: list[Row] = []
    for metric in metrics:
        part = [_cell(metric, method, [key for key in shared if key[1] == method], rows) for method in methods]
        for row, p in zip(part, holm([row["p"] for row in part]), strict=True):
            row["p"] = p
        cells += part
    models, levels = (
        tuple(audit["facts"]["model"] for audit in audits),
        tuple(audit["verdict"]["level"] for audit in audits),
    )
    return Difference(models, levels, len({text for text, _ in shared}), cells)


def _rows(folder: Path) -> list[Row]:
    try:
        rows: list[Row] = pq.read_table(folder / ROWS).to_pylist()
    except (OSError, pa.ArrowInvalid):
        raise SettingError(f"{folder} holds no {ROWS}, which is needed to compare text by text") from None
    return rows


def _cell(metric: str, method: str, keys: Sequence[tuple[str, str]], rows: Sequence[Mapping[Any, Row]]) -> Row:
    one, other = (np.array([_number(side[key][metric]) for key in keys]) for side in rows)
    pairs = other - one
    known = np.isfinite(pairs)
    estimate = intervals.mean(pairs)
    return {
        "metric": metric,
        "method": method,
        "first": float(one[known].mean()) if known.any() else float("nan"),
        "second": float(other[known].mean()) if known.any() else float("nan"),
        "difference": estimate.value,
        "difference_low": estimate.low,
        "difference_high": estimate.high,
        "n": estimate.n,
        "p": paired(pairs[known]),
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
