"""Readers of one file or folder: Parquet, CSV, JSON Lines, a folder of .txt files a class."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from heedful.data.columns import LISTS, Columns, Query, first_line, row_place
from heedful.errors import DataError


def columns_of(path: Path, query: Query) -> Columns:
    """Read a file by its suffix, or a folder of class folders."""
    if path.is_dir():
        return _class_folders(path, query)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix.lower() not in READERS:
        raise DataError(f"{path}: cannot tell the format from its name: use {', '.join(READERS)}")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    return READERS[path.suffix.lower()](path, query)


def _parquet(path: Path, query: Query) -> Columns:
    n = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            values: dict[str, list[Any]] = {name: [] for name in query.choose(file.schema_arrow.names, path)}
            for batch in file.iter_batches(4096, columns=list(values)):
                for name in values:
                    values[name] += batch.column(name)[: query.limit and query.limit - n].to_pylist()
                n += len(batch)
                if query.is_met(n):
                    break
    except UnicodeDecodeError:
        raise DataError(f"{path}, after row {n}: not UTF-8") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({first_line(error)})") from None
    return Columns(str(path), values, row_place)


def _csv(path: Path, query: Query) -> Columns:
    # Not pyarrow.csv: it takes a file cut off inside quotes for a whole one, its last text swallowing the rest.
    lines: list[int] = []
    with closing(_decoded(path)) as file, _long_fields():
        rows = csv.reader(file, strict=True)
        try:
            header = next(rows, [])
            values: dict[str, list[Any]] = {name: [] for name in query.choose(header, path) if name not in LISTS}
            at = {name: header.index(name) for name in values}
            while not query.is_met(len(lines)):
                start = rows.line_num + 1
                row = next(rows, None)
                if row is None:
                    if header[-1] == query.label and lines and not _ends_with_a_line(path):
                        _refuse_cut(path, lines[-1], values[query.label])
                    break
                if len(row) not in {0, len(header)}:
                    raise DataError(f"{path}, line {start}: {len(row)} fields where the header has {len(header)}")
                if row:
                    lines.append(start)
                    for name, j in at.items():
                        values[name].append(row[j])
        except csv.Error as error:
            raise DataError(f"{path}, line {rows.line_num}: not CSV ({error})") from None
    return Columns(str(path), values, lambda i: f"line {lines[i]}")


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() in {b"\n", b"\r"}


def _refuse_cut(path: Path, line: int, labels: list[str]) -> None:
    """Refuse a last label that only starts like others: it would be a class of its own."""
    *others, last = labels
    if last not in others and any(n > 1 and other.startswith(last) for other, n in Counter(others).items()):
        what = f"no other row has the label {last!r}, and the line has no end"
        raise DataError(f"{path}, line {line}: {what}: the file looks cut off; if it is whole, end the line")


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, and put it back."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _decoded(path: Path) -> Generator[str, None, None]:
    """The lines of a UTF-8 file, without a byte order mark; to be closed by readers that may stop early."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError(f"{path}, line {number}: not UTF-8") from None
            yield line


def _json_lines(path: Path, query: Query) -> Columns:
    present: dict[str, None] = {}
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    with closing(_decoded(path)) as file:
        for number, line in enumerate(file, 1):
            if query.is_met(len(rows)):
                break
            if line.strip():
                row = _json_object(line, f"{path}, line {number}")
                present |= dict.fromkeys(row)
                rows.append(row)
                lines.append(number)
    values = (
        {name: [row.get(name) for row in rows] for name in query.choose(present, path)} if rows else {query.text: []}
    )
    return Columns(str(path), values, lambda i: f"line {lines[i]}")


def _json_object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line.rstrip(), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON ({error.msg.removesuffix(' at')} at character {error.pos + 1})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON to read ({error})") from None
    if not isinstance(row, dict):
        raise DataError(f"{place}: not a JSON object")
    return row


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _class_folders(path: Path, query: Query) -> Columns:
    entries = sorted(path.iterdir())
    folders = [p for p in entries if p.is_dir() and p.name != "unsup" and not p.name.startswith(".")]
    found = {folder.name: sorted(folder.glob("*.txt")) for folder in folders}
    if not any(found.values()):
        files = ", ".join(p.name for p in entries if p.suffix.lower() in READERS)
        hint = f"; it holds {files}: name the file" if files else ""
        raise DataError(f"{path}: nothing to read, as it has no folders of .txt files, one a class{hint}")
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise DataError(f"{path}: no .txt file in {', '.join(empty)}")
    turns = sorted((turn, name, file) for name, files in found.items() for turn, file in enumerate(files))
    turns = turns[: query.limit]
    texts = ["".join(_decoded(file)) for _, _, file in turns]
    labels = [name for _, name, _ in turns]
    return Columns(str(path), {query.text: texts, query.label: labels}, lambda i: str(turns[i][2].relative_to(path)))


READERS: dict[str, Callable[[Path, Query], Columns]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json-lines": _json_lines,
}

SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
