"""JSON: one object a line, or one document that holds the rows in any of the usual layouts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from heedful.data.columns import Columns, Query, row_place
from heedful.data.encodings import Content, load
from heedful.errors import DataError
from heedful.support.visible import visible

_HEADER = "the columns"  # the place of a row that is the header beyond doubt
Rows = list[tuple[str, Any]]  # each with its place in words


def json_lines(path: Path, query: Query) -> Columns:
    """Read a file of one JSON object a line; or of one array.

    Raises:
        DataError: a line is not a JSON object, or no line is there.
    """
    content = load(path, query.encoding)
    if content.wrong is None and content.text.lstrip().startswith("["):
        try:
            document = parsed(content.text, content.source)
        except DataError:
            pass  # then an error in one line says more
        else:
            return _document(document, content.source, query)
    return _lines(content, query)


def object_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the object on every line of a file, with its place; lines of white space are passed over.

    Raises:
        DataError: the file cannot be read, or a line is not a JSON object.
    """
    content = load(path, None)
    for number, line in enumerate(content.lines(), 1):
        if line.strip():
            row = parsed(line.rstrip(), f"{content.source}, line {number}")
            if not isinstance(row, dict):
                raise DataError(f"{content.source}, line {number}: not a JSON object")
            yield f"line {number}", row


def json_document(path: Path, query: Query) -> Columns:
    """Read a JSON document, or a file of one JSON object a line.

    The document is an array of objects; or an object that holds one under `data` or `rows`, or alone; or columns, each
    a list or an object with a value a row; or an object a row: what pandas, the hub and most programs write.

    Raises:
        DataError: it is not JSON, or holds no rows.
    """
    content = load(path, query.encoding)
    try:
        document = parsed(content.whole().strip(), content.source)
    except DataError as error:
        first, *others = [line for line in re.split(r"[\r\n]+", content.text) if line.strip()] or [""]
        if others and first.lstrip()[:1] in {"{", "["} and first.rstrip()[-1:] in {"}", "]"}:
            return _lines(content, query)
        raise error from None
    return _document(document, content.source, query)


def _lines(content: Content, query: Query) -> Columns:
    rows: Rows = []
    for number, line in enumerate(content.lines(), 1):
        if line.strip():
            place = f"line {number}"
            rows.append((place, parsed(line.rstrip(), f"{content.source}, {place}")))
        if query.is_met(len(rows)):
            break
    return _columns(rows, content.source, query)


def parsed(text: str, place: str) -> Any:
    """Return the value that a JSON text holds.

    Raises:
        DataError: it is not JSON, or an object in it has a key twice; the message begins with `place`.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        at = f"character {error.pos + 1}" if "\n" not in text else f"line {error.lineno}, character {error.colno}"
        raise DataError(f"{place}: not JSON ({error.msg.removesuffix(' at')} at {at})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON to read ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


def _document(document: Any, source: str, query: Query) -> Columns:
    return _columns(_rows(document, source, query), source, query)


def _rows(document: Any, source: str, query: Query) -> Rows:
    """The rows of a document, by its layout."""
    if isinstance(document, list):
        return _numbered(document)
    if not isinstance(document, dict):
        raise DataError(f"{source}: holds no rows: use an array of objects, or one object a line")
    values = list(document.values())
    for name in ("data", "rows"):
        inner = document.get(name)
        if isinstance(inner, list) and all(isinstance(row, (dict, list)) for row in inner):
            return _inner(inner, document.get("columns"))
    if values and all(isinstance(value, list) and value and isinstance(value[0], dict) for value in values):
        if len(values) == 1:
            return _inner(values[0], None)
        parts = ", ".join(visible(name) for name in list(document)[:3])
        raise DataError(f"{source}: rows in several parts ({parts}): put each part into a file of its own")
    if values and all(isinstance(value, list) for value in values):
        return _from_columns(document, [range(len(value)) for value in values], source)
    if values and all(isinstance(value, dict) for value in values):
        return _from_columns(document, values, source) if query.fits(list(document), source) else _numbered(values)
    return _numbered([document])


def _inner(rows: list[Any], names: Any) -> Rows:
    """Rows that an object holds: as pandas splits them from their names, as the hub's viewer wraps them, or plain."""
    if isinstance(names, list):
        return [(_HEADER, names), *_numbered(rows)]
    wrapped = all(isinstance(row, dict) and isinstance(row.get("row"), dict) for row in rows)
    return _numbered([row["row"] for row in rows] if wrapped else rows)


def _numbered(rows: Iterable[Any]) -> Rows:
    return [(row_place(i), row) for i, row in enumerate(rows)]


def _from_columns(columns: Mapping[str, Any], keys: Sequence[Collection[Any]], source: str) -> Rows:
    different = [name for name, one in zip(columns, keys, strict=True) if set(one) != set(keys[0])]
    if different:
        raise DataError(f"{source}: the columns {next(iter(columns))!r} and {different[0]!r} have not the same rows")
    return _numbered({name: column[key] for name, column in columns.items()} for key in keys[0])


def _columns(rows: Rows, source: str, query: Query) -> Columns:
    if rows and all(isinstance(row, list) for _, row in rows):
        rows = _by_header(rows, source, query)
    rows = rows[: query.limit]
    place: Callable[[int], str] = lambda i: rows[i][0]  # noqa: E731
    if not rows:
        return Columns(source, {"text": []}, place, {})
    if not query.labelled and not any(isinstance(row, (dict, list)) for _, row in rows):
        return Columns(source, {"text": [row for _, row in rows]}, place, {"text": "text"})
    present: dict[str, None] = {}
    for where, row in rows:
        if not isinstance(row, dict):
            raise DataError(f"{source}, {where}: not a JSON object")
        present |= dict.fromkeys(row)
    names = list(present)
    chosen = {role: names[i] for role, i in query.choose(names, source).items()}
    return Columns(source, {role: [row.get(name) for _, row in rows] for role, name in chosen.items()}, place, chosen)


def _by_header(rows: Rows, source: str, query: Query) -> Rows:
    """Rows that are arrays, named by the first, or numbered if the columns are asked for by number."""
    first, header = rows[0][0], [str(name) for name in rows[0][1]]
    for where, row in rows:
        if len(row) != len(header):
            raise DataError(f"{source}, {where}: {len(row)} values where the first row has {len(header)}")
    if query.by_number and first != _HEADER and not query.is_header(header, source):
        return [(where, dict(zip(map(str, range(len(row))), row, strict=True))) for where, row in rows]
    query.choose(header, source)  # refuses a name that is there twice
    return [(where, dict(zip(header, row, strict=True))) for where, row in rows[1:]]
