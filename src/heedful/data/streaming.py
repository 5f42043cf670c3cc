"""Rows as a stream, for data sets of millions of rows: a few are in memory at a time, and a bad row stops nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heedful.data.folders import is_text_file
from heedful.data.hub import is_hub_id
from heedful.data.row_query import RowColumns, RowQuery, query_of, same_columns
from heedful.data.rows import LONGEST, Row, RowMaker
from heedful.data.stream_places import STANDARD_INPUT, class_rows, files_of, from_hub, opened, standard_input
from heedful.data.stream_sources import Source, text_file_rows
from heedful.errors import DataError, SettingError

_LISTED = 1000  # files whose names an identity lists; of more, their digest


@dataclass(frozen=True)
class RowStream:
    """Rows that are read when they are asked for.

    Attributes:
        name: what messages call it.
        files: that are read; none for standard input and the hub.
        n_rows: how many rows there are, where that is known without reading them.
        columns: the name of the column behind each role ("text", "text_pair", "label", "label_name", "id").
    """

    name: str
    files: tuple[Path, ...]
    n_rows: int | None
    columns: Mapping[str, str]
    _query: RowQuery = field(repr=False)
    _sources: tuple[Source, ...] = field(repr=False, compare=False)

    def identity(self) -> dict[str, Any]:
        """Return what tells this input from others: names and sizes (bytes) of its files, columns and settings.

        It can be written as JSON, and is the same for the same files elsewhere. Of more than 1,000 files it holds the
        SHA-256 of their names and sizes.

        Raises:
            DataError: a file is gone.
        """
        with _os_errors(self.name):
            files: Any = [[file.name, file.stat().st_size] for file in self.files]
        if len(files) > _LISTED:
            files = {"n": len(files), "sha256": hashlib.sha256(json.dumps(files).encode()).hexdigest()}
        name = {} if self.files else {"name": self.name}
        settings = {"encoding": self._query.encoding, "max_chars": self._query.max_chars}
        return name | {"files": files, "columns": dict(self.columns)} | settings

    def batches(self, size: int = 1024) -> Iterator[list[Row]]:
        """Iterate over the rows in lists of `size`, the last one shorter; from the start, each time it is called.

        Raises:
            DataError: on reaching a file that is damaged or has other columns than the first; or there are no rows, or
                standard input is read for the second time.
            SettingError: `size` is below 1.
        """
        if type(size) is not int or size < 1:
            raise SettingError(f"size must be at least 1, got {size!r}")
        return self._batches(size)

    def _batches(self, size: int) -> Iterator[list[Row]]:
        waiting: list[Row] = []
        n = 0
        with _os_errors(self.name):
            for source in self._sources:
                prefix = f"{source.name}, " if len(self._sources) > 1 else ""
                maker = RowMaker(source, self._query.max_chars, prefix)
                for chunk in source.chunks():
                    waiting += maker.rows(chunk, n)
                    n += len(chunk.places)
                    while len(waiting) >= size:
                        yield waiting[:size]
                        del waiting[:size]
            if waiting:
                yield waiting
        if not n:
            raise DataError(f"{self.name}: there are no rows")


def stream_rows(
    source: str | Path | Sequence[str | Path],
    *,
    columns: RowColumns | None = None,
    encoding: str | None = None,
    max_chars: int = LONGEST,
) -> RowStream:
    r"""Open a data set of any size, to read its rows a few at a time.

    A row that cannot be used does not stop the others: it says what its `problem` is. Files are opened here as far as
    their columns are known. Parquet, Arrow, delimited text and JSON Lines are read in pieces, compressed or not; a
    document of JSON (.json, or .jsonl that starts with an array) is read whole. How delimited text is separated and
    quoted is told from its first half a million characters; a quote that is never closed breaks one line.

    Args:
        source: a file as `read_texts` takes it; a folder of such files with the same columns, of the shards of one, of
            .txt files (a row each), or of one folder of these a class; one .txt file; what `save_to_disk` of the
            library `datasets` wrote; a pattern such as "data/*.parquet"; a list of files and patterns, in this order;
            "-" for standard input (JSON Lines, delimited text with a header, or a text a line); or an id of the hub
            (its test part, else its validation part, else train; needs the extra `hub`). Files of a folder and those
            that a pattern fits are sorted by name, part-2 before part-10.
        columns: which columns to take; see `RowColumns`.
        encoding: of text files without a byte order mark that are not UTF-8, such as "cp1252".
        max_chars: a text of more characters is a problem.

    Raises:
        DataError: there is nothing to read, a file is empty, damaged or of no known format, a column is missing, or
            files have different columns; one line that names the file.
        MissingExtraError: a library for the format or the hub is not installed.
        SettingError: a setting is out of its range, or two columns are one.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "reviews.csv")
        ...     _ = path.write_text("id,review,sentiment\na1,A gem.,pos\na2,,neg\na3,A bore.\n")
        ...     stream = stream_rows(path)
        ...     rows = [row for batch in stream.batches() for row in batch]
        >>> rows[0]
        Row(number=0, place='line 2', id='a1', text='A gem.', label='pos', problem=None)
        >>> [row.problem for row in rows[1:]]
        ["the text ('review') is missing or blank", '2 fields where the header has 3']
    """
    query = query_of(columns, encoding, max_chars)
    name = _name(source)
    with _os_errors(name):
        if name == "-":
            only = standard_input(query)
            return RowStream(STANDARD_INPUT, (), None, only.columns, query, (only,))
        if isinstance(source, (str, Path)) and is_hub_id(source):
            label, only = from_hub(name, query)
            return RowStream(label, (), None, only.columns, query, (only,))
        return _of_files(source, name, query)


def _of_files(source: str | Path | Sequence[str | Path], name: str, query: RowQuery) -> RowStream:
    places = [Path(source)] if isinstance(source, (str, Path)) else [Path(one) for one in source]
    if len(places) == 1 and (by_class := class_rows(places[0], query)):
        files, rows = by_class
        return RowStream(name, files, rows.n_rows, rows.columns, query, (rows,))
    files = tuple(file for place in places for file in files_of(place))
    if len(set(files)) < len(files):
        twice = next(file for file, n in Counter(files).items() if n > 1)
        raise DataError(f"{twice}: is named twice")
    if all(map(is_text_file, files)):
        rows = text_file_rows(Path(os.path.commonpath([file.parent for file in files])), files, query)
        return RowStream(name, files, rows.n_rows, rows.columns, query, (rows,))
    sources = [opened(file, query) for file in files]
    with_rows = [(file, one) for file, one in zip(files, sources, strict=True) if one.columns]
    for file, one in with_rows[1:]:
        same_columns(with_rows[0][1].columns, one.columns, str(file), with_rows[0][0].name)
    counts = [one.n_rows for one in sources]
    n_rows = None if None in counts else sum(n for n in counts if n is not None)
    if n_rows == 0:
        raise DataError(f"{name}: there are no rows")
    columns = with_rows[0][1].columns if with_rows else {}
    return RowStream(name, files, n_rows, columns, query, tuple(sources))


def _name(source: str | Path | Sequence[str | Path]) -> str:
    if isinstance(source, (str, Path)):
        if not str(source).strip():
            raise DataError(f"give the path of a file or folder, got {source!r}")
        return str(source)
    if not source or not all(isinstance(one, (str, Path)) and str(one).strip() for one in source):
        raise DataError(f"give the paths of files, got {source!r}")
    return str(source[0]) if len(source) == 1 else f"{source[0]} and {len(source) - 1} more"


@contextmanager
def _os_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename or name}: cannot be read: {error.strerror or error}") from None
