"""The formats of files, told by their suffixes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from heedful.data.arrow import arrow, parquet
from heedful.data.columns import Columns, Query
from heedful.data.delimited import delimited
from heedful.data.encodings import COMPRESSIONS
from heedful.data.json_rows import json_document, json_lines
from heedful.errors import DataError

READERS: dict[str, Callable[[Path, Query], Columns]] = {
    ".parquet": parquet,
    ".csv": partial(delimited, delimiter=","),
    ".tsv": partial(delimited, delimiter="\t"),
    ".tab": partial(delimited, delimiter="\t"),
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json-lines": json_lines,
    ".json": json_document,
    ".arrow": arrow,
    ".feather": arrow,
}
_WORKBOOK = "a workbook is not read: save the sheet as CSV"
_PROGRAM = "never read, as opening it can run a program hidden in it: save the table as CSV, JSON Lines or Parquet"
_ARCHIVE = "an archive is not read: unpack it, and name what was in it"
ADVICE = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"), _WORKBOOK),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".joblib"), _PROGRAM),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".zst"), _ARCHIVE),
}


def table_suffix(path: Path) -> str:
    """Return the suffix that tells the format of a table, in small letters; "" if it tells none.

    Example:
        >>> [table_suffix(Path(name)) for name in ("x.CSV", "x.jsonl.gz", "x.txt", "x")]
        ['.csv', '.jsonl', '', '']
    """
    suffix = _suffix(path)
    return suffix if suffix in READERS or suffix in ADVICE else ""


def bare_name(path: Path) -> str:
    """Return the name of a file without the suffix of its format and of its compression.

    Example:
        >>> [bare_name(Path(name)) for name in ("train.csv.gz", "train.parquet", "v1.0")]
        ['train', 'train', 'v1']
    """
    plain = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    return plain.stem


def read_file(path: Path, query: Query) -> Columns:
    """Read a file by its suffix.

    Raises:
        DataError: it is not there, is empty, or its suffix tells no format that is read.
    """
    return READERS[check_format(path)](path, query)


def check_format(path: Path) -> str:
    """Return the suffix of a file that tells a format that is read.

    Raises:
        DataError: the file is not there, is empty, or has no such suffix.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    suffix = _suffix(path)
    if suffix in ADVICE:
        raise DataError(f"{path}: {ADVICE[suffix]}")
    if suffix not in READERS:
        raise DataError(f"{path}: cannot tell the format from its name: use {', '.join(READERS)}, also with .gz")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    return suffix


def _suffix(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    return plain.suffix.lower()
