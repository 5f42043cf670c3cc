"""Where a stream of rows comes from: files, folders, patterns, standard input or the hub."""

from __future__ import annotations

import glob
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from heedful.data.arrow import named, saved_files
from heedful.data.columns import NoColumnError, row_place
from heedful.data.delimited_stream import delimited_rows
from heedful.data.folders import all_shards, class_files, is_text_file, parts_in, shard_groups
from heedful.data.formats import check_format, table_suffix
from heedful.data.hub import open_on_hub
from heedful.data.row_query import RowQuery
from heedful.data.stream_sources import (
    Chunk,
    Source,
    arrow_rows,
    json_file_rows,
    json_line_rows,
    line_rows,
    parquet_rows,
    text_file_rows,
)
from heedful.data.text_streams import OnePass, TextFile, on_disk
from heedful.errors import DataError
from heedful.support.files import is_folder, is_there

STANDARD_INPUT = "standard input"
Files = tuple[Path, ...]
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PATTERN = re.compile(r"[*?\[]")


def opened(path: Path, query: RowQuery) -> Source:
    """Open a file by its suffix.

    Raises:
        DataError: it is not there, is empty, its format is not read, or it has no such columns.
    """
    suffix = check_format(path)
    if suffix == ".parquet":
        return parquet_rows(path, query)
    if suffix in {".arrow", ".feather"}:
        return arrow_rows(path, query)
    if suffix == ".json":
        return json_file_rows(path, query)
    if suffix in _DELIMITERS:
        return delimited_rows(on_disk(path, query.encoding), query, _DELIMITERS[suffix])
    return json_line_rows(on_disk(path, query.encoding), query, path)


def files_of(place: Path) -> list[Path]:
    """Return the files behind a path or pattern, in the order in which they are read.

    Raises:
        DataError: there are none, or a folder does not say which of its files are meant.
    """
    if _PATTERN.search(str(place)) and not is_there(place):
        paths = [Path(name) for name in glob.glob(str(place), recursive=True)]  # noqa: PTH207 - also absolute
        if not paths:
            raise DataError(f"{place}: no file has a name like this")
        return [file for path in sorted(paths, key=natural) for file in files_of(path)]
    return _folder_files(place) if is_folder(place) else [place]


def _folder_files(folder: Path) -> list[Path]:
    """The tables in a folder, else the texts."""
    if saved := saved_files(folder):
        return saved
    shards = shard_groups(folder)
    parts = [name for name, place in parts_in(folder).items() if not isinstance(place, Path) or place.is_file()]
    if len(parts) > 1:
        example = f"{folder / parts[-1]}*"
        raise DataError(f"{folder}: has several parts ({', '.join(parts)}): name the files of one, such as {example}")
    if len(shards) == 1:
        return list(all_shards(shards[0]))
    if shards:
        raise DataError(f"{folder}: shards of several files: name those of one, such as {folder / _pattern(shards[0])}")
    tables = [path for path in sorted(folder.iterdir(), key=natural) if path.is_file() and table_suffix(path)]
    if len(suffixes := sorted({table_suffix(path) for path in tables})) > 1:
        example = f"{folder}/*{suffixes[0]}"
        raise DataError(f"{folder}: holds {' and '.join(suffixes)} files: name those that are meant, such as {example}")
    texts = [path for path in sorted(folder.iterdir(), key=natural) if path.is_file() and is_text_file(path)]
    if not tables and not texts:
        raise DataError(f"{folder}: nothing to read in it: no table, and no .txt file, alone or in a folder a class")
    return tables or texts


def _pattern(shards: Sequence[Path]) -> str:
    return re.sub(r"-\d{5,}-of-", "-*-of-", shards[0].name)


def class_rows(folder: Path, query: RowQuery) -> tuple[Files, Source] | None:
    """Return the .txt files of a folder that has folders of these, one a class; None if it has not.

    Raises:
        DataError: some of the folders have no .txt file.
    """
    by_class = class_files(folder) if folder.is_dir() and not saved_files(folder) else {}
    if not any(by_class.values()):
        return None
    if empty := [name for name, files in by_class.items() if not files]:
        raise DataError(f"{folder}: no .txt file in {', '.join(empty)}")
    turns = sorted((turn, name, file) for name, files in by_class.items() for turn, file in enumerate(files))
    files = tuple(file for _, _, file in turns)
    return files, text_file_rows(folder, files, query, classes=True)


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Return a key by which part-2 comes before part-10."""
    pieces = re.findall(r"\d+|\D+", str(path))
    return [(0, int(piece), piece) if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def standard_input(query: RowQuery) -> Source:
    """Open standard input: JSON Lines, delimited text with a header, or a text a line.

    Raises:
        DataError: it is empty, or has not the columns that are asked for.
    """
    if sys.stdin is None:
        raise DataError(f"{STANDARD_INPUT} is closed")
    stream = OnePass(cast("io.BufferedIOBase", sys.stdin.buffer), STANDARD_INPUT)
    file = TextFile(STANDARD_INPUT, query.encoding, stream.whole, stream)
    start = file.head()[0].text.lstrip()
    if re.match(r"\[\s*\{", start):
        raise DataError(f"{STANDARD_INPUT}: an array of JSON cannot be read as a stream: write one object a line")
    if start.startswith("{"):
        return json_line_rows(file, query)
    try:
        return delimited_rows(file, query, ",")
    except NoColumnError:
        if query.asked:
            raise
        return line_rows(file, query)


def from_hub(name: str, query: RowQuery) -> tuple[str, Source]:
    """Open a data set of the hub as a stream: its test part, else its validation part, else train.

    Raises:
        DataError: it cannot be had, or has no such part or columns.
        MissingExtraError: the library `datasets` is not installed.
    """
    part, rows = open_on_hub(name)
    label = f"{name} ({part})"
    features = rows.features or {}
    present = list(rows.column_names or features or next(iter(rows), {}))
    columns = {role: present[i] for role, i in query.choose(present, label).items()}
    classes = getattr(features.get(columns.get("label")), "names", None)

    def chunks() -> Iterator[Chunk]:
        n = 0
        for batch in rows.select_columns(list(dict.fromkeys(columns.values()))).iter(1024):
            values: dict[str, Any] = {role: list(batch[name]) for role, name in columns.items()}
            if classes and "label_name" not in values:
                values["label_name"] = named(values["label"], list(classes))
            yield Chunk([row_place(i) for i in range(n, n + len(values["text"]))], values)
            n += len(values["text"])

    return label, Source(label, columns, chunks)
