"""Whatever texts a writer writes in a supported form are read back as they were."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import pairs
from heedful import data
from heedful.errors import DataError

# Mostly signs that mean something to one format or another.
_SIGNS = st.sampled_from(list("ab1 ,;\t|\"'\\#=\n\r\u2028[]{}é\ufeff\0"))
TEXTS = st.text(_SIGNS | st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
LABELS = st.sampled_from(["pos", "neg", "so, so", 'a "b"', "3 stars"])
TABLES = st.lists(st.tuples(TEXTS, LABELS), min_size=2, max_size=6).filter(lambda rows: len({b for _, b in rows}) > 1)


def by_csv(**settings):
    def write(rows, names):
        file = io.StringIO()
        csv.writer(file, **settings).writerows([names, *rows])
        return file.getvalue()

    return write


def frame(rows, names):
    return pd.DataFrame(rows, columns=list(names))


def by_parquet(rows, names):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(list(zip(*rows, strict=True)), names), sink)
    return sink.getvalue().to_pybytes()


def by_arrow(rows, names):
    table, sink = pa.table(list(zip(*rows, strict=True)), names), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def by_json(rows, names, ascii_only=True):
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=ascii_only)


def by_lines(rows, names):
    return "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


WRITERS = {
    "csv": (".csv", by_csv()),
    "csv, LF": (".csv", by_csv(lineterminator="\n")),
    "csv, CR": (".csv", by_csv(lineterminator="\r")),
    "csv, all quoted": (".csv", by_csv(quoting=csv.QUOTE_ALL)),
    "csv, semicolon": (".csv", by_csv(delimiter=";")),
    "csv, tab": (".csv", by_csv(delimiter="\t")),
    "csv, bar": (".csv", by_csv(delimiter="|")),
    "tsv": (".tsv", by_csv(delimiter="\t", lineterminator="\n")),
    "csv, single quotes": (".csv", by_csv(quotechar="'", quoting=csv.QUOTE_ALL)),
    "csv, single quotes, tab": (".tsv", by_csv(quotechar="'", quoting=csv.QUOTE_ALL, delimiter="\t")),
    "csv, UTF-16": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-16")),
    "csv, UTF-32": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-32")),
    "csv, UTF-8 marked": (".csv", lambda rows, names: by_csv()(rows, names).encode("utf-8-sig")),
    "csv, gzip": (".csv.gz", lambda rows, names: gzip.compress(by_csv()(rows, names).encode())),
    "csv of Excel": (".csv", lambda rows, names: "sep=;\r\n" + by_csv(delimiter=";")(rows, names)),
    "csv of pandas": (".csv", lambda rows, names: frame(rows, names).to_csv()),
    "tsv of pandas": (".tsv", lambda rows, names: frame(rows, names).to_csv(sep="\t", index=False)),
    "json": (".json", by_json),
    "json, not ascii": (".json", lambda rows, names: by_json(rows, names, ascii_only=False)),
    "json of pandas": (".json", lambda rows, names: frame(rows, names).to_json()),
    "json, split": (".json", lambda rows, names: frame(rows, names).to_json(orient="split")),
    "json lines": (".jsonl", by_lines),
    "json lines called json": (".json", by_lines),
    "parquet": (".parquet", by_parquet),
    "parquet of pandas": (".parquet", lambda rows, names: frame(rows, names).to_parquet()),
    "arrow": (".arrow", by_arrow),
}
NAMES = [("text", "label"), ("Review Text", "Sentiment"), ("label", "text")]


def written(folder: str, writer: str, rows, names) -> Path:
    suffix, write = WRITERS[writer]
    content = write(rows, names)
    path = Path(folder, f"x{suffix}")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@settings(deadline=None, max_examples=100)
@given(TABLES, st.sampled_from(sorted(WRITERS)), st.sampled_from(NAMES))
def test_what_is_written_is_read_back(rows, writer, names):
    in_order = [row[::-1] for row in rows] if names[0] == "label" else rows
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, writer, in_order, names)
        read = data.read(path)
        assert pairs(read) == rows
        assert [row.text for row in data.read_texts(path)] == [text for text, _ in rows]


DIALECTS = {
    "escaped": {"escapechar": "\\", "doublequote": False},
    "escaped, all quoted": {"escapechar": "\\", "doublequote": False, "quoting": csv.QUOTE_ALL},
    "escaped, never quoted": {"escapechar": "\\", "doublequote": False, "quoting": csv.QUOTE_NONE},
    "single quotes": {"quotechar": "'"},
    "single quotes, escaped": {"quotechar": "'", "escapechar": "\\", "doublequote": False, "quoting": csv.QUOTE_ALL},
}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(TEXTS, st.sampled_from("01")), max_size=5), st.sampled_from(sorted(DIALECTS)))
def test_dialects_that_can_be_told_are_read_back(rows, dialect):
    """Where a row shows the dialect: a quote within a word, escaped or doubled."""
    if dialect != "escaped, all quoted" and not dialect.startswith("single quotes, e"):
        rows = [(text.replace("\r", "").replace("\0", ""), label) for text, label in rows]
        rows = [row for row in rows if row[0].strip() and not {"\n", '"'} & set(row[0])]
    if "'" in DIALECTS[dialect].get("quotechar", ""):
        rows = [("It's a,b", "1"), *rows, ("b", "0")]
    else:
        rows = [('a "b", c', "1"), *rows, ("b", "0")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.csv")
        path.write_bytes(by_csv(**DIALECTS[dialect])(rows, ("text", "label")).encode())
        read = data.read(path)
        assert pairs(read) == rows


@settings(deadline=None, max_examples=40)
@given(TABLES, st.sampled_from(sorted(WRITERS)), st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_off_is_refused_or_read_up_to_a_line(rows, writer, share):
    """What is read of a truncated file is whole rows from its start."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, writer, rows, ("text", "label"))
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        try:
            read = data.read(path)
        except DataError:
            return
        assert read.texts == tuple(text for text, _ in rows)[: len(read)]
        assert not path.name.endswith((".gz", ".parquet", ".arrow", ".json")) or writer == "json lines called json"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".feather", ".csv.gz"])
@settings(deadline=None, max_examples=10)
@given(content=st.binary(max_size=60) | st.text(_SIGNS, max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(suffix, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        path.write_bytes(content)
        for read in (data.read, data.read_splits, data.read_texts, lambda path: data.read(path, text=0, label=1)):
            message = ""
            try:
                read(path)
            except DataError as error:
                message = str(error)
            assert len(message.splitlines()) <= 1
