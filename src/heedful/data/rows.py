"""Rows of a stream: a text or what is wrong with it, what it is called, and the name of its class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heedful.data.checks import has_half_pair, is_missing, text_problem
from heedful.data.stream_sources import Chunk, Source

_WHOLE_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.0*)?")
_REMEMBERED = 10_000  # labels


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data set.

    Attributes:
        number: of the row in the whole input, from 0; rows that cannot be used count too.
        place: where it stands, as in "line 12" or "reviews-2.csv, row 3".
        id: from the id column, else the number.
        text: the text, or both texts of a pair; None where there is a problem.
        label: the name of its class, if there is one.
        problem: why there is no text, else None.
    """

    number: int
    place: str
    id: str
    text: str | tuple[str, str] | None
    label: str | None = None
    problem: str | None = None


class RowMaker:
    """Makes rows of what one source gives."""

    def __init__(self, source: Source, max_chars: int, prefix: str) -> None:
        self._columns, self._half = source.columns, source.half
        self._max_chars, self._prefix = max_chars, prefix
        self._names: dict[Any, str | None] = {}  # of labels met before

    def rows(self, chunk: Chunk, n: int) -> list[Row]:
        """Return the rows of a chunk; `n` is the number of the first."""
        size = len(chunk.places)
        nothing: list[Any] = [None] * size
        texts = self._texts(chunk)
        ids, labels = chunk.values.get("id"), chunk.values.get("label")
        names = chunk.values.get("label_name", nothing)
        rows: list[Row] = []
        for i, (place, (text, problem)) in enumerate(zip(chunk.places, texts, strict=True)):
            row_id, why = str(n + i), chunk.broken.get(i, problem)
            if ids is not None and i not in chunk.broken:
                id_problem = self._id_problem(ids[i])
                row_id = _id(ids[i]) if id_problem is None else row_id
                why = why or id_problem
            label = None if labels is None or i in chunk.broken else self._label(labels[i], names[i])
            rows.append(Row(n + i, self._prefix + place, row_id, None if why else text, label, why))
        return rows

    def _texts(self, chunk: Chunk) -> list[tuple[Any, str | None]]:
        values = chunk.values.get("text", [None] * len(chunk.places))
        problems = self._problems(values, "text")
        if "text_pair" not in self._columns:
            return list(zip(values, problems, strict=True))
        seconds = chunk.values["text_pair"]
        others = self._problems(seconds, "text_pair")
        both = zip(values, seconds, problems, others, strict=True)
        return [((text, second), problem or other) for text, second, problem, other in both]

    def _problems(self, values: Sequence[Any], role: str) -> list[str | None]:
        return [self._problem(value, role) for value in values]

    def _problem(self, value: Any, role: str) -> str | None:
        if type(value) is str and len(value) <= self._max_chars and value.isascii() and value and not value.isspace():
            return None
        name = self._columns.get(role, role)
        if isinstance(value, str) and self._half is not None and has_half_pair(value):
            return f"the text ({name!r}) is {self._half}"
        problem = text_problem(value, name)
        if problem is None and len(value) > self._max_chars:
            return f"the text ({name!r}) has {len(value):,} characters, more than {self._max_chars:,}"
        return problem

    def _id_problem(self, value: Any) -> str | None:
        name = self._columns["id"]
        if value is None or value != value or (isinstance(value, str) and not value.strip()):  # noqa: PLR0124 - NaN
            return f"the id ({name!r}) is missing"
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return f"the id ({name!r}) holds {type(value).__name__}, not text or a number"
        if isinstance(value, str) and has_half_pair(value):
            return f"the id ({name!r}) is {self._half or 'not Unicode: it has half a surrogate pair'}"
        return None

    def _label(self, value: Any, name: Any) -> str | None:
        """The name of a label, which most rows share with others."""
        key = (type(value), value, name)
        try:
            return self._names[key]
        except KeyError:
            label = _label_name(value, name)
        except TypeError:  # a list, say
            return None
        if len(self._names) < _REMEMBERED:
            self._names[key] = label
        return label


def _id(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _label_name(value: Any, name: Any) -> str | None:
    """The name of a class by the rules of this package, as far as one row tells; None if there is none to write."""
    if is_missing(value) or not isinstance(value, (str, int, float)):
        return None
    text = str(value).strip()
    if text.lower() in {"false", "true"}:
        text = text.lower()
    elif (isinstance(value, float) and value.is_integer()) or (
        isinstance(value, str) and _WHOLE_NUMBER.fullmatch(text)
    ):
        text = str(int(float(text))) if "." in text or isinstance(value, float) else str(int(text))
    is_number = text.lstrip("-").isdecimal() and not isinstance(value, bool)
    if is_number and isinstance(name, str) and name.strip():
        text = name
    return None if has_half_pair(text) else text
