"""Rows as a stream; Parquet files only so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    place: str
    id: str
    text: str | tuple[str, str] | None
    label: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class RowColumns:
    text: str | int | None = None
    text_pair: str | int | None = None
    label: str | int | None = None
    id: str | int | None = None


@dataclass(frozen=True)
class RowStream:
    name: str
    files: tuple[Path, ...]
    n_rows: int | None

    def identity(self) -> dict[str, Any]:
        return {"files": [[p.name, p.stat().st_size] for p in self.files]}

    def batches(self, size: int = 1024) -> Iterator[list[Row]]:
        n = 0
        for p in self.files:
            for b in pq.ParquetFile(p).iter_batches(size, columns=["text", "label_name"]):
                rows = []
                for t, l in zip(b["text"].to_pylist(), b["label_name"].to_pylist()):
                    rows.append(Row(n, f"row {n + 1}", str(n), t, l))
                    n += 1
                yield rows


def stream_rows(source, *, columns=None, encoding=None, max_chars=1_000_000):
    p = Path(source)
    return RowStream(str(p), (p,), pq.ParquetFile(p).metadata.num_rows)
