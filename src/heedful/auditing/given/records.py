"""Records: the scores that another tool gave one text, and how they are read from Parquet and JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.data.arrow import table_rows
from heedful.data.columns import row_place
from heedful.data.json_rows import object_lines
from heedful.errors import DataError
from heedful.support.names import shown
from heedful.text.spans import Spans

# Columns by what they hold; a file may use any one of the names.
_NAMES = {
    "text": ("text", "sentence"),
    "row": ("row", "id"),
    "units": ("units", "tokens", "words", "elements"),
    "scores": ("scores", "attributions", "values"),
    "spans": ("spans", "offsets"),
    "target": ("target", "class"),
    "method": ("method",),
}
_SUFFIXES = (".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True, eq=False)
class Record:
    """What a tool gave one text.

    Attributes:
        place: where it comes from, for messages.
        units: pieces of the text as the tool writes them: words, or tokens with the marks of its tokenizer.
        scores: one score a piece.
        text: the text; None where only its number is known.
        row: number of the text among those given, from 0.
        target: names or indices of the explained class, any of which may be the classifier's; none: not said.
        spans: places of each piece in the text, where the tool says so.
        sparse: True if words without a score have none because the tool chose so, as LIME with few features does.
        problem: why the scores cannot be used, where they cannot: then this text alone is refused.
    """

    place: str
    units: tuple[str, ...]
    scores: Float64[np.ndarray, " units"]
    text: str | None = None
    row: int | None = None
    target: tuple[str | int, ...] = ()
    spans: Spans | None = None
    sparse: bool = False
    problem: str | None = None


def made(place: str, units: object, scores: object, **others: Any) -> Record:
    """Make a record of what should be strings and as many numbers.

    Scores that are missing or not finite are a problem of this record alone.

    Raises:
        DataError: they are not.
    """
    strings = list(units) if isinstance(units, (list, tuple, np.ndarray)) else None
    if strings is None or not strings or not all(isinstance(unit, str) for unit in strings):
        raise DataError(f"{place}: units must be a list of strings, got {shown(units)}")
    if scores is None:
        none = np.full(len(strings), np.nan)
        return Record(place, tuple(map(str, strings)), none, **others, problem=f"{place}: there are no scores")
    try:
        array = np.asarray(scores, dtype=np.float64)
        plain = not isinstance(scores, (str, bytes)) and not (
            isinstance(scores, (list, tuple)) and any(isinstance(one, (bool, str)) for one in scores)
        )
    except (TypeError, ValueError, OverflowError):
        plain, array = False, np.zeros(0)
    if not plain or array.ndim != 1:
        raise DataError(f"{place}: scores must be a list of numbers, got {shown(scores)}")
    if len(array) != len(strings):
        raise DataError(f"{place}: {len(strings)} units, but {len(array)} scores")
    problem = None
    if not np.isfinite(array).all():
        problem = f"{place}: the score of {shown(strings[int(np.argmin(np.isfinite(array)))])} is not finite"
    return Record(place, tuple(str(unit) for unit in strings), array, **others, problem=problem)


def read_records(
    path: str | Path, method: str | None = None, n_texts: int | None = None
) -> tuple[list[Record], str | None]:
    """Read the records of a file, and the name of the method that made them, if it says so.

    Args:
        path: a Parquet file, or JSON Lines, with the columns units and scores, text or row (the number of the text,
            from 0), and maybe spans, target and method. A column id is taken for row if its values are such numbers
            wherever there is no text.
        method: which method's rows to read where there are several.
        n_texts: how many texts there are; None: not known.

    Raises:
        DataError: the file cannot be read, or a row does not hold units with as many scores.
        MissingExtraError: pyarrow is not installed, and the file is Parquet.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(f"{path}: scores are read from {', '.join(_SUFFIXES)}, by the file's suffix")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path}: no rows")
    columns = _columns(list(dict.fromkeys(name for _, row in rows for name in row)), path)
    chosen, name = _of_method(rows, columns, path, method)
    if columns.get("row") == "id" and not _are_rows(chosen, columns.get("text"), n_texts):
        del columns["row"]
    return [_record(place, row, columns) for place, row in chosen], name


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix.lower() == ".parquet":
        wanted = [name for names in _NAMES.values() for name in names]
        for i, row in enumerate(table_rows(path, wanted)):
            yield f"{path}, {row_place(i)}", row
    else:
        for place, row in object_lines(path):
            yield f"{path}, {place}", row


def _columns(present: Sequence[str], path: Path) -> dict[str, str]:
    """The names of the columns by what they hold."""
    columns: dict[str, str] = {}
    for role, names in _NAMES.items():
        there = [name for name in names if name in present]
        if role == "row":
            there = there[:1]  # an id beside it is something else
        if len(there) > 1:
            raise DataError(f"{path}: which column holds the {role}, {' or '.join(there)}? Leave one of them out")
        if there:
            columns[role] = there[0]
    for role in ("units", "scores"):
        if role not in columns:
            listed = ", ".join(shown(name) for name in present[:10]) or "none"
            raise DataError(f"{path}: no column {role}; the columns are: {listed}")
    return columns


def _of_method(
    rows: list[tuple[str, Mapping[str, Any]]], columns: Mapping[str, str], path: Path, method: str | None
) -> tuple[list[tuple[str, Mapping[str, Any]]], str | None]:
    """The rows of one method, and its name."""
    named = [str(row.get(columns["method"])) if "method" in columns else None for _, row in rows]
    there = list(dict.fromkeys(name for name in named if name is not None))
    listed = ", ".join(shown(name) for name in there[:10])
    if method is None and len(there) > 1:
        raise DataError(f"{path}: scores of {len(there)} methods: choose one with method=, of {listed}")
    if method is not None and method not in there:
        raise DataError(f"{path}: no scores of method {shown(method)}; there are: {listed or 'none with a name'}")
    wanted = method if method is not None else next(iter(there), None)
    return [row for row, name in zip(rows, named, strict=True) if name == wanted], wanted


def _are_rows(rows: list[tuple[str, Mapping[str, Any]]], text: str | None, n_texts: int | None) -> bool:
    """Whether all ids of rows without a text are numbers of texts."""
    ids = [row.get("id") for _, row in rows if text is None or row.get(text) is None]
    return all(type(one) is int and one >= 0 and (n_texts is None or one < n_texts) for one in ids)


def _record(place: str, row: Mapping[str, Any], columns: Mapping[str, str]) -> Record:
    given = {role: row.get(name) for role, name in columns.items()}
    text, number, target = given.get("text"), given.get("row"), given.get("target")
    if text is not None and not isinstance(text, str):
        raise DataError(f"{place}: text must be a string, got {shown(text)}")
    if text is None and number is not None and (type(number) is not int or number < 0):
        raise DataError(f"{place}: row must be the number of a text, from 0, got {shown(number)}")
    if target is not None and type(target) not in {str, int}:
        raise DataError(f"{place}: target must be a class's name or index, got {shown(target)}")
    units = given["units"]
    spans = None if given.get("spans") is None else _spans(place, given["spans"], units)
    return made(
        place,
        units,
        given["scores"],
        text=text,
        row=number if text is None else None,
        target=() if target is None else (target,),
        spans=spans,
    )


def _spans(place: str, given: object, units: object) -> Spans:
    """Places of every unit: a pair of characters, or a list of pairs."""
    each = given if isinstance(given, list) else []
    spans = []
    for one in each:
        pairs = [one] if isinstance(one, list) and len(one) == 2 and type(one[0]) is int else one
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair) for pair in pairs
        ):
            raise DataError(f"{place}: spans are [start, end] for each unit, or a list of these, got {shown(one)}")
        spans.append(tuple((start, end) for start, end in pairs))
    if not isinstance(given, list) or not isinstance(units, list) or len(spans) != len(units):
        raise DataError(f"{place}: spans must be as many as units")
    return tuple(spans)
