"""What callers give as data, as a stream of rows: paths, or texts in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from heedful.data import Dataset, Row, RowColumns, TextRow, stream_rows
from heedful.data.checks import text_problem
from heedful.data.rows import LONGEST
from heedful.errors import SettingError, TextError
from heedful.support.files import is_folder
from heedful.support.names import shown
from heedful.text.given import as_text


def check_apart(data: Iterable[object], *written: str | Path | None) -> None:
    """Refuse files and folders to be written that lie within a folder that is read: the next run would read them too.

    Raises:
        SettingError: one does.
    """
    for folder in (Path(one) for one in data if isinstance(one, (str, Path))):
        for path in written:
            if path is not None and is_folder(folder) and Path(path).resolve().is_relative_to(folder.resolve()):
                raise SettingError(f"{path} lies in {folder}, whose files are the data: write somewhere else")


@runtime_checkable
class Stream(Protocol):
    """Rows in batches; see `heedful.data.RowStream`."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def n_rows(self) -> int | None:
        """How many rows there are, where that is known."""

    def identity(self) -> dict[str, Any]:
        """Return what tells these data from others."""

    def batches(self, size: int = 1024) -> Iterator[list[Row]]:
        """Yield the rows in lists."""


def stream_of(
    data: str | Path | Stream | Dataset | Iterable[Any], columns: RowColumns | None, limit: int | None = None
) -> Stream:
    """Return rows of whatever holds texts, all or the first so many: paths are read as a stream.

    Raises:
        DataError: as `stream_rows`.
        SettingError: it holds none.
    """
    stream = _stream(data, columns)
    return stream if limit is None else First(stream, limit)


def _stream(data: str | Path | Stream | Dataset | Iterable[Any], columns: RowColumns | None) -> Stream:
    if isinstance(data, Stream):
        return data
    if isinstance(data, (str, Path)):
        return stream_rows(data, columns=columns)
    if isinstance(data, Sequence) and data and all(isinstance(one, Path) for one in data):
        return stream_rows([*data], columns=columns)
    if hasattr(data, "columns"):
        raise SettingError("of a table, give the column of texts, as in table['text'], or the path of its file")
    if not isinstance(data, (Dataset, Iterable)) or isinstance(data, (bytes, Mapping)):
        raise SettingError(f"data is a path, a data set, or a list of texts, got {shown(data)}")
    return InMemory.of(data)


@dataclass(frozen=True)
class First:
    """The first rows of a stream; see `heedful.data.RowStream`."""

    stream: Stream
    limit: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.stream.name

    @property
    def n_rows(self) -> int | None:
        """How many rows there are, where that is known."""
        return None if self.stream.n_rows is None else min(self.limit, self.stream.n_rows)

    def identity(self) -> dict[str, Any]:
        """Return what tells these rows from others."""
        return {**self.stream.identity(), "limit": self.limit}

    def batches(self, size: int = 1024) -> Iterator[list[Row]]:
        """Yield the rows in lists."""
        left = self.limit
        for batch in self.stream.batches(min(size, left)):
            yield batch[:left]
            left -= len(batch)
            if left <= 0:
                return


@dataclass(frozen=True, eq=False)
class InMemory:
    """Rows that are there already; see `heedful.data.RowStream`."""

    name: str
    rows: Sequence[Row]

    @classmethod
    def of(cls, data: Dataset | Iterable[Any]) -> InMemory:
        """Make rows of a data set, or of texts and pairs of texts."""
        if isinstance(data, Dataset):
            labels = [_writable(data.label_names[k]) for k in data.labels]
            both = enumerate(zip(data.texts, labels, strict=True))
            return cls(data.source, [_checked(Row(i, f"text {i}", str(i), text, label)) for i, (text, label) in both])
        return cls("the texts given", [_row(i, one) for i, one in enumerate(data)])

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def identity(self) -> dict[str, Any]:
        """Return a digest of the rows."""
        whole = hashlib.sha256(repr([(row.id, row.text, row.label, row.problem) for row in self.rows]).encode())
        return {"rows": len(self.rows), "digest": whole.hexdigest()[:16]}

    def batches(self, size: int = 1024) -> Iterator[list[Row]]:
        """Yield the rows in lists."""
        for start in range(0, len(self.rows), size):
            yield [*self.rows[start : start + size]]


def _row(number: int, given: Any) -> Row:
    if isinstance(given, Row):
        label = None if given.label is None else _writable(given.label)
        return replace(given, id=_writable(given.id), label=label)
    if isinstance(given, TextRow):
        return Row(number, given.place, str(number), given.text, problem=given.problem)
    try:
        text = as_text(given)
    except TextError as error:
        return Row(number, f"text {number}", str(number), None, problem=str(error))
    return _checked(Row(number, f"text {number}", str(number), text))


def _checked(row: Row) -> Row:
    """The row, without a text that cannot be used."""
    for part in (row.text,) if isinstance(row.text, str) else row.text or ():
        problem = text_problem(part, "text")
        if problem is None and len(part) > LONGEST:
            problem = f"the text has {len(part):,} characters, more than {LONGEST:,}"
        if problem is not None:
            return replace(row, text=None, problem=problem)
    return row


def _writable(text: str) -> str:
    """The text with half surrogate pairs, which no encoding can write, as code points."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
