"""Delimited text, CSV and its kin: which separator, quotes and escapes a file has, and its rows.

The standard reading (fields quoted by `"`, which is doubled inside) wins wherever it fits the whole file: what a
standard writer wrote comes back as it was. Other readings are tried where it does not fit: the header lacks the columns
asked for, a row has another number of fields, or quotes stand where no standard writer puts them.
"""

from __future__ import annotations

import csv
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from heedful.data.columns import LISTS, Columns, NoColumnError, Query
from heedful.data.dialects import DELIMITERS, Dialect
from heedful.data.encodings import Content, load
from heedful.errors import DataError

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's
_RARE = (0x10FFFE, *range(31, 13, -1), *range(0xE000, 0xF900))  # signs that few texts have, and no text all of
_FIELD_LIMIT = threading.Lock()  # there is one limit for all threads


class RowsInsideError(DataError):
    """Rows may hide in a quoted text."""


def delimited(path: Path, query: Query, delimiter: str) -> Columns:
    """Read a file of delimited text; `delimiter` is tried first.

    Raises:
        DataError: no reading fits; the message is that of the likeliest.
    """
    return read_content(load(path, query.encoding), query, delimiter)


@dataclass(frozen=True)
class Layout:
    """How the rows of one file of delimited text are laid out.

    Attributes:
        dialect: how fields are separated, quoted and escaped.
        start: lines before the first row.
        at: position of every column that is read, by its role.
        header: names of all columns; their numbers where the file has no header.
        named: whether the first row is a header.
    """

    dialect: Dialect
    start: int
    at: Mapping[str, int]
    header: Sequence[str]
    named: bool


@dataclass(frozen=True)
class Sheet(Columns):
    """Values of a file of delimited text, and how it is laid out."""

    layout: Layout


def read_content(content: Content, query: Query, delimiter: str) -> Sheet:
    """Read delimited text; `delimiter` is tried first.

    Raises:
        DataError: no reading fits; the message is that of the likeliest.
    """
    with field_limit():
        return _Sheet(content, query).read(delimiter)


@dataclass(frozen=True)
class _Sheet:
    """The content of one file, and what is wanted of it."""

    content: Content
    query: Query

    def read(self, delimiter: str) -> Sheet:
        delimiters, head = delimiter + DELIMITERS.replace(delimiter, ""), 0
        if told := _SEPARATOR_LINE.fullmatch(next(self.lines(), "")):
            delimiters, head = told[1], 1
        starts = self._starts(head)
        if self.query.by_number:
            return self._by_number(starts, sorted(delimiters, key=lambda one: one != "\t"))
        missing: list[NoColumnError] = []
        for spaced, start in ((spaced, start) for spaced in (False, True) for start in reversed(starts)):
            for dialect in (Dialect(d, quote, spaced=spaced) for quote in "\"'" for d in delimiters):
                try:
                    return self._best(start, dialect)
                except NoColumnError as error:
                    missing.append(error)
        raise max(missing, key=lambda error: error.n)

    def _by_number(self, starts: Sequence[int], delimiters: Sequence[str]) -> Sheet:
        """Without names only the fit can tell: two or more fields in every row, else one."""
        errors: list[DataError] = []
        choices = [(2, delimiters), (1, [self.nothing])]
        for fewest, start, some in ((fewest, start, some) for fewest, some in choices for start in starts):
            for dialect in (Dialect(d, quote) for quote in "\"'" for d in some):
                try:
                    return self._best(start, dialect, fewest)
                except DataError as error:
                    errors.append(error)
        raise max(errors, key=lambda error: not isinstance(error, NoColumnError))

    @cached_property
    def nothing(self) -> str:
        """A sign that the file has not."""
        return next(sign for sign in map(chr, _RARE) if sign not in self.content.text)

    @cached_property
    def inner_break(self) -> re.Pattern[str]:
        """Line breaks within the lines of this file, which some writers leave without quotes."""
        return inner_breaks(self.content.line_end)

    def lines(self, start: int = 0) -> Iterator[str]:
        """The lines from the start-th on, with `nothing` for breaks within them."""
        lines = islice(self.content.lines(self.content.line_end), start, None)
        if self.inner_break.search(self.content.text):
            return (self.inner_break.sub(self.nothing, line) for line in lines)
        return lines

    def _restored(self, row: list[str]) -> list[str]:
        inner = "\r" if self.content.line_end == "\n" else "\n"
        return [cell.replace(self.nothing, inner) for cell in row]

    def _starts(self, head: int) -> list[int]:
        """How many lines there may be before the header: a line that starts with # is a comment or is not."""
        starts = [head]
        for n, line in enumerate(self.lines(head), head + 1):
            if line.strip() and not line.startswith("#"):
                break
            starts.append(n)
        return starts

    def _best(self, start: int, dialect: Dialect, fewest: int = 1) -> Sheet:
        """The rows by this dialect if they fit, else by one that differs in its quotes or escapes."""
        text = self.content.text[sum(map(len, islice(self.lines(), start))) :]
        try:
            table = self._parsed(start, dialect, fewest)
        except NoColumnError:
            raise
        except DataError as error:
            others = dialect.otherwise(text)
            if not self.query.labelled:  # a single column has nothing to separate
                others.append(Dialect(self.nothing, dialect.quote))
            for other in others:
                try:
                    return self._parsed(start, other, fewest)
                except DataError:
                    continue
            raise error from None
        if dialect.quote == "'" or dialect.spaced:
            return table
        return self._reconsidered(start, dialect, table, text)

    def _reconsidered(self, start: int, dialect: Dialect, table: Sheet, text: str) -> Sheet:
        other = dialect.reconsidered(text, [table.values[role] for role in ("text", "label") if role in table.values])
        try:
            if other.literal:
                return self._literal_or_not(start, dialect, other) or table
            return table if other == dialect else self._parsed(start, other)
        except RowsInsideError:
            raise
        except DataError:
            return table

    def _literal_or_not(self, start: int, dialect: Dialect, literal: Dialect) -> Sheet | None:
        """The rows with quotes as characters, if those taken for several lines of a text fit too well to be that."""
        whole = _Sheet(self.content, replace(self.query, limit=None))
        table, again = whole._parsed(start, dialect), whole._parsed(start, literal)
        texts = table.values["text"]
        new_labels = set(again.values.get("label", ())) - set(table.values.get("label", ()))
        if len(again.values["text"]) == len(texts) or new_labels:
            return None
        if dialect.delimiter == "\t":
            return self._parsed(start, literal)
        i = next(i for i, text in enumerate(texts) if "\n" in text or "\r" in text)
        what = "a quoted text seems to hold rows of its own, as if its quotes were characters"
        place = f"{table.source}, {table.place(i)}"
        raise RowsInsideError(f"{place}: {what}: double the quotes that are characters, or use JSON Lines or Parquet")

    def _parsed(self, start: int, dialect: Dialect, fewest: int = 1) -> Sheet:
        rows = ((line + start, self._restored(row)) for line, row in dialect.rows(self.lines(start)))
        first: list[str] = []
        try:
            first_line, first = next(((line, row) for line, row in rows if row), (0, []))
            return self._table(Layout(dialect, start, {}, first, named=True), first_line, rows, fewest)
        except csv.Error as error:
            line, reason = error.args
            kind = DataError if first else NoColumnError
            raise kind(f"{self.content.source}, line {line + start}: not CSV ({reason})") from None

    def _table(self, layout: Layout, first_line: int, rows: Iterator[tuple[int, list[str]]], fewest: int) -> Sheet:
        """The rows, of which the first stands for the header in `layout`."""
        source, first = self.content.source, [*layout.header]
        if 0 < len(first) < fewest:
            raise NoColumnError(f"{source}: there is one column only", len(first))
        named = not self.query.by_number or self.query.is_header(first, source)
        header, head = (first, "header") if named else ([str(i) for i in range(len(first))], "first row")
        at = {role: i for role, i in self.query.choose(header, source).items() if role not in LISTS}
        at |= self.query.label_by_the_way(header, source)  # tells texts over several lines from rows
        values: dict[str, list[str]] = {role: [] for role in at}
        lines: list[int] = []
        blank: list[int] = []  # lines, which are empty cells of a single column where others follow
        for line, row in rows if named else chain([(first_line, first)], rows):
            if not row:
                blank.append(line)
                continue
            if len(row) != len(header):
                hint = ": put texts with the separator in them in quotes" if len(row) > len(header) else ""
                raise DataError(f"{source}, line {line}: {len(row)} fields where the {head} has {len(header)}{hint}")
            for empty in blank if len(header) == 1 else ():
                lines.append(empty)
                values["text"].append("")
            blank = []
            lines.append(line)
            for role, i in at.items():
                values[role].append(row[i])
            if self.query.is_met(len(lines)):
                break
        else:
            if at.get("label") == len(header) - 1 and lines and self.content.text[-1] not in "\r\n":
                _refuse_cut(source, lines[-1], values["label"])
        names = {role: header[i] for role, i in at.items()}
        layout = replace(layout, at=at, header=header, named=named)
        table = Sheet(source, values, lambda i: f"line {lines[i]}", names, layout)
        if not named and self.query.labelled:
            _refuse_header(table)
        return table


def inner_breaks(line_end: str) -> re.Pattern[str]:
    """Return what finds line breaks within lines that end in LF (and so CRLF) or CR."""
    return re.compile(r"\r(?!\r*\n|\Z)" if line_end == "\n" else r"\n")


def _refuse_cut(source: str, line: int, labels: Sequence[str]) -> None:
    """Refuse a last label that only starts like others: it would be a class of its own."""
    *others, last = labels
    if last not in others and any(n > 1 and other.startswith(last) for other, n in Counter(others).items()):
        what = f"no other row has the label {last!r}, and the line has no end"
        raise DataError(f"{source}, line {line}: {what}: the file looks cut off; if it is whole, end the line")


def _refuse_header(table: Columns) -> None:
    """Refuse a first row that looks like a header where none is expected: its label would be a class of its own."""
    text, label = (table.values[role][0] for role in ("text", "label"))
    texts, labels = (table.values[role][1:] for role in ("text", "label"))
    numbers = all(re.fullmatch(r"\s*[+-]?[0-9.]+\s*", other) for other in labels)
    names = len(labels) > 2 and re.fullmatch(r"\w+", text) and not any(re.fullmatch(r"\w+", other) for other in texts)
    if labels and label not in labels and re.match(r"\s*[^\W\d]", label) and (numbers or names):
        what = f"looks like a header, as no other row has the label {label!r}"
        raise table.error([0], f"{what}: give the columns by name; if it is a row, put another one first")


@contextmanager
def field_limit(n_characters: int = 2**31 - 1) -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, and put it back."""
    with _FIELD_LIMIT:
        limit = csv.field_size_limit(n_characters)
        try:
            yield
        finally:
            csv.field_size_limit(limit)
