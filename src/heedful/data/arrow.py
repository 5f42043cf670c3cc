"""Parquet and Arrow files, and folders that the library `datasets` saved; the names of classes in their metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from heedful.data.columns import Columns, Query, row_place
from heedful.data.pages import unpacked
from heedful.errors import DataError, MissingExtraError, first_line
from heedful.support.stopping import pause

STATE, INFO = "state.json", "dataset_info.json"  # of a folder saved by the library datasets
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def parquet(path: Path, query: Query) -> Columns:
    """Read a Parquet file.

    Raises:
        DataError: it is damaged, cut off, or holds a text that is not UTF-8.
        MissingExtraError: pyarrow is not installed.
    """
    pa = pyarrow_for(path)
    try:
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            if query.most_characters is not None:
                return _collected(partial(_bounded, file, query, path), file.schema_arrow, path, query)
            return _collected(lambda names: file.iter_batches(4096, columns=names), file.schema_arrow, path, query)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({first_line(error)})") from None


def _bounded(file: Any, query: Query, path: Path, names: list[str]) -> Iterator[Any]:
    """Yield batches of one row, as a few bytes of a file may stand for any number of characters.

    Raises:
        DataError: the columns are no plain ones, or hold more than the query's `most_characters`.
    """
    pa, most = pyarrow_for(path), query.most_characters or 0
    for name in names:
        if pa.types.is_nested(file.schema_arrow.field(name).type):
            raise DataError(f"{path}: column {name!r} holds lists, not texts")
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    columns = [one for one in columns if one.path_in_schema in names]
    n_bytes = sum(one.total_uncompressed_size for one in columns)
    if n_bytes <= 4 * most:  # by the footer, which may say anything
        n_bytes = unpacked(path, [(_start(one), one.total_compressed_size) for one in columns])
    if n_bytes > 4 * most:
        raise DataError(f"{path}: unpacked, its texts have {n_bytes:,} bytes: split the file")
    n_characters = 0
    for batch in file.iter_batches(1, columns=names):
        pause()
        n_characters += batch.nbytes
        if n_characters > 4 * most:
            raise DataError(f"{path}: its texts have more than {most:,} characters: split the file")
        yield batch


def _start(column: Any) -> int:
    """Where its first page is."""
    first, dictionary = column.data_page_offset, column.dictionary_page_offset
    return int(dictionary if column.has_dictionary_page and 0 < dictionary < first else first)


def table_rows(path: Path, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, with those of these columns that are there.

    Raises:
        DataError: it is damaged, cut off, holds a text that is not UTF-8, or a column of these twice.
        MissingExtraError: pyarrow is not installed.
    """
    pa = pyarrow_for(path)
    try:
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            names = [name for name in file.schema_arrow.names if name in columns]
            if len(set(names)) < len(names):
                raise DataError(f"{path}: two columns have the same name")
            for batch in file.iter_batches(1024, columns=names):
                yield from batch.to_pylist()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({first_line(error)})") from None


def arrow(path: Path, query: Query) -> Columns:
    """Read an Arrow file: a stream, as the library `datasets` writes, or with a footer, as Feather files have.

    Raises:
        DataError: it is damaged, cut off, or holds a text that is not UTF-8.
        MissingExtraError: pyarrow is not installed.
    """
    pa = pyarrow_for(path)
    try:
        with path.open("rb") as file:
            schema, batches = record_batches(file, path)
            return _collected(lambda _: batches, schema, path, query)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not an Arrow file, or a damaged one ({first_line(error)})") from None


def record_batches(file: BinaryIO, path: Path) -> tuple[Any, Iterator[Any]]:
    """Return the schema of an open Arrow file, and its record batches, which are read one after the other.

    Raises:
        DataError: it is cut off.
        ArrowException, OSError: it is no Arrow file.
    """
    pa = pyarrow_for(path)
    if file.read(6) == b"ARROW1":
        reader = pa.ipc.open_file(file)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
    file.seek(-len(_END_OF_STREAM), 2)
    if file.read() != _END_OF_STREAM:
        raise DataError(f"{path}: not an Arrow file, or one that is cut off")
    file.seek(0)
    stream = pa.ipc.open_stream(file)
    return stream.schema, iter(stream)


def pyarrow_for(path: Path) -> Any:
    """Return the library, of which only these formats have need.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from None
    return pyarrow


def saved_files(folder: Path) -> list[Path]:
    """Return the files of a folder that `datasets` saved, in their order; none if it is no such folder.

    Raises:
        DataError: the list of the files cannot be used.
    """
    if not (folder / STATE).is_file():
        return []
    state = _object(folder / STATE)
    if state.get("_indices_data_files"):
        raise DataError(f"{folder}: saved with a selection of its rows: save what flatten_indices() returns")
    files = state.get("_data_files")
    names = [file.get("filename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    plain = [name for name in names if isinstance(name, str) and Path(name).name == name]
    if not plain or len(plain) < len(names):
        raise DataError(f"{folder / STATE}: names no data files inside the folder")
    missing = [name for name in plain if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: {missing[0]} is missing, which {STATE} names")
    return [folder / name for name in plain]


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON to read ({first_line(error)})") from None
    return value if isinstance(value, dict) else {}


def _collected(batches: Callable[[list[str]], Iterable[Any]], schema: Any, path: Path, query: Query) -> Columns:
    """The rows of the columns asked for; `batches` gives them by the names of columns."""
    chosen = {role: schema.names[i] for role, i in query.choose(schema.names, str(path)).items()}
    for name in chosen.values():
        if (times := schema.names.count(name)) > 1:
            raise DataError(f"{path}: column {name!r} is there {times} times")
    values: dict[str, list[Any]] = {role: [] for role in chosen}
    n = 0
    try:
        for batch in batches(list(chosen.values())):
            for role, name in chosen.items():
                values[role] += batch.column(name)[: query.limit and query.limit - n].to_pylist()
            n += len(batch)
            if query.is_met(n):
                break
    except UnicodeDecodeError:
        raise DataError(f"{path}, after row {n}: not UTF-8") from None
    names = class_names(path, schema.metadata or {}, chosen["label"]) if query.labelled else None
    if names is not None and "label_name" not in values:
        values["label_name"] = named(values["label"], names)
    return Columns(str(path), values, row_place, chosen)


def named(labels: Iterable[Any], names: list[str]) -> list[str | None]:
    """Return the names of class numbers; a number without one, such as a withheld -1, keeps its digits for a name."""
    return [names[k] if type(k) is int and 0 <= k < len(names) else None if k is None else str(k) for k in labels]


def class_names(path: Path, metadata: dict[bytes, bytes], column: str) -> list[str] | None:
    """Return the names of the classes, if the library `datasets` wrote them beside the data or into it."""
    described: Any = None
    try:
        described = json.loads(metadata.get(b"huggingface", b"null"))["info"]["features"][column]
    except (ValueError, RecursionError, KeyError, TypeError):
        if path.suffix == ".arrow" and (path.parent / INFO).is_file():
            features = _object(path.parent / INFO).get("features")
            described = features.get(column) if isinstance(features, dict) else None
    names = described.get("names") if isinstance(described, dict) and described.get("_type") == "ClassLabel" else None
    usable = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if usable else None
