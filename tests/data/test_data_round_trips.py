"""Whatever texts a writer writes in a supported form are read back as they were."""

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import pairs
from data_writers import NAMES, SIGNS, TABLES, TEXTS, WRITERS, by_csv, written
from heedful import data
from heedful.errors import DataError


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
@given(content=st.binary(max_size=60) | st.text(SIGNS, max_size=60).map(str.encode))
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
