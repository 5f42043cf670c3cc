"""Which columns of a table are read: by their usual names, as named, or by number without a header."""

import csv
import json

import pandas as pd
import pytest

from data_files import PLAIN, csv_of, pairs, put, refusal
from heedful import data
from heedful.errors import DataError, SettingError


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("sentence", "label"), ("review", "sentiment"), ("content", "target"), ("comment", "class"), ("Tweet", "y"),
        ("Review Text", "Category"), ("reviewText", "gold_label"), ("text", "sentiment"), ("review", "label"),
    ],
)  # fmt: skip
def test_usual_names_of_columns_are_taken(tmp_path, suffix, text, label):
    table = pd.DataFrame({"id": [1, 2], text: ["a", "b"], "stars": [5, 1], label: ["x", "y"]})
    path = tmp_path / f"x{suffix}"
    {".csv": table.to_csv, ".parquet": table.to_parquet}.get(
        suffix, lambda to: table.to_json(to, orient="records", lines=True)
    )(path)
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]
    assert [row.text for row in data.read_texts(path)] == ["a", "b"]


def test_text_and_label_come_before_names_that_only_usually_mean_them(tmp_path):
    path = put(tmp_path / "x.csv", b"sentiment,title,text,label\nn,t,a,x\nn,t,b,y\n")
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]
    path = put(tmp_path / "y.csv", b"Text,review,LABEL,class\na,t,x,1\nb,t,y,2\n")
    assert pairs(data.read(path)) == [("a", "x"), ("b", "y")]


def test_columns_can_be_named(tmp_path):
    path = put(tmp_path / "x.csv", b"review,comment,Gold,text\nr,a,x,\ns,b,y,\n")
    for text, label in (("comment", "Gold"), ("Comment", "gold"), (1, 2), ("comment", 2)):
        assert pairs(data.read(path, text=text, label=label)) == [("a", "x"), ("b", "y")]
    assert pairs(data.read(path, text="comment", label="review")) == [("a", "r"), ("b", "s")]
    assert [row.text for row in data.read_texts(path, text="review")] == ["r", "s"]
    for wrong in ("Stars", 4):
        with pytest.raises(DataError, match=f"no column {wrong!r}; .*'review', 'comment', 'Gold', 'text'; name"):
            data.read(path, text="comment", label=wrong)
    for text, label in (("text", "text"), (1, 1), (True, 1), (-1, 1)):
        with pytest.raises(SettingError):
            data.read(path, text=text, label=label)
    with pytest.raises(SettingError, match="same column"):
        data.read(path, text=2, label="gold")


HEADERLESS = "pos,A gem\nneg,So so\npos,Fine # 1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", HEADERLESS),
        ("x.csv", HEADERLESS.replace(",", ";")),
        ("x.csv", HEADERLESS.replace(",", "\t")),
        ("x.tsv", HEADERLESS.replace(",", "\t")),
        ("x.csv", "# by me\n" + HEADERLESS),
        ("x.csv", "label,text\n" + HEADERLESS),
        ("x.csv", "0,1\n" + HEADERLESS),  # of pandas
        ("x.csv", csv_of([(b, a) for a, b in PLAIN], header=("0", "1"), quotechar="'", quoting=csv.QUOTE_ALL)),
        ("x.json", json.dumps([(b, a) for a, b in PLAIN])),
        ("x.json", json.dumps({"columns": ["kind", "words"], "data": [(b, a) for a, b in PLAIN]})),
    ],
)
def test_columns_by_number_where_there_is_no_header(tmp_path, name, content):
    path = put(tmp_path / name, content.encode())
    assert pairs(data.read(path, text=1, label=0)) == PLAIN
    assert [row.text for row in data.read_texts(path, text=1)] == [text for text, _ in PLAIN]


def test_a_header_is_not_taken_for_a_row(tmp_path):
    for content, reason in (
        (b"stars,words\n1,a\n0,b\n", "line 1: looks like a header, as no other row has the label 'stars'"),
        (b"kind,words\nx,a b\ny,c d\ny,e f\n", "line 1: looks like a header"),
        (b"label,words\n1,a\n0,b\n", "'words' and 'label' a header or a row"),
    ):
        message = refusal(put(tmp_path / "x.csv", content), text=1, label=0)
        assert reason in message
    path = put(tmp_path / "x.csv", b"pos,Dull\nneg,Good\nneg,Fine\n")  # of one word each
    assert len(data.read(path, text=1, label=0)) == 3


def test_a_single_column_has_no_separators(tmp_path):
    texts = ["Hello, world", "Great; yes", "a\tb|c", "end"]
    path = put(tmp_path / "x.csv", "\n".join(["text", *texts, "", ""]).encode())
    assert [row.text for row in data.read_texts(path)] == texts
    path = put(tmp_path / "x.csv", "\n".join(texts).encode())
    assert [row.text for row in data.read_texts(path, text=0)] == texts
    assert "'Hello', ' world'; name the right one with text= (--text-column), or" in refusal(path, data.read_texts)


@pytest.mark.parametrize(("first", "names"), [("good film,1", ("0", "1")), ("good film,pos", ("neg", "pos"))])
def test_a_first_row_with_the_number_of_a_column_is_a_row(tmp_path, first, names):
    other = "0" if names[0] == "0" else "neg"
    (tmp_path / "x.csv").write_text(f"{first}\nbad film,{other}\n", "utf-8")
    read = data.read(tmp_path / "x.csv", text=0, label=1)
    assert (read.texts, read.label_names) == (("good film", "bad film"), names)


def test_numbers_alone_are_a_header_that_stands_for_none(tmp_path):
    (tmp_path / "x.csv").write_text("0,1\ngood film,1\nbad film,0\n", "utf-8")
    assert data.read(tmp_path / "x.csv", text=0, label=1).texts == ("good film", "bad film")
