"""Delimited text as a stream of rows: its layout is told from its first characters, a bad row is one row only."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from heedful.data.columns import LISTS, NoColumnError
from heedful.data.delimited import Layout, RowsInsideError, field_limit, inner_breaks, read_content
from heedful.data.encodings import Content
from heedful.data.row_query import RowQuery
from heedful.data.stream_sources import CHUNK, LONGEST, UNDECODED, Chunk, Source
from heedful.data.text_streams import TextFile, is_undecoded
from heedful.errors import DataError

_INNER = "\U0010fffe"  # stands for a line break within a line: no character


def delimited_rows(file: TextFile, query: RowQuery, delimiter: str) -> Source:
    """Open a file of delimited text; `delimiter` is tried first.

    Raises:
        DataError: the file cannot be read or has no such columns.
    """
    head, whole = file.head()
    head = head if whole else _whole_rows(head)
    layout = _layout(head, query, delimiter)
    columns = {role: layout.header[i] for role, i in layout.at.items() if role not in LISTS}
    if any(map(is_undecoded, columns.values())):
        raise DataError(f"{file.source}: the names of the columns are {UNDECODED}")
    longest = max(LONGEST, 2 * query.max_chars)
    end = head.line_end
    return Source(
        Path(file.source).name,
        columns,
        lambda: _Rows(file.lines(end, longest), layout, end).chunks(longest),
        half=UNDECODED,
    )


def _whole_rows(head: Content) -> Content:
    """The head without what may be half a row: up to a line end with all quotes closed, if there is one."""
    lines = list(head.lines(head.line_end))[:-1] or list(head.lines(head.line_end))
    n_quotes = 0
    last = len(lines)
    for i, line in enumerate(lines, 1):
        n_quotes += line.count('"')
        if n_quotes % 2 == 0:
            last = i
    return Content(head.source, "".join(lines[:last]))


def _layout(head: Content, query: RowQuery, delimiter: str) -> Layout:
    """How the rows are laid out: as the reader of whole files says, or with the fewest rows that do not fit."""
    if head.text[-1] not in "\r\n":  # a last row without a line end is no reason to doubt it here
        head = replace(head, text=head.text + head.line_end)
    try:
        return read_content(head, query, delimiter).layout
    except (NoColumnError, RowsInsideError):
        raise
    except DataError as error:
        lines = list(head.lines(head.line_end))
        n = next((i for i, line in enumerate(lines, 1) if _may_be_header(line)), len(lines))
        try:
            first = read_content(replace(head, text="".join(lines[:n])), query, delimiter).layout
        except DataError:
            raise error from None
        others = [first.dialect, *first.dialect.otherwise(head.text)]
        layouts = [replace(first, dialect=dialect) for dialect in others]
        return min(layouts, key=lambda layout: _n_broken(lines, layout, head.line_end))


def _may_be_header(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#") and not line.lstrip('"').lower().startswith("sep=")


def _n_broken(lines: list[str], layout: Layout, end: str) -> int:
    return sum(len(chunk.broken) for chunk in _Rows(iter(lines), layout, end).chunks(LONGEST))


class _Rows:
    """The rows of one file: lines that do not fit are tried again without the first of them."""

    def __init__(self, lines: Iterator[str], layout: Layout, end: str) -> None:
        self._layout, self._end = layout, end
        self._lines = islice(lines, layout.start, None)
        self._again: deque[str] = deque()
        self._taken: list[str] = []  # lines of the row that is being read
        self._line = layout.start + 1  # number of the next row's first line
        self._breaks = inner_breaks(end)
        self._other_end = "\r" if end == "\n" else "\n"
        self._joined = False  # a line of this row has _INNER for its inner line breaks

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        if self._other_end in line and _INNER not in line:
            joined = self._breaks.sub(_INNER, line)
            self._joined = self._joined or joined != line
            return joined
        return line

    def chunks(self, longest: int) -> Iterator[Chunk]:
        rows = self._fitting()
        while True:
            with field_limit(longest):  # not while the caller works: there is one limit for all
                some = list(islice(rows, CHUNK))
            if not some:
                return
            values = {role: [row[i] for _, row, _ in some] for role, i in self._layout.at.items() if role not in LISTS}
            broken = {i: problem for i, (_, _, problem) in enumerate(some) if problem is not None}
            yield Chunk([f"line {line}" for line, _, _ in some], values, broken)

    def _fitting(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Every row with its line and what is wrong with it; blank lines are rows of a single column only."""
        width, named = len(self._layout.header), self._layout.named
        nothing = [""] * width
        head = "header" if named else "first row"
        blank: list[int] = []
        skip, started = named, False
        for line, row, problem in self._parsed():
            if not row and problem is None:
                blank.append(line)
            elif skip:
                skip, started, blank = False, True, []
            else:
                if width == 1 and started:
                    yield from ((empty, nothing, None) for empty in blank)
                started, blank = True, []
                fits = problem is None and len(row) == width
                why = None if fits else problem or f"{len(row)} fields where the {head} has {width}"
                yield line, row if fits else nothing, why

    def _parsed(self) -> Iterator[tuple[int, list[str], str | None]]:
        reader = self._layout.dialect.reader(iter(self))
        while True:
            self._taken = []
            self._joined = False
            line, problem = self._line, None
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                row, problem = [], f"not CSV ({error})"
                self._again.extendleft(reversed(self._taken[1:]))
                self._line += 1
            else:
                self._line += len(self._taken)
                if self._joined:
                    row = [cell.replace(_INNER, self._other_end) for cell in row]
            yield line, row, problem
