"""Rows as a stream: the same rows as the reader of whole files gives, a bad row stops nothing, memory stays flat."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import sys
import tempfile
import tracemalloc
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import put, write
from data_writers import NAMES, SIGNS, TABLES, TEXTS, WRITERS, written
from heedful import data
from heedful.data import RowColumns, delimited_stream, stream_sources, text_streams
from heedful.errors import DataError, SettingError


def rows_of(source, size: int = 1024, **options) -> list[data.Row]:
    return [row for batch in data.stream_rows(source, **options).batches(size) for row in batch]


def texts_of(source, **options) -> list:
    return [row.text for row in rows_of(source, **options)]


def as_read(path) -> list[tuple]:
    return [(row.place, row.text, row.problem) for row in data.read_texts(path)]


def as_streamed(path) -> list[tuple]:
    return [(row.place, row.text, row.problem) for row in rows_of(path)]


@settings(deadline=None, max_examples=60)
@given(TABLES, st.sampled_from(sorted(WRITERS)), st.sampled_from(NAMES))
def test_a_stream_has_the_rows_that_the_whole_file_has(rows, writer, names):
    in_order = [row[::-1] for row in rows] if names[0] == "label" else rows
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, writer, in_order, names)
        assert as_streamed(path) == as_read(path)
        if names[0] == "label" and any(text.endswith("\r") for text, _ in rows):
            return  # without quotes, a CR at the end of a line is part of the line's end
        assert [(row.text, row.label) for row in rows_of(path)] == rows


STANDARD = ["csv", "csv, LF", "csv, CR", "csv, all quoted", "csv, semicolon", "csv, bar", "csv, UTF-16", "csv, gzip",
            "csv, UTF-8 marked", "tsv", "json lines", "json lines called json", "parquet", "arrow"]  # fmt: skip
LONGER = st.lists(st.tuples(TEXTS.filter(lambda text: "'" not in text), st.sampled_from(["pos", "neg", "so, so"])),
                  min_size=12, max_size=30)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(LONGER, st.sampled_from(STANDARD), st.integers(1, 7))
def test_a_stream_read_in_small_pieces_has_the_same_rows(rows, writer, size):
    """Of layouts that the header tells: the first 40 characters say nothing of quotes further on."""
    first = ("A plain text, to begin with", "pos")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(text_streams, "SNIFFED", 40)
        patch.setattr(text_streams, "_BLOCK", 300)
        for module in (stream_sources, delimited_stream):
            patch.setattr(module, "CHUNK", 3)
        path = written(folder, writer, [first, *rows], ("text", "label"))
        stream = data.stream_rows(path)
        batches = list(stream.batches(size))
        assert [(row.text, row.label) for batch in batches for row in batch] == [first, *rows]
        assert [row.number for batch in batches for row in batch] == list(range(len(rows) + 1))
        assert {len(batch) for batch in batches[:-1]} <= {size}
        assert list(stream.batches(size)) == batches  # again from the start


BAD = (
    'id,text,label\r\n'
    '1,"a\r\nb",pos\r\n'  # lines 2 and 3
    '2,"never closed,neg\r\n'
    "3,bad\xff,pos\r\n"
    "4,ok,pos,more\r\n"
    "5, ,neg\r\n"
    ",no id,neg\r\n"
    '8,"in "the" middle",neg\r\n'
    "9,fine,neg"
)  # fmt: skip


@pytest.mark.parametrize("sniffed", [2**19, 60])
def test_a_bad_row_of_delimited_text_is_one_row(tmp_path, monkeypatch, sniffed):
    monkeypatch.setattr(text_streams, "SNIFFED", sniffed)
    path = put(tmp_path / "x.csv", BAD.encode("latin-1"))
    rows = rows_of(path)
    assert [(row.place, row.id, row.text, row.label) for row in rows if row.problem is None] == [
        ("line 2", "1", "a\r\nb", "pos"),
        ("line 10", "9", "fine", "neg"),
    ]
    assert [(row.number, row.place, row.id, row.problem) for row in rows if row.problem] == [
        (1, "line 4", "1", "not CSV (',' expected after '\"')"),
        (2, "line 5", "3", "the text ('text') is not UTF-8, or not the encoding that was given"),
        (3, "line 6", "3", "4 fields where the header has 3"),
        (4, "line 7", "5", "the text ('text') is missing or blank"),
        (5, "line 8", "5", "the id ('id') is missing"),
        (6, "line 9", "6", "not CSV (',' expected after '\"')"),
    ]
    assert all(row.text is None for row in rows if row.problem)


def test_a_bad_line_of_json_is_one_row(tmp_path):
    lines = [
        b'{"text": "a", "label": 1, "id": 7}',
        b"",
        b"[1]",
        b'{"text":',
        b'{"text": "\\ud800"}',
        b'{"text": 3, "id": 8}',
        b'{"text": "\xff"}',
        b'{"text": "b", "text": "c"}',
        b'{"text": NaN, "id": 8}',
        b'{"text": "b", "id": [1]}',
        b'{"text": "b", "id": 9.0, "label": true}',
    ]
    rows = rows_of(put(tmp_path / "x.jsonl", b"\r\n".join(lines)))
    assert rows[0] == data.Row(0, "line 1", "7", "a", "1")
    assert rows[-1] == data.Row(9, "line 11", "9", "b", "true")
    assert [(row.place, row.problem) for row in rows[1:-1]] == [
        ("line 3", "not a JSON object"),
        ("line 4", "not JSON (Expecting value at character 9)"),
        ("line 5", "the text ('text') is not Unicode: it has half a surrogate pair"),
        ("line 6", "'text' holds int, not text"),
        ("line 7", "not UTF-8, or not the encoding that was given"),
        ("line 8", "not JSON to read (an object has the same key twice)"),
        ("line 9", "the text ('text') is missing or blank"),
        ("line 10", "the id ('id') holds list, not text or a number"),
    ]


def test_a_text_of_parquet_that_is_not_utf8_is_one_row(tmp_path):
    values = pa.Array.from_buffers(pa.string(), 3, pa.array([b"good", b"b\xffd", b"fine"], pa.binary()).buffers())
    pq.write_table(pa.table({"text": values, "label": ["x", "y", "z"]}), tmp_path / "x.parquet")
    rows = rows_of(tmp_path / "x.parquet")
    assert [(row.text, row.label, row.problem) for row in rows] == [
        ("good", "x", None),
        (None, "y", "'text' is not UTF-8"),
        ("fine", "z", None),
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_text_of_ten_megabytes_is_one_row(tmp_path, suffix, at):
    texts = ["a", "b", "c"]
    texts[at] = ("long, long. " * 1000 + "\n") * 1000
    path = write(tmp_path / f"x{suffix}", {"text": texts, "label": ["1", "2", "3"]})
    rows = rows_of(path)
    assert [row.text for row in rows] == [None if i == at else text for i, text in enumerate(texts)]
    assert rows[at].problem == "the text ('text') has 12,001,000 characters, more than 1,000,000"
    assert [row.label for row in rows] == ["1", "2", "3"]
    assert texts_of(path, max_chars=12_001_000) == texts


def test_a_quote_that_is_never_closed_takes_no_memory_and_no_other_row(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited_stream, "LONGEST", 1000)
    monkeypatch.setattr(text_streams, "SNIFFED", 50)
    good = [f"text {i}" for i in range(300)]
    lines = ["text,label", *(f"{text},x" for text in good)]
    lines.insert(100, '"open,x')
    path = put(tmp_path / "x.csv", "\n".join(lines).encode())
    rows = rows_of(path, max_chars=100)
    assert [row.text for row in rows if row.problem is None] == good
    assert [(row.place, row.problem) for row in rows if row.problem] == [
        ("line 101", "not CSV (field larger than field limit (1000))")
    ]
    assert csv.field_size_limit() == 131072  # as it was


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_compressed_marked_and_cut_off(tmp_path, pack):
    lines = "".join(f"Größe {i};{i % 2}\r\n" for i in range(2000))
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        content = pack(("Text;label\r\n" + lines).encode(encoding))
        path = put(tmp_path / "x.csv.gz", content)
        rows = rows_of(path)
        assert len(rows) == 2000
        assert (rows[-1].text, rows[-1].label, rows[-1].place) == ("Größe 1999", "1", "line 2001")
    if pack is not bytes:
        path.write_bytes(content[:-30])
        with pytest.raises(DataError, match=r"x\.csv\.gz: compressed, and damaged or cut off"):
            rows_of(path)


def test_cp1252(tmp_path):
    path = put(tmp_path / "x.tsv", "text\nschön\n".encode("cp1252"))
    assert texts_of(path, encoding="cp1252") == ["schön"]
    assert [row.problem for row in rows_of(path)] == [
        "the text ('text') is not UTF-8, or not the encoding that was given"
    ]


COLUMNS = {"id": [3, 4], "premise": ["a", "b"], "hypothesis": ["c", ""], "gold": [1, 0], "gold_name": ["yes", "no"]}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_pairs_and_columns_by_name(tmp_path, suffix):
    path = write(tmp_path / f"x{suffix}", COLUMNS)
    first, second = rows_of(path, columns=RowColumns("premise", "hypothesis"))
    assert (first.id, first.text, first.label) == ("3", ("a", "c"), "yes")
    assert (second.text, second.problem) == (None, "the text ('hypothesis') is missing or blank")
    row = rows_of(path, columns=RowColumns("premise", label="hypothesis", id="gold"))[0]
    assert (row.id, row.text, row.label) == ("1", "a", "c")
    for wrong in (RowColumns("nope"), RowColumns("premise", "nope"), RowColumns("premise", id="nope"), None):
        with pytest.raises(DataError, match="no column 'nope'" if wrong else "no column 'text'"):
            data.stream_rows(path, columns=wrong)
    for twice in (RowColumns("premise", "premise"), RowColumns("premise", label="premise")):
        with pytest.raises(SettingError):
            data.stream_rows(path, columns=twice)


def test_columns_by_number_without_a_header(tmp_path):
    path = put(tmp_path / "x.csv", b"0,good,u1\n1,bad,u2\n")
    rows = rows_of(path, columns=RowColumns(1, label=0, id=2))
    assert [(row.id, row.text, row.label) for row in rows] == [("u1", "good", "0"), ("u2", "bad", "1")]


def test_the_second_text_is_not_taken_for_the_first(tmp_path):
    path = write(tmp_path / "x.csv", {"question": ["q"], "sentence": ["s"]})
    assert texts_of(path, columns=RowColumns(text_pair="sentence")) == [("q", "s")]
    with pytest.raises(DataError, match="which column is the text"):
        data.stream_rows(path)


@pytest.mark.parametrize(
    ("values", "names"),
    [([1, 2], ["1", "2"]), ([True, False], ["true", "false"]), ([1.0, None], ["1", None]), ([0.5, 2.0], ["0.5", "2"]),
     ([" a ", "True"], ["a", "true"]), (["1.0", "07"], ["1", "07"]), (["-1", "nan"], ["-1", None])],
)  # fmt: skip
def test_names_of_labels(tmp_path, values, names):
    path = write(tmp_path / "x.parquet", {"text": ["a", "b"], "label": values})
    assert [row.label for row in rows_of(path)] == names


def test_names_of_classes_in_the_file(tmp_path):
    info = {"info": {"features": {"label": {"names": ["worse", "better"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, -1]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), tmp_path / "x.parquet")
    assert [row.label for row in rows_of(tmp_path / "x.parquet")] == ["better", "worse", "-1"]


def test_files_one_after_the_other(tmp_path):
    for n in (10, 2, 1):
        write(tmp_path / f"part-{n}.csv", {"text": [f"{n}a", f"{n}b"]})
    expected = [("part-1.csv, line 2", "1a"), ("part-1.csv, line 3", "1b"), ("part-2.csv, line 2", "2a")]
    for source in (tmp_path, str(tmp_path / "part-*.csv"), [tmp_path / f"part-{n}.csv" for n in (1, 2, 10)]):
        rows = rows_of(source, size=4)
        assert [(row.place, row.text) for row in rows[:3]] == expected
        assert [row.number for row in rows] == list(range(6))
        assert [row.id for row in rows] == list("012345")
    assert texts_of([str(tmp_path / "part-2.csv"), tmp_path / "part-1.csv"]) == ["2a", "2b", "1a", "1b"]
    assert data.stream_rows(tmp_path).files == tuple(tmp_path / f"part-{n}.csv" for n in (1, 2, 10))


def test_shards_and_how_many_rows(tmp_path):
    for i in range(2):
        write(tmp_path / f"x-{i:05d}-of-00003.parquet", {"text": ["a"] * (i + 1)})
    with pytest.raises(DataError, match=r"x-00002-of-00003\.parquet is missing"):
        data.stream_rows(tmp_path)
    write(tmp_path / "x-00002-of-00003.parquet", {"text": ["c"]})
    stream = data.stream_rows(tmp_path)
    assert stream.n_rows == 4
    assert [row.place for batch in stream.batches() for row in batch][-1] == "x-00002-of-00003.parquet, row 1"


def test_a_folder_that_datasets_saved(tmp_path):
    table = pa.table({"text": ["a", "b"], "label": [0, 1]})
    with pa.ipc.new_stream(str(tmp_path / "data-00000-of-00001.arrow"), table.schema) as writer:
        writer.write_table(table)
    put(tmp_path / "state.json", json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}).encode())
    put(tmp_path / "dataset_info.json", b'{"features": {"label": {"names": ["n", "p"], "_type": "ClassLabel"}}}')
    assert [(row.text, row.label) for row in rows_of(tmp_path)] == [("a", "n"), ("b", "p")]


def test_text_files(tmp_path):
    for name, text in (("neg/1.txt", b"bad\n"), ("neg/2.txt", b""), ("pos/1.txt", b"good"), ("pos/2.txt", b"\xff")):
        put(tmp_path / name, text)
    rows = rows_of(tmp_path)
    assert [(row.place, row.text, row.label) for row in rows] == [
        ("neg/1.txt", "bad", "neg"),
        ("pos/1.txt", "good", "pos"),
        ("neg/2.txt", None, "neg"),
        ("pos/2.txt", None, "pos"),
    ]
    assert rows[3].problem is not None
    assert rows[3].problem.startswith("line 1: not UTF-8")
    for source in (tmp_path / "neg", str(tmp_path / "neg/*.txt"), [tmp_path / "neg/1.txt", tmp_path / "neg/2.txt"]):
        assert [(row.place, row.text) for row in rows_of(source)] == [("1.txt", "bad"), ("2.txt", None)]
    assert texts_of(tmp_path / "neg/1.txt") == ["bad"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".txt"])
@settings(deadline=None, max_examples=15)
@given(content=st.binary(max_size=60) | st.text(SIGNS, max_size=60).map(lambda text: b"text,label\n" + text.encode()))
def test_any_bytes_are_rows_or_refused_in_one_line(suffix, content):
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder, f"x{suffix}"), content)
        for columns in (None, RowColumns(0), RowColumns("text", id="label")):
            message, rows = "", []
            try:
                rows = rows_of(path, columns=columns)
            except DataError as error:
                message = str(error)
            assert len(message.splitlines()) == (not rows)
            assert [row.number for row in rows] == list(range(len(rows)))
            assert all((row.text is None) == (row.problem is not None) for row in rows)


def refused(source, **options) -> str:
    with pytest.raises(DataError) as caught:
        rows_of(source, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_what_is_refused(tmp_path):
    write(tmp_path / "a.csv", {"text": ["a"], "label": ["x"]})
    write(tmp_path / "b.csv", {"review": ["a"], "label": ["x"]})
    assert refused(tmp_path).endswith("b.csv: other columns than in a.csv: ['review', 'text']")
    assert "is named twice" in refused([tmp_path / "a.csv", tmp_path / "a.csv"])
    assert refused(tmp_path / "none.csv").endswith("no such file or folder")
    assert "no file has a name like this" in refused(tmp_path / "*.parquet")
    assert "the file is empty" in refused(put(tmp_path / "empty.csv", b""))
    assert "the file is empty" in refused(put(tmp_path / "empty.jsonl", b""))
    assert "there are no rows" in refused(put(tmp_path / "head.csv", b"text,label\n"))
    assert "there are no rows" in refused(write(tmp_path / "none.parquet", {"text": []}))
    assert "line 1: not JSON" in refused(put(tmp_path / "bad.jsonl", b"text\nmore\n"))
    assert "not a Parquet file" in refused(put(tmp_path / "bad.parquet", b"PAR1 and no more"))
    assert "a workbook" in refused(put(tmp_path / "x.xlsx", b"PK"))
    assert "give the path" in refused([])
    assert "nothing to read in it" in refused(put(tmp_path / "other/x.py", b"1").parent)
    for name in ("train", "test"):
        put(tmp_path / f"parts/{name}.csv", b"text\na\n")
    assert "has several parts (train, test): name the files of one" in refused(tmp_path / "parts")
    put(tmp_path / "two/a.csv", b"text\na\n")
    put(tmp_path / "two/b.jsonl", b'{"text": "a"}\n')
    assert "holds .csv and .jsonl files" in refused(tmp_path / "two")
    for size in (0, True):
        with pytest.raises(SettingError):
            data.stream_rows(tmp_path / "a.csv").batches(size)
    with pytest.raises(SettingError):
        data.stream_rows(tmp_path / "a.csv", max_chars=0)


def test_a_damaged_parquet_file_is_refused_when_it_is_reached(tmp_path):
    texts = [os.urandom(500).hex() for _ in range(4000)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "x.parquet", row_group_size=1000, write_page_checksum=True)
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    content[len(content) * 3 // 4] ^= 1
    (tmp_path / "x.parquet").write_bytes(bytes(content))
    batches = data.stream_rows(tmp_path / "x.parquet").batches(100)
    assert [row.text for row in next(batches)] == texts[:100]
    with pytest.raises(DataError, match=r"x\.parquet: not a Parquet file, or a damaged one"):
        list(batches)


def test_the_identity_is_that_of_the_data(tmp_path):
    one, other = (put(tmp_path / name / "x.csv", b"text,y\na,1\n") for name in ("one", "two"))
    identity = data.stream_rows(one).identity()
    assert identity == data.stream_rows(other).identity() == json.loads(json.dumps(identity))
    assert (identity["files"], identity["columns"]) == ([["x.csv", 11]], {"text": "text", "label": "y"})
    other.write_bytes(b"text,y\nab,1\n")
    assert data.stream_rows(other).identity() != identity
    assert data.stream_rows(one, columns=RowColumns("y", label="text")).identity() != identity


@pytest.mark.parametrize(
    ("content", "texts"),
    [(b'\n {"text": "a"}\n{"text": "b"}\n', ["a", "b"]), (b"id;review\n1;a\n2;b\n", ["a", "b"]),
     (gzip.compress(b"text\na\n", mtime=0), ["a"]),
     (b"Just a line\n\nand, another\n\n", ["Just a line", None, "and, another"]),
     (b'{"text": "' + b"a" * 3_000_000 + b'"}\n{"text": "b"}', [None, "b"])],
)  # fmt: skip
def test_standard_input(monkeypatch, content, texts):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    stream = data.stream_rows("-")
    assert (stream.name, stream.files, stream.n_rows) == ("standard input", (), None)
    assert [row.text for batch in stream.batches() for row in batch] == texts
    with pytest.raises(DataError, match="standard input can be read once only"):
        next(stream.batches())


def test_standard_input_that_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert refused("-") == "standard input: the file is empty"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'[{"text": "a"}]')))
    assert "write one object a line" in refused("-")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1,2\n")))
    assert "no column 'c'" in refused("-", columns=RowColumns("c"))


class HubStream:
    """As much of a `datasets.IterableDataset` as is used."""

    def __init__(self, columns, features=None):
        self.columns, self.features = columns, features
        self.column_names = list(features) if features else None

    def __iter__(self):
        return (dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True))

    def select_columns(self, names):
        return HubStream({name: self.columns[name] for name in names}, self.features)

    def iter(self, batch_size):
        for i in range(0, len(self.columns["text"]), batch_size):
            yield {name: values[i : i + batch_size] for name, values in self.columns.items()}


@pytest.mark.parametrize("known", [True, False])
def test_the_hub_through_a_stand_in(monkeypatch, tmp_path, known):
    features = {"text": None, "label": SimpleNamespace(names=["n", "p"]), "other": None} if known else None
    columns = {"text": ["a", "b", None], "label": [0, 1, 1], "other": [1, 2, 3]}
    module = ModuleType("datasets")
    module.load_dataset = lambda name, streaming: {  # type: ignore[attr-defined]
        "train": HubStream({"text": [name]}), "dev": HubStream(columns, features)
    } if streaming else {}  # fmt: skip
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.chdir(tmp_path)
    stream = data.stream_rows("owner/reviews")
    assert (stream.name, stream.files) == ("owner/reviews (dev)", ())
    names = ("n", "p", "p") if known else ("0", "1", "1")
    rows = [row for batch in stream.batches() for row in batch]
    assert [(row.place, row.text, row.label) for row in rows] == [
        (f"row {i}", text, name) for i, text, name in zip((1, 2, 3), columns["text"], names, strict=True)
    ]
    assert [row.problem for row in rows] == [None, None, "the text ('text') is missing or blank"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_memory_stays_flat(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    text = "Not much of a film. " * 250
    write(path, {"text": [f"{i} {text}" for i in range(4_000)], "label": ["x"] * 4_000})
    if suffix != ".parquet":
        assert path.stat().st_size > 20e6
    tracemalloc.start()
    try:
        n = sum(len(batch) for batch in data.stream_rows(path).batches(100))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == 4_000
    assert peak < 5e6
