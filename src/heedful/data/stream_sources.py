"""Sources of rows: one file each, opened as far as its columns are known, and read a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from heedful.data.arrow import class_names, named, pyarrow_for, record_batches
from heedful.data.columns import Columns, row_place
from heedful.data.encodings import load, without_line_end
from heedful.data.json_rows import json_document, json_lines, parsed
from heedful.data.row_query import RowQuery
from heedful.data.text_streams import TextFile, is_undecoded, on_disk
from heedful.errors import DataError, first_line

CHUNK = 256  # rows read at a time
LONGEST = 2**24  # characters of a line or field, at least
UNDECODED = "not UTF-8, or not the encoding that was given"


@dataclass(frozen=True)
class Chunk:
    """A few rows: values by role, the place of each row, and what is wrong with rows that have no values."""

    places: Sequence[str]
    values: Mapping[str, Sequence[Any]]
    broken: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """One file, or whatever else rows come from.

    Attributes:
        name: of the file, without its folder.
        columns: the name of the column behind each role; empty if there are no rows.
        chunks: gives the rows from the start.
        n_rows: where it is known.
        half: what half a surrogate pair in a text means here.
    """

    name: str
    columns: Mapping[str, str]
    chunks: Callable[[], Iterator[Chunk]]
    n_rows: int | None = None
    half: str | None = None


def parquet_rows(path: Path, query: RowQuery) -> Source:
    """Open a Parquet file, of which one row group after the other is read.

    Raises:
        DataError: it is damaged or has no such columns.
        MissingExtraError: pyarrow is not installed.
    """
    pa = pyarrow_for(path)

    def chunks() -> Iterator[Chunk]:
        try:
            with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
                names = list(dict.fromkeys(columns.values()))
                yield from _batch_chunks(file.iter_batches(CHUNK, columns=names), columns, classes)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a Parquet file, or a damaged one ({first_line(error)})") from None

    try:
        with pa.parquet.ParquetFile(path) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({first_line(error)})") from None
    columns, classes = _schema_columns(schema, path, query)
    return Source(path.name, columns, chunks, n_rows)


def arrow_rows(path: Path, query: RowQuery) -> Source:
    """Open an Arrow file, of which one record batch after the other is read.

    Raises:
        DataError: it is damaged or has no such columns.
        MissingExtraError: pyarrow is not installed.
    """
    pa = pyarrow_for(path)

    def chunks() -> Iterator[Chunk]:
        try:
            with path.open("rb") as file:
                _, batches = record_batches(file, path)
                small = (batch.slice(i, CHUNK) for batch in batches for i in range(0, len(batch), CHUNK))
                yield from _batch_chunks(small, columns, classes)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not an Arrow file, or a damaged one ({first_line(error)})") from None

    try:
        with path.open("rb") as file:
            schema, _ = record_batches(file, path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not an Arrow file, or a damaged one ({first_line(error)})") from None
    columns, classes = _schema_columns(schema, path, query)
    return Source(path.name, columns, chunks)


def _schema_columns(schema: Any, path: Path, query: RowQuery) -> tuple[dict[str, str], list[str] | None]:
    """The names of columns by role, and the names of classes where the file has them."""
    columns = {role: schema.names[i] for role, i in query.choose(schema.names, str(path)).items()}
    for name in columns.values():
        if (times := schema.names.count(name)) > 1:
            raise DataError(f"{path}: column {name!r} is there {times} times")
    classes = class_names(path, schema.metadata or {}, columns["label"]) if "label" in columns else None
    return columns, classes


def _batch_chunks(batches: Iterator[Any], columns: Mapping[str, str], classes: list[str] | None) -> Iterator[Chunk]:
    n = 0
    for batch in batches:
        broken: dict[int, str] = {}
        values = {role: _plain_values(batch.column(name), name, broken) for role, name in columns.items()}
        if classes is not None and "label_name" not in values:
            values["label_name"] = named(values["label"], classes)
        yield Chunk([row_place(i) for i in range(n, n + len(batch))], values, broken)
        n += len(batch)


def _plain_values(column: Any, name: str, broken: dict[int, str]) -> list[Any]:
    """The values of a column as objects of Python; a text that is not UTF-8 breaks its row only."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        values = []
        for i, value in enumerate(column):
            try:
                values.append(value.as_py())
            except UnicodeDecodeError:
                values.append(None)
                broken[i] = f"{name!r} is not UTF-8"
    return values


def json_line_rows(file: TextFile, query: RowQuery, path: Path | None = None) -> Source:
    """Open a file of one JSON object a line; a line that is none breaks its row only.

    A file that starts with an array is read whole, for which it must have a path.

    Raises:
        DataError: the file cannot be read, or has no such columns.
    """
    head, whole = file.head()
    if path is not None and head.text.lstrip().startswith("["):
        return whole_rows(partial(json_lines, path, query), path.name)
    ends = list(head.lines())
    first, problem = _first_rows(ends if whole else ends[:-1] or ends)
    if not first and problem is not None:
        raise DataError(f"{file.source}, {problem}")
    objects = [row for row in first if isinstance(row, dict)]
    if first and not objects:
        columns = {"text": "text"}
    else:
        present = list(dict.fromkeys(name for row in objects for name in row))
        columns = {role: present[i] for role, i in query.choose(present, file.source).items()} if first else {}
    longest = max(LONGEST, 2 * query.max_chars)
    chunks = _object_chunks if objects else _string_chunks
    return Source(Path(file.source).name, columns, lambda: chunks(_json_values(file, longest), columns))


def _first_rows(lines: Sequence[str]) -> tuple[list[Any], str | None]:
    """The values of lines that are JSON, and what is wrong with the first line that is not."""
    values: list[Any] = []
    problem = None
    for number, line in enumerate(lines, 1):
        if line.strip():
            value, reason = _json_value(line)
            if reason is None:
                values.append(value)
            else:
                problem = problem or f"line {number}: {reason}"
    return values, problem


def _json_value(line: str) -> tuple[Any, str | None]:
    if is_undecoded(line):
        return None, UNDECODED
    try:
        return parsed(line.strip(), ""), None
    except DataError as error:
        return None, str(error).removeprefix(": ")


def _json_values(file: TextFile, longest: int) -> Iterator[tuple[str, Any, str | None]]:
    """Every line that is not blank: its place, its value, and why it has none."""
    for number, line in enumerate(file.lines("any", longest), 1):
        if not line.isspace():
            yield f"line {number}", *_json_value(line)


def _object_chunks(rows: Iterator[tuple[str, Any, str | None]], columns: Mapping[str, str]) -> Iterator[Chunk]:
    while some := list(islice(rows, CHUNK)):
        objects = [value if isinstance(value, dict) else {} for _, value, _ in some]
        broken = {
            i: problem or "not a JSON object"
            for i, (_, value, problem) in enumerate(some)
            if problem is not None or not isinstance(value, dict)
        }
        values = {role: [row.get(name) for row in objects] for role, name in columns.items()}
        yield Chunk([place for place, _, _ in some], values, broken)


def _string_chunks(rows: Iterator[tuple[str, Any, str | None]], columns: Mapping[str, str]) -> Iterator[Chunk]:
    """Lines that are texts themselves."""
    del columns
    while some := list(islice(rows, CHUNK)):
        broken = {i: problem for i, (_, _, problem) in enumerate(some) if problem is not None}
        yield Chunk([place for place, _, _ in some], {"text": [value for _, value, _ in some]}, broken)


def json_file_rows(path: Path, query: RowQuery) -> Source:
    """Open a .json file: one object a line is read as a stream, any other document whole.

    Raises:
        DataError: it is not JSON, or holds no rows.
    """
    file = on_disk(path, query.encoding)
    head, _ = file.head()
    lines = [line for line in head.lines() if line.strip()]
    if len(lines) > 1 and lines[0].lstrip().startswith("{") and _json_value(lines[0])[1] is None:
        return json_line_rows(file, query)
    return whole_rows(partial(json_document, path, query), path.name)


def whole_rows(read: Callable[[], Columns], name: str) -> Source:
    """Return the rows of a file that is read whole, each time anew.

    Raises:
        DataError: it cannot be read.
    """

    def chunks() -> Iterator[Chunk]:
        rows = read()
        for start in range(0, len(rows.values["text"]), CHUNK):
            values = {role: every[start : start + CHUNK] for role, every in rows.values.items()}
            yield Chunk([rows.place(i) for i in range(start, start + len(values["text"]))], values)

    columns = read()
    n_rows = len(columns.values["text"])
    return Source(name, columns.names if n_rows else {}, chunks, n_rows)


def line_rows(file: TextFile, query: RowQuery) -> Source:
    """Open a text file of one text a line; blank lines count, but not those at the end."""

    def chunks() -> Iterator[Chunk]:
        some: list[tuple[int, str]] = []
        blank: list[tuple[int, str]] = []
        for number, line in enumerate(file.lines("any", max(LONGEST, 2 * query.max_chars)), 1):
            if line.isspace():
                blank.append((number, ""))
                continue
            some += [*blank, (number, without_line_end(line))]
            blank = []
            if len(some) >= CHUNK:
                yield chunk(some)
                some = []
        if some:
            yield chunk(some)

    def chunk(rows: list[tuple[int, str]]) -> Chunk:
        return Chunk([f"line {number}" for number, _ in rows], {"text": [text for _, text in rows]})

    return Source(Path(file.source).name, {"text": "text"}, chunks, half=UNDECODED)


def text_file_rows(folder: Path, files: Sequence[Path], query: RowQuery, *, classes: bool = False) -> Source:
    """Return a row for every text file; with `classes` its folder is its label."""

    def chunks() -> Iterator[Chunk]:
        for start in range(0, len(files), CHUNK):
            some = files[start : start + CHUNK]
            broken: dict[int, str] = {}
            texts = [_text(file, query.encoding, i, broken) for i, file in enumerate(some)]
            values = {"text": texts} | ({"label": [file.parent.name for file in some]} if classes else {})
            yield Chunk([str(file.relative_to(folder)) for file in some], values, broken)

    columns = {"text": "text of the file"} | ({"label": "folder"} if classes else {})
    return Source(folder.name, columns, chunks, len(files))


def _text(path: Path, encoding: str | None, i: int, broken: dict[int, str]) -> str:
    """The text of a file; one that cannot be read breaks its row only."""
    try:
        return without_line_end(load(path, encoding).whole()) if path.stat().st_size else ""
    except DataError as error:
        broken[i] = str(error).removeprefix(f"{path}, ").removeprefix(f"{path}: ")
    except OSError as error:
        broken[i] = f"cannot be read: {error.strerror or error}"
    return ""
