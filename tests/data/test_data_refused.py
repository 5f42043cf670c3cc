"""Data files that are refused: each with one line that says where and why."""

import gzip
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import CSV, put, refusal, write
from heedful import data
from heedful.errors import DataError, SettingError

PARQUET = pa.table({"text": ["a gem " * 50] * 500, "label": [0, 1] * 250})


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def feather(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.feather.write_feather(table, sink)
    return sink.getvalue().to_pybytes()


def jsonl(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in ('{"text": "a", "label": 0}', *rows)).encode()


BAD = {
    "no suffix": ("reviews", CSV, "cannot tell the format"),
    "unknown suffix": ("x.docx", CSV, "cannot tell the format"),
    "workbook": ("x.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
    "workbook called csv": ("x.csv", b"PK\x03\x04", "zip archive or a workbook under another name"),
    "old workbook called csv": ("x.csv", b"\xd0\xcf\x11\xe0", "save it as CSV"),
    "parquet called csv": ("x.csv", parquet(PARQUET), "name it .parquet"),
    "pickle": ("x.pkl", b"\x80\x04N.", "never read"),
    "archive": ("x.zip", b"PK\x03\x04", "unpack it"),
    "empty csv": ("x.csv", b"", "is empty"),
    "empty jsonl": ("x.jsonl", b"", "is empty"),
    "empty parquet": ("x.parquet", b"", "is empty"),
    "blank csv": ("x.csv", b"\n\n", "the columns are: none"),
    "blank jsonl": ("x.jsonl", b"\n\n", "no rows"),
    "header alone": ("x.csv", b"text,label\n", "no rows"),
    "no rows in parquet": ("x.parquet", parquet(PARQUET[:0]), "no rows"),
    "parquet cut at the end": ("x.parquet", parquet(PARQUET)[:-20], "not a Parquet file, or a damaged one"),
    "parquet cut early": ("x.parquet", parquet(PARQUET)[:10], "not a Parquet file, or a damaged one"),
    "text as parquet": ("x.parquet", CSV, "not a Parquet file, or a damaged one"),
    "csv not utf-8": ("x.csv", CSV + "caf\xe9,pos\n".encode("latin-1"), "line 4: not UTF-8"),
    "csv cp1252 named": ("x.csv", CSV + "caf\xe9,pos\n".encode("latin-1"), "encoding= .*--encoding.*'café'"),
    "csv utf-16 cut": ("x.csv", CSV.decode().encode("utf-16")[:-1], "line 3: not UTF-16"),
    "gzip cut": ("x.csv.gz", gzip.compress(CSV)[:-9], "damaged or cut off"),
    "gzip damaged": ("x.csv.gz", gzip.compress(CSV)[:-6] + b"abcdef", "damaged or cut off"),
    "gzip of nothing": ("x.csv.gz", gzip.compress(b""), "is empty"),
    "csv of many columns": ("x.csv", ",".join(f"c{i}" for i in range(50)).encode(), "'c19' and 30 more;"),
    "csv without header": ("x.csv", b"A gem.,pos\nA bore.,neg\n", "'A gem.', 'pos'.*--text-column.* no header"),
    "csv two texts": ("x.csv", b"review,comment,label\na,b,0\nc,d,1\n", "is the text, 'review' or 'comment'.*--text-"),
    "csv two labels": ("x.csv", b"text,target,class\na,b,0\nc,d,1\n", "is the label, 'target' or 'class'.*--label-col"),
    "csv twice but for capitals": ("x.csv", b"Text,TEXT,label\na,b,0\nc,d,1\n", "is the text, 'Text' or 'TEXT'"),
    "csv rows inside quotes": (
        "x.csv", b'text,label\n"Hello,pos\nsaid",neg\nFine,pos\n', "line 2: a quoted text seems to hold rows",
    ),
    "tsv cut inside quotes": ("x.tsv", b'label\ttext\n1\ta\n0\t"and so', "line 3: not CSV"),
    "csv cut after escapes": ("x.csv", b'text,label\n"a \\"b\\"",0\n"c,1', "line 2: not CSV"),
    "single quotes not doubled": ("x.csv", b"'text','label'\n'it's',1\n'b',0\n", "line 2: not CSV"),
    "labels alike": ("x.csv", CSV + b"c,Pos\n", "line 4: labels 'pos' and 'Pos' differ only in capitals"),
    "labels alike in spaces": ("x.csv", b"text,label\na,so good\nb,so  good\n", "'so good' and 'so  good' differ only"),
    "labels alike in coding": ("x.csv", "text,label\na,\u00e9\nb,e\u0301\n".encode(), "differ only in"),
    "names alike": (
        "x.csv", b"text,label,label_name\na,0,neg\nb,1,Neg\n", "labels 'neg' and 'Neg' differ only in capitals",
    ),
    "jsonl not utf-8": ("x.jsonl", jsonl() + b'{"text": "caf\xe9", "label": 1}\n', "line 2: not UTF-8"),
    "half a surrogate pair": ("x.jsonl", jsonl('{"text": "\\ud83d", "label": 1}'), "line 2: .*surrogate"),
    "half a pair in a label": ("x.jsonl", jsonl('{"text": "b", "label": "\\ud83d"}'), "line 2: the label .*surrogate"),
    "half a pair in a name": (
        "x.jsonl", b'{"text": "a", "label": 0, "label_name": "x"}\n{"text": "b", "label": 1, "label_name": "\\ud83d"}',
        "line 2: the name of the label .*surrogate",
    ),
    "csv columns": ("x.csv", b"words,stars\na,1\n", "no column 'text' and 'label'; .*: 'words', 'stars'"),
    "csv one column": ("x.csv", b"text,stars\na,1\n", "no column 'label'; the columns are: 'text', 'stars'"),
    "parquet columns": ("x.parquet", parquet(PARQUET.rename_columns(["a", "label"])), "no column 'text'; .*: 'a'"),
    "jsonl columns": ("x.jsonl", b'{"a": 1}\n{"b": 1}\n', "no column 'text' and 'label'; the columns are: 'a', 'b'"),
    "csv column twice": ("x.csv", b"text,label,text\na,0,b\nb,1,c\n", "column 'text' is there 2 times"),
    "parquet column twice": ("x.parquet", parquet(pa.table([["a", "b"], [0, 1], [1, 0]], ["text", "label", "label"])),
                             "column 'label' is there 2 times"),
    "json key twice": ("x.jsonl", jsonl('{"text": "a", "text": "b", "label": 1}'), "line 2: .*same key twice"),
    "csv row too long": ("x.csv", CSV + b"\nx,pos,more\n", "line 5: 3 fields where the header has 2: put .* in quotes"),
    "csv row too short": ("x.csv", b'text,label\n"a\nb",0\nx\n', "line 4: 1 fields where the header has 2"),
    "csv cut inside quotes": ("x.csv", b'label,text\n1,a\n0,"b and so\non\n', "line 4: not CSV"),
    "csv cut inside quotes after others": ("x.csv", b"label,text\n1,'Twas'\n0,\"b and so", "line 3: not CSV"),
    "csv cut inside a label": ("x.csv", b"text,label\na,pos\nb,neg\nc,pos\nd,po", "line 5: .*'po'.* looks cut off"),
    "csv stray quote": ("x.csv", CSV + b'"a" b,pos\n', "line 4: not CSV"),
    "json cut": ("x.jsonl", jsonl('{"text": "b", "lab'), "line 2: not JSON .* at character 15"),
    "json too deep": ("x.jsonl", jsonl("[" * 200_000), "line 2: not JSON to read"),
    "json no object": ("x.jsonl", jsonl('["b", 1]'), "line 2: not a JSON object"),
    "json text": ("x.json", b'"a"', "holds no rows"),
    "json of texts": ("x.json", b'["a", "b"]', "row 1: not a JSON object"),
    "json cut in an array": ("x.json", b'[{"text": "a", "label": 0},\n {"te', "not JSON .* at line 2, character 3"),
    "json cut in a line": ("x.json", jsonl('{"text": "b", "lab'), "line 2: not JSON .* at character 15"),
    "json with parts": ("x.json", b'{"train": [{"text": "a"}], "test": [{"text": "b"}]}',
                        r"several parts \(train, test\): put each"),
    "json columns of two lengths": ("x.json", b'{"text": ["a", "b"], "label": [0]}', "have not the same rows"),
    "json rows of two lengths": ("x.json", b'[["text", "label"], ["a", 0], ["b"]]',
                                 "row 3: 1 values where the first row has 2"),
    "json column twice": ("x.json", b'{"columns": ["text", "text", "label"], "data": [["a", "b", 0]]}',
                          "is there 2 times"),
    "arrow cut": ("x.arrow", stream(PARQUET)[:-8], "cut off"),
    "arrow damaged": ("x.arrow", b"\xff" * 20 + b"\xff\xff\xff\xff\0\0\0\0", "not an Arrow file"),
    "arrow cut to nothing": ("x.arrow", stream(PARQUET)[:3], "not an Arrow file"),
    "feather cut": ("x.feather", feather(PARQUET)[:-20], "not an Arrow file"),
    "csv label blank": ("x.csv", CSV + b"x, \ny,\n", r"line 4 \(and 1 more\): the label \('label'\) is missing"),
    "csv label nan": ("x.csv", b"text,label\na,0\nb,1\nc,NaN\n", "line 4: the label .* is missing"),
    "parquet label null": ("x.parquet", parquet(pa.table({"text": ["a", "b", "c"], "label": [0, None, 1]})),
                           "row 2: the label .* is missing"),
    "parquet label nan": ("x.parquet", parquet(pa.table({"text": ["a", "b", "c"], "label": [0.0, float("nan"), 1.0]})),
                          "row 2: the label .* is missing"),
    "jsonl label left out": ("x.jsonl", jsonl('{"text": "b"}'), "line 2: the label .* is missing"),
    "jsonl label nan": ("x.jsonl", jsonl('{"text": "b", "label": NaN}'), "line 2: the label .* is missing"),
    "label not whole": ("x.csv", b"text,label\na,0\nb,0.5\n", "line 3: label 0.5: use whole numbers"),
    "label infinite": ("x.jsonl", jsonl('{"text": "b", "label": Infinity}'), "line 2: label inf: use whole numbers"),
    "labels mixed": ("x.jsonl", jsonl('{"text": "b", "label": "one"}'), "line 2: label 'one': use whole numbers"),
    "labels half boolean": ("x.jsonl", jsonl('{"text": "b", "label": true}'), "line 2: label True: use whole numbers"),
    "label a list": ("x.jsonl", jsonl('{"text": "b", "label": [1]}'), r"line 2: label \[1\]: use whole numbers"),
    "one class": ("x.csv", b"text,label\na,pos\nb,pos\n", "only one class, 'pos'"),
    "two names of a label": ("x.csv", b"text,label,label_name\na,0,x\nb,1,y\nc,0,z\n", "line 4: label 0 and name 'z'"),
    "two labels of a name": ("x.csv", b"text,label,label_name\na,0,x\nb,1,x\n", "line 3: label 1 and name 'x'"),
    "no name of a label": ("x.csv", b"text,label,label_name\na,0,x\nb,1, \n", "line 3: the name .* missing"),
    "text blank": ("x.csv", CSV + b"\t,pos\n,neg\n ,pos\n", r"line 4 \(and 2 more\): the text .* blank"),
    "text null": ("x.parquet", parquet(pa.table({"text": ["a", None], "label": [0, 1]})), "row 2: the text .* blank"),
    "text left out": ("x.jsonl", jsonl('{"label": 1}'), "line 2: the text .* blank"),
    "text a number": ("x.jsonl", jsonl('{"text": 5, "label": 1}'), "line 2: 'text' holds int, not text"),
    "text of numbers": ("x.parquet", parquet(pa.table({"text": [1, 2], "label": [0, 1]})), "row 1 .*int, not text"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused_with_a_reason(tmp_path, name, content, reason):
    path = put(tmp_path / name, content)
    for reader in (data.read, data.read_splits):
        assert re.search(reason, refusal(path, reader))


def test_parquet_that_is_not_utf8(tmp_path):
    text = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], dtype=np.int32)), pa.py_buffer(b"a\xff"))
    assert "not UTF-8" in refusal(put(tmp_path / "x.parquet", parquet(pa.table({"text": text, "label": [0, 1]}))))


@pytest.mark.parametrize("checked", [True, False])
def test_a_damaged_page_of_parquet_is_refused(tmp_path, checked):
    table = pa.table({"text": [f"text {i * i}" for i in range(2_000)], "label": [0, 1] * 1_000})
    settings = {"compression": "none" if checked else "gzip", "use_dictionary": False}
    pq.write_table(table, tmp_path / "x.parquet", write_page_checksum=checked, **settings)
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    content[1_000] ^= 1
    assert "not a Parquet file, or a damaged one" in refusal(put(tmp_path / "x.parquet", bytes(content)))


@settings(deadline=None)
@given(st.integers(0, len(parquet(PARQUET)) - 1))
def test_every_truncated_parquet_is_refused(size):
    with tempfile.TemporaryDirectory() as folder:
        refusal(put(Path(folder, "x.parquet"), parquet(PARQUET)[:size]))


def test_missing_and_unreadable_places(tmp_path):
    assert "no such file or folder" in refusal(tmp_path / "none.csv")
    assert "no such file or folder" in refusal(tmp_path / "a\0b.csv")
    for reader in (data.read, data.read_splits, data.read_texts):
        assert "give the path of a file or folder, got ''" in refusal("", reader)
    assert "nothing to read" in refusal(tmp_path)
    write(tmp_path / "all.csv", {"text": ["a", "b"], "label": [0, 1]})
    assert "it holds all.csv: name the file" in refusal(tmp_path, data.read_splits)
    put(tmp_path / "pos" / "1.txt", b"good")
    assert "only one class, 'pos'" in refusal(tmp_path)
    (tmp_path / "neg").mkdir()
    assert "no .txt file in neg" in refusal(tmp_path)
    put(tmp_path / "neg" / "1.txt", b" \n")
    assert f"{Path('neg', '1.txt')}: the text" in refusal(tmp_path)
    put(tmp_path / "neg" / "1.txt", b"\xff")
    with pytest.raises(DataError, match=r"1\.txt, line 1: not UTF-8"):
        data.read(tmp_path)


def test_a_failing_disk_is_a_data_error(tmp_path, monkeypatch):
    def fail(*args, **settings):
        raise PermissionError(13, "Permission denied", str(tmp_path / "x.csv"))

    path = put(tmp_path / "x.csv", CSV)
    monkeypatch.setattr(Path, "open", fail)
    assert refusal(path).endswith("x.csv: cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["ragged.csv", "mixed.jsonl", "latin/a/1.txt"])
def test_files_are_closed_at_once_after_a_refusal(tmp_path, monkeypatch, name):
    opened = []
    path_open = Path.open
    put(tmp_path / "ragged.csv", b"text,label\na\nb,1\n")
    put(tmp_path / "mixed.jsonl", b"[1]\n{}\n")
    put(tmp_path / "latin/a/1.txt", b"\xff\nb\n")
    monkeypatch.setattr(Path, "open", lambda *args: opened.append(path_open(*args)) or opened[-1])
    with pytest.raises(DataError) as caught:  # keeps the frames of the readers alive
        data.read(tmp_path / name.split("/")[0])
    assert caught.value
    assert [file.closed for file in opened] == [True]


def test_one_class_within_the_limit_says_so(tmp_path):
    path = write(tmp_path / "x.csv", {"text": ["a", "b", "c"], "label": [0, 0, 1]})
    assert "only one class, '0' in the first 2 rows" in refusal(path, limit=2)


def test_settings_out_of_range(tmp_path):
    path = put(tmp_path / "x.csv", CSV)
    with pytest.raises(SettingError, match="limit must be at least 1"):
        data.read(path, limit=0)
    with pytest.raises(SettingError, match="the same column"):
        data.read_splits(path, text="label")
