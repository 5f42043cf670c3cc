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
LONGEST = 1_000_000  # characters of a text, where nothing else is said


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
        self._known: dict[tuple[type, str, str], str | None] = {}  # names of labels met before

    def rows(self, chunk: Chunk, n: int) -> list[Row]:
        """Return the rows of a chunk; `n` is the number of the first."""
        texts, problems = self._texts(chunk)
        ids = self._ids(chunk, problems, n)
        for i, problem in chunk.broken.items():
            problems[i] = problem
        labels = self._labels(chunk)
        prefix, places = self._prefix, chunk.places
        return [
            Row(n + i, prefix + places[i], ids[i], None if problem else texts[i], labels[i], problem)
            for i, problem in enumerate(problems)
        ]

    def _texts(self, chunk: Chunk) -> tuple[Sequence[Any], list[str | None]]:
        """The texts or pairs, and what is wrong with them."""
        texts = chunk.values["text"]
        problems = self._problems(texts, "text")
        if "text_pair" not in self._columns:
            return texts, problems
        others = chunk.values["text_pair"]
        of_pair = self._problems(others, "text_pair")
        return list(zip(texts, others, strict=True)), [one or two for one, two in zip(problems, of_pair, strict=True)]

    def _ids(self, chunk: Chunk, problems: list[str | None], n: int) -> list[str]:
        """What rows are called; `problems` tell which have no such id, and are called by their number."""
        numbers = [str(i) for i in range(n, n + len(chunk.places))]
        if "id" not in chunk.values:
            return numbers
        ids = list(chunk.values["id"])
        for i, value in enumerate(ids):
            if type(value) is str and value.isascii() and value and not value.isspace():
                continue
            if problem := self._id_problem(value):
                ids[i] = numbers[i]
                problems[i] = problems[i] or problem
            else:
                ids[i] = _id(value)
        return ids

    def _labels(self, chunk: Chunk) -> list[str | None]:
        """The names of labels, most of which are met again and again."""
        if "label" not in chunk.values:
            return [None] * len(chunk.places)
        values, known = chunk.values["label"], self._known
        names = chunk.values.get("label_name") or [None] * len(values)
        labels: list[str | None] = []
        for value, name in zip(values, names, strict=True):
            key = (type(value), str(value), str(name))
            if key not in known:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[key] = _label_name(value, name)
            labels.append(known[key])
        return labels

    def _problems(self, values: Sequence[Any], role: str) -> list[str | None]:
        longest = self._max_chars
        return [
            None  # most texts: told without a call
            if type(value) is str and value and len(value) <= longest and value.isascii() and not value.isspace()
            else self._problem(value, role)
            for value in values
        ]

    def _problem(self, value: Any, role: str) -> str | None:
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
        if isinstance(value, (list, dict)):
            return f"the id ({name!r}) holds {type(value).__name__}, not text or a number"
        if isinstance(value, str) and has_half_pair(value):
            return f"the id ({name!r}) is {self._half or 'not Unicode: it has half a surrogate pair'}"
        return None


def _id(value: Any) -> str:
    """An id as text: whole numbers without a decimal point, bytes by their hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
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
