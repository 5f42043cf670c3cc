"""Small data files for the tests of readers, and what a reader says when it refuses one."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heedful import data
from heedful.errors import DataError

ROWS = [("A gem; a café, truly|yes", "pos"), ('It\'s "so so"\nand long', "neg"), ("Fine # 1", "pos")]
PLAIN = [("A gem", "pos"), ("So so", "neg"), ("Fine # 1", "pos")]
CSV = b"text,label\nA gem.,pos\nA bore.,neg\n"


def write(path: Path, columns: dict[str, list]) -> Path:
    """Write columns in the format of the suffix, with each format's plainest writer."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    else:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path.write_bytes("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return path


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(path: Path | str, reader=data.read, **settings) -> str:
    """The message of a DataError, which must be one line that names the file."""
    with pytest.raises(DataError) as caught:
        reader(path, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert Path(path).name in message
    return message


def csv_of(rows=ROWS, header=("text", "label"), **settings) -> str:
    file = io.StringIO()
    csv.writer(file, **settings).writerows([header, *rows])
    return file.getvalue()


def pairs(read: data.Dataset) -> list[tuple[str, str]]:
    return [(text, read.label_names[c]) for text, c in zip(read.texts, read.labels, strict=True)]
