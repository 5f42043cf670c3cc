"""Encodings that are told from the bytes, and those that have to be named; the end of a text."""

import gzip
import json

import pytest

from data_files import ROWS, csv_of, pairs, put, refusal
from heedful import data
from heedful.errors import DataError, SettingError

CSV = csv_of()
LINES = "".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n" for text, label in ROWS)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "shift_jis", "gb18030", "mac-roman", "utf-16-le"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json"])
def test_encodings_that_cannot_be_told_are_named(tmp_path, encoding, suffix):
    word = {"cp1251": "привет", "shift_jis": "こんにちは", "gb18030": "你好吗"}.get(encoding, "café")
    rows = [{"text": word, "label": 1}, {"text": "b", "label": 0}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    content = {".csv": f"text,label\n{word},1\nb,0\n", ".jsonl": lines, ".json": json.dumps(rows, ensure_ascii=False)}
    path = put(tmp_path / f"x{suffix}", content[suffix].encode(encoding))
    assert data.read(path, encoding=encoding).texts == (word, "b")
    assert [row.text for row in data.read_texts(path, encoding=encoding)] == [word, "b"]
    if encoding != "utf-16-le":
        message = refusal(path)
        assert "not UTF-8" in message
        assert "encoding= (--encoding)" in message
        assert encoding != "cp1252" or "'café'" in message or suffix != ".csv"


def test_a_mark_says_more_than_the_encoding_asked_for(tmp_path):
    path = put(tmp_path / "x.csv", CSV.encode("utf-8-sig"))
    assert pairs(data.read(path, encoding="cp1252")) == ROWS
    for wrong in ("klingon", "hex", "zip", "a\0b", "é"):
        with pytest.raises(SettingError, match="no encoding is called"):
            data.read(path, encoding=wrong)


def test_rows_behind_the_limit_may_be_in_another_encoding(tmp_path):
    content = CSV.encode() + b"caf\xe9,pos\n"
    path = put(tmp_path / "x.csv", content)
    assert pairs(data.read(path, limit=3)) == ROWS
    assert "line 6: not UTF-8" in refusal(path, limit=4)
    path = put(tmp_path / "x.jsonl", LINES.encode() + b'{"text": "caf\xe9"}\n')
    assert pairs(data.read(path, limit=3)) == ROWS
    assert "line 4: not UTF-8" in refusal(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"so good\r\n", "so good"),
        (b"so good\n", "so good"),
        (b"so good\r", "so good"),
        (b"so good", "so good"),
        (b"\n", ""),
        (b"", ""),
        (b"so\r\ngood\r\n\r\n", "so\r\ngood\r\n"),
        ("\ufeffso good\r\n".encode(), "so good"),
        ("so good\r\n".encode("utf-16"), "so good"),
        ("so good\r\n".encode("utf-16-be"), "so good"),
        (gzip.compress(b"so good\r\n", mtime=0), "so good"),
    ],
)
def test_the_end_of_the_last_line_is_no_part_of_a_text(content, text):
    assert data.text_of(content, "note.txt") == text


def test_one_text_in_an_encoding_of_its_own():
    assert data.text_of("café\r\n".encode("cp1252"), "x", "cp1252") == "café"
    with pytest.raises(DataError, match=r"standard input, line 2: not UTF-8: .*'café'"):
        data.text_of("a\ncafé\n".encode("cp1252"), "standard input")
    for content in (b"PK\x03\x04", gzip.compress(b"so good", mtime=0)[:-9]):
        with pytest.raises(DataError, match=r"note\.docx: "):
            data.text_of(content, "note.docx")
