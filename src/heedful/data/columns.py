"""What readers are asked for and what they hand over: chosen columns, and unchecked values with the place of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heedful.errors import DataError, SettingError

LISTS = ("tokens", "rationale")
Column = str | int | None  # a name, a number from 0, or whichever is known by its name

# Names are compared without capitals, spaces, hyphens and underscores.
_KNOWN = {
    "text": {
        "text", "texts", "sentence", "sentences", "review", "reviews", "content", "contents", "comment", "comments",
        "tweet", "tweets", "document", "documents", "message", "messages", "body", "utterance", "utterances", "phrase",
        "post", "article", "headline", "title", "description", "summary", "abstract", "question", "query", "input",
        "inputs", "reviewtext", "reviewbody", "commenttext", "tweettext", "fulltext", "rawtext", "selftext",
    },
    "label": {
        "label", "labels", "labelname", "sentiment", "sentiments", "target", "targets", "class", "classes", "category",
        "categories", "y", "polarity", "emotion", "intent", "topic", "genre", "classlabel", "classname", "goldlabel",
        "gold", "sentimentlabel",
    },
}  # fmt: skip
_SHOWN = 20  # columns named in a message


class NoColumnError(DataError):
    """There is no such column; `n` columns were there."""

    def __init__(self, message: str, n: int = 0) -> None:
        super().__init__(message)
        self.n = n


@dataclass(frozen=True)
class Query:
    """Which columns and how many rows are asked for, and how to decode what does not say so itself.

    Of a file from strangers, `most_columns` and `most_characters` (of all texts) bound what it may hold.
    """

    text: Column = None
    label: Column = None
    limit: int | None = None
    encoding: str | None = None
    labelled: bool = True
    most_columns: int | None = None
    most_characters: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and (type(self.limit) is not int or self.limit < 1):
            raise SettingError(f"limit must be at least 1, got {self.limit!r}")
        for role, column in (("text", self.text), ("label", self.label)):
            if isinstance(column, bool) or not isinstance(column, (str, int, type(None))):
                raise SettingError(f"{role} must be the name of a column or its number, got {column!r}")
            if isinstance(column, int) and column < 0:
                raise SettingError(f"{role}: columns are numbered from 0, got {column}")
        if self.text is not None and self.text == self.label:
            raise SettingError(f"text and label are the same column, {self.text!r}")
        if self.encoding is not None:
            _check_encoding(self.encoding)

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns without which nothing can be read."""
        return ("text", "label") if self.labelled else ("text",)

    @property
    def by_number(self) -> bool:
        """True if all columns are asked for by number, so that a header is not needed."""
        return all(isinstance(getattr(self, role), int) for role in self.roles)

    def is_met(self, n: int) -> bool:
        """Return True if n rows are enough."""
        return self.limit is not None and n >= self.limit

    def choose(self, present: Sequence[str], source: str) -> dict[str, int]:
        """Return the position of every column to read, by role, out of the names present.

        Raises:
            NoColumnError: a column is not there.
            DataError: a name is there more than once, or several columns could be meant.
            SettingError: text and label would be one column.
        """
        if self.most_columns is not None and len(present) > self.most_columns:
            raise DataError(f"{source}: {len(present):,} columns, more than {self.most_columns:,}")
        at = {role: self._position(role, present, source) for role in self.roles}
        missing = [role for role, i in at.items() if i is None]
        if missing:
            raise NoColumnError(self._missing(missing, present, source), len(present))
        chosen = {role: i for role, i in at.items() if i is not None}
        if len(set(chosen.values())) < len(chosen):
            raise SettingError(f"text and label are the same column, {present[chosen['text']]!r}")
        if not self.labelled:
            return chosen
        others = {"label_name": f"{present[chosen['label']]}_name"} | {name: name for name in LISTS}
        return chosen | {role: _single(name, present, source) for role, name in others.items() if name in present}

    def fits(self, present: Sequence[str], source: str) -> bool:
        """Return True if the columns asked for are present."""
        try:
            return bool(self.choose(present, source))
        except NoColumnError:
            return False

    def label_by_the_way(self, present: Sequence[str], source: str) -> dict[str, int]:
        """Return the position of a label that nobody asked for, by role, if there is one column of a usual name."""
        try:
            label = self._position("label", present, source)
        except DataError:
            return {}
        return (
            {}
            if self.labelled or label is None or label == self._position("text", present, source)
            else {"label": label}
        )

    def _position(self, role: str, present: Sequence[str], source: str) -> int | None:
        column = getattr(self, role)
        if isinstance(column, int):
            return column if column < len(present) else None
        name = role if column is None else column
        if name in present:
            return _single(name, present, source)
        alike = [i for i, other in enumerate(present) if _plain(other) == _plain(name)]
        if not alike and column is None:
            taken = {self.text, self.label}
            alike = [
                i
                for i, other in enumerate(present)
                if _plain(other) in _KNOWN[role] and not {i, other, other.strip()} & taken
            ]
        if len(alike) > 1:
            which = " or ".join(repr(present[i]) for i in alike)
            raise DataError(f"{source}: which column is the {role}, {which}? Say so with {_option(role)}")
        return alike[0] if alike else None

    def _missing(self, roles: Sequence[str], present: Sequence[str], source: str) -> str:
        wanted = [role if getattr(self, role) is None else getattr(self, role) for role in roles]
        names = [repr(name[:60] + "..." * (len(name) > 60)) for name in present[:_SHOWN]]
        more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
        there = ", ".join(names) or "none"
        how = " and ".join(_option(role) for role in roles)
        return (
            f"{source}: no column {' and '.join(map(repr, wanted))}; the columns are: {there}{more}; "
            f"name the right one with {how}, or give its number, from 0, where the file has no header"
        )

    def is_header(self, row: Sequence[str], source: str) -> bool:
        """Return True if the first row of a file whose columns are given by number names them all the same.

        Raises:
            DataError: only one of the two columns has a name there, so that it may be a row or not.
        """
        at = {role: i for role in self.roles if isinstance(i := getattr(self, role), int) and i < len(row)}
        if at and all(row[i].strip() == str(i) for i in at.values()):  # as pandas writes columns without names
            return True
        named = [_plain(row[i]) in _KNOWN[role] for role, i in at.items()]
        if any(named) and not all(named):
            cells = " and ".join(repr(row[i][:60]) for i in at.values())
            how = "if a header, give the columns by name; if a row, put another one first"
            raise DataError(f"{source}: are {cells} a header or a row? {how}")
        return bool(named) and all(named)


@dataclass(frozen=True)
class Columns:
    """Unchecked values by role, the place of every row in words, and the name of the column behind a role."""

    source: str
    values: Mapping[str, Sequence[Any]]
    place: Callable[[int], str]
    names: Mapping[str, str]

    def error(self, rows: Sequence[int], what: str) -> DataError:
        """Return what is wrong in some rows, and where the first of them is."""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        return DataError(f"{self.source}, {self.place(rows[0])}{more}: {what}")


def row_place(i: int) -> str:
    """Return the place of a row in a format without lines."""
    return f"row {i + 1}"


def _option(role: str) -> str:
    return f"{role}= (--{role.replace('_', '-')}-column)"


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name.strip("\ufeff# \t")).casefold()


def _single(name: str, present: Sequence[str], source: str) -> int:
    if (n := list(present).count(name)) > 1:
        raise DataError(f"{source}: column {name!r} is there {n} times")
    return list(present).index(name)


def _check_encoding(encoding: str) -> None:
    try:
        b"a".decode(encoding)
    except UnicodeError:
        pass  # an encoding of more than one byte a character
    except (LookupError, ValueError, TypeError):
        raise SettingError(f"no encoding is called {encoding!r}: utf-8, utf-16, cp1252 and latin-1 are some") from None
