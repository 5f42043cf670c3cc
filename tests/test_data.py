import csv
import json
import re
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful import data
from heedful.errors import DataError, MissingExtraError, SettingError

ROWS = [("A gem.", "pos"), ("A bore.", "neg"), ("Fine", "pos")]
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


# --- what is read -----------------------------------------------------------------------------------------------------

_text = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
_name = st.sampled_from(["neg", "pos", "très bon", "0.5 stars", "a,b", 'say "x"'])
FORMATS = [".csv", ".parquet", ".jsonl", ".ndjson", ".json-lines"]


@settings(deadline=None)
@given(st.lists(st.tuples(_text, _name), min_size=2).filter(lambda r: len({k for _, k in r}) > 1))
def test_every_format_gives_back_texts_and_labels(rows):
    texts, names = zip(*rows, strict=True)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in FORMATS:
            path = write(Path(folder, f"rows{suffix}"), {"text": list(texts), "label": list(names)})
            read = data.read(path)
            assert read.texts == texts
            assert tuple(read.label_names[c] for c in read.labels) == names
            assert read.label_names == tuple(sorted(set(names)))
            assert read.labels.dtype == np.int64
            assert (read.source, read.rationales, len(read)) == (str(path), None, len(rows))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        ([1, 0, 1], ("0", "1"), [1, 0, 1]),
        ([2, 10, 2], ("2", "10"), [0, 1, 0]),  # by value, gaps closed up
        ([-1, 1, 1], ("-1", "1"), [0, 1, 1]),
        ([1.0, 0.0, 1.0], ("0", "1"), [1, 0, 1]),  # what pandas makes of integers once one was missing
        (["10", "2", "2"], ("2", "10"), [1, 0, 0]),
        (["b", "a", "10"], ("10", "a", "b"), [2, 1, 0]),
        ([" pos", "neg", "pos "], ("neg", "pos"), [1, 0, 1]),
    ],
)
def test_labels_are_ordered_and_named(tmp_path, suffix, labels, names, numbers):
    read = data.read(write(tmp_path / f"x{suffix}", {"text": ["a", "b", "c"], "label": labels}))
    assert read.label_names == names
    assert read.labels.tolist() == numbers


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_booleans_are_two_classes(tmp_path, suffix):
    read = data.read(write(tmp_path / f"x{suffix}", {"text": ["a", "b"], "label": [True, False]}))
    assert (read.label_names, read.labels.tolist()) == (("false", "true"), [1, 0])


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_name_column_names_whole_numbers_in_their_order(tmp_path, suffix):
    columns = {"text": ["a", "b", "c"], "label": [2, 0, 2], "label_name": ["apple", "zebra", "apple"]}
    read = data.read(write(tmp_path / f"x{suffix}", columns))
    assert (read.label_names, read.labels.tolist()) == (("zebra", "apple"), [1, 0, 1])


@pytest.mark.parametrize("suffix", FORMATS)
def test_labels_that_are_names_need_no_others(tmp_path, suffix):
    columns = {"text": ["a", "b", "c"], "label": ["x", "y", "x"], "label_name": ["", "apple", "pear"]}
    assert data.read(write(tmp_path / f"x{suffix}", columns)).label_names == ("x", "y")


def test_a_dictionary_column_is_read_by_its_values(tmp_path):
    table = pa.table({"text": ["a", "b"], "label": pa.array(["x", "y"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "x.parquet")
    assert data.read(tmp_path / "x.parquet").label_names == ("x", "y")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_other_column_names_and_a_limit(tmp_path, suffix):
    columns = {"id": [7, 8, 9], "review.text": ["a", "b", "c"], "stars": [1, 5, 3], "text": ["", "", ""]}
    path = write(tmp_path / f"x{suffix}", columns)
    read = data.read(path, text="review.text", label="stars", limit=2)
    assert (read.texts, read.label_names) == (("a", "b"), ("1", "5"))
    assert len(data.read(path, text="review.text", label="stars", limit=99)) == 3


@pytest.mark.parametrize(
    ("name", "mark"), [("x.csv", CSV), ("x.jsonl", b'{"text": "a", "label": 0}\n{"text": "b", "label": 1}')]
)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, name, mark):
    put(tmp_path / name, b"\xef\xbb\xbf" + mark)
    assert len(data.read(tmp_path / name)) == 2


def test_blank_lines_windows_line_ends_and_upper_case_suffixes(tmp_path):
    rows = b'\r\n{"text": "a", "label": 0}\r\n\r\n{"text": "b\\r\\nc", "label": 1}\r\n\r\n'
    assert data.read(put(tmp_path / "x.JSONL", rows)).texts == ("a", "b\r\nc")
    rows = b'text,label\r\n\r\na,0\r\n\r\n"b\r\nc",1\r\n\r\n'
    assert data.read(put(tmp_path / "x.CSV", rows)).texts == ("a", "b\r\nc")


@pytest.mark.parametrize(
    "rows",
    [
        b"text,label\na,pos\nb,neg\nc,pos\nd,po\n",  # ended, so whole
        b"text,label\na,pos\nb,po\nc,pos\nd,po",  # not the only one of its class
        b"text,label\na,pos\nb,pos\nc,neg",  # the start of no other class
        b"label,text\npos,a\npos,b\npo,c",  # not in the last column
    ],
)
def test_a_csv_whose_last_line_has_no_end_is_read_where_its_label_is_whole(tmp_path, rows):
    assert len(data.read(put(tmp_path / "x.csv", rows))) == rows.count(b",") - 1


def test_long_fields_of_csv_are_read_and_the_library_limit_is_put_back(tmp_path):
    path = write(tmp_path / "x.csv", {"text": ["a" * 200_000, "b"], "label": [0, 1]})
    before = csv.field_size_limit(1_000)
    read = data.read(path)
    assert csv.field_size_limit(before) == 1_000
    assert len(read.texts[0]) == 200_000


def test_many_batches_of_parquet(tmp_path):
    n = 10_000  # more than two batches
    texts = [f"text {i}" for i in range(n)]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": texts, "label": [i % 3 for i in range(n)]}), path, row_group_size=3_000)
    read = data.read(path)
    assert read.texts == tuple(texts)
    assert np.array_equal(read.labels, np.arange(n) % 3)
    assert data.read(path, limit=5_000).texts == tuple(texts[:5_000])


def test_a_folder_per_class_takes_turns(tmp_path):
    for name, texts in {"pos": ["p0", "p1"], "neg": ["n0", "n1", "n2"], "unsup": ["u"], ".git": ["g"]}.items():
        for i, text in enumerate(texts):
            put(tmp_path / name / f"{i}.txt", text.encode())
    put(tmp_path / "README", b"no text")
    read = data.read(tmp_path)
    assert read.texts == ("n0", "p0", "n1", "p1", "n2")
    assert (read.label_names, read.labels.tolist()) == (("neg", "pos"), [0, 1, 0, 1, 0])
    assert data.read(tmp_path, limit=2).texts == ("n0", "p0")


# --- rationales -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_rationales_are_kept_as_spans_of_the_text(tmp_path, suffix):
    columns = {
        "text": ["so  good,\nso so", "dull", "no marks"],
        "label": [1, 0, 0],
        "tokens": [["so", "good", ",", "so", "so"], ["dull"], ["no", "marks"]],
        "rationale": [[0, 1, 0, 0, 0.5], [1], None],
    }
    read = data.read(write(tmp_path / f"x{suffix}", columns))
    assert read.rationales is not None
    first, second, third = read.rationales
    assert [read.texts[0][a:b] for a, b in first.spans] == columns["tokens"][0]
    assert first.spans.tolist() == [[0, 2], [4, 8], [8, 9], [10, 12], [13, 15]]
    assert first.weights.tolist() == [0, 1, 0, 0, 0.5]
    assert (second.weights.tolist(), third) == ([1.0], None)
    assert read.subset([2, 0]).rationales == (None, first)


def test_no_rationales_where_none_is_given(tmp_path):
    columns = {"text": ["a", "b"], "label": [1, 0], "tokens": [["a"], ["b"]]}
    assert data.read(write(tmp_path / "x.jsonl", columns)).rationales is None
    assert data.read(write(tmp_path / "y.jsonl", columns | {"rationale": [None, None]})).rationales is None
    assert data.read(write(tmp_path / "z.csv", columns | {"rationale": [[1], [1]]})).rationales is None


@pytest.mark.parametrize(
    ("tokens", "rationale", "reason"),
    [
        (["a", "gem"], [1], "2 tokens, 1 weights"),
        (["gem", "a"], [1, 1], "no 'a' after character 5"),
        (["a"], [float("nan")], "missing or infinite"),
        (["a"], ["x"], "could not convert"),
        ("a", [1], "must be lists"),
        (["a"], 1, "must be lists"),
        ([1], [1], "must be str"),
    ],
)
def test_rationales_that_do_not_fit_are_refused(tmp_path, tokens, rationale, reason):
    rows = [{"text": "b", "label": 0}, {"text": "a gem", "label": 1, "tokens": tokens, "rationale": rationale}]
    message = refusal(put(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows)).encode()))
    assert "line 2: the rationale does not fit the text" in message
    assert reason in message


# --- what is refused --------------------------------------------------------------------------------------------------

PARQUET = pa.table({"text": ["a gem " * 50] * 500, "label": [0, 1] * 250})


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def jsonl(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in ('{"text": "a", "label": 0}', *rows)).encode()


BAD = {
    "no suffix": ("reviews", CSV, "cannot tell the format"),
    "unknown suffix": ("x.tsv", CSV, "cannot tell the format"),
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
    "csv as utf-16": ("x.csv", CSV.decode().encode("utf-16"), "line 1: not UTF-8"),
    "jsonl not utf-8": ("x.jsonl", jsonl() + b'{"text": "caf\xe9", "label": 1}\n', "line 2: not UTF-8"),
    "half a surrogate pair": ("x.jsonl", jsonl('{"text": "\\ud83d", "label": 1}'), "line 2: .*surrogate"),
    "half a pair in a label": ("x.jsonl", jsonl('{"text": "b", "label": "\\ud83d"}'), "line 2: the label .*surrogate"),
    "half a pair in a name": (
        "x.jsonl", b'{"text": "a", "label": 0, "label_name": "x"}\n{"text": "b", "label": 1, "label_name": "\\ud83d"}',
        "line 2: the name of the label .*surrogate",
    ),
    "csv columns": ("x.csv", b"review,stars\na,1\n", "no column 'text' and 'label'; .*: 'review', 'stars'"),
    "csv one column": ("x.csv", b"text,stars\na,1\n", "no column 'label'; the columns are: 'text', 'stars'"),
    "parquet columns": ("x.parquet", parquet(PARQUET.rename_columns(["a", "label"])), "no column 'text'; .*: 'a'"),
    "jsonl columns": ("x.jsonl", b'{"a": 1}\n{"b": 1}\n', "no column 'text' and 'label'; the columns are: 'a', 'b'"),
    "csv column twice": ("x.csv", b"text,label,text\na,0,b\nb,1,c\n", "column 'text' is there 2 times"),
    "parquet column twice": ("x.parquet", parquet(pa.table([["a", "b"], [0, 1], [1, 0]], ["text", "label", "label"])),
                             "column 'label' is there 2 times"),
    "json key twice": ("x.jsonl", jsonl('{"text": "a", "text": "b", "label": 1}'), "line 2: .*same key twice"),
    "csv row too long": ("x.csv", CSV + b"\nx,pos,more\n", "line 5: 3 fields where the header has 2"),
    "csv row too short": ("x.csv", b'text,label\n"a\nb",0\nx\n', "line 4: 1 fields where the header has 2"),
    "csv cut inside quotes": ("x.csv", b'label,text\n1,a\n0,"b and so\non\n', "line 4: not CSV"),
    "csv cut inside a label": ("x.csv", b"text,label\na,pos\nb,neg\nc,pos\nd,po", "line 5: .*'po'.* looks cut off"),
    "csv stray quote": ("x.csv", CSV + b'"a" b,pos\n', "line 4: not CSV"),
    "json cut": ("x.jsonl", jsonl('{"text": "b", "lab'), "line 2: not JSON .* at character 15"),
    "json too deep": ("x.jsonl", jsonl("[" * 200_000), "line 2: not JSON to read"),
    "json no object": ("x.jsonl", jsonl('["b", 1]'), "line 2: not a JSON object"),
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


# --- splits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held_out", ["validation", "valid", "val", "dev"])
def test_parts_in_mixed_formats_share_the_names_of_train(tmp_path, held_out):
    write(tmp_path / "train.parquet", {"text": ["a", "b", "c"], "label": ["x", "y", "z"]})
    write(tmp_path / f"{held_out}.jsonl", {"text": ["d"], "label": ["z"]})
    write(tmp_path / "test.csv", {"text": ["e", "f"], "label": ["z", "x"]})
    write(tmp_path / "train_more.csv", {"text": ["ignored"], "label": ["w"]})
    splits = data.read_splits(tmp_path)
    assert splits.validation is not None
    assert splits.test is not None
    assert splits.train.label_names == splits.validation.label_names == splits.test.label_names == ("x", "y", "z")
    assert (splits.validation.labels.tolist(), splits.test.labels.tolist()) == ([2], [2, 0])


def test_the_layout_of_acl_imdb(tmp_path):
    for i, place in enumerate(["train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"]):
        put(tmp_path / place / f"{i}_7.txt", place.encode())
    put(tmp_path / "train" / "urls_pos.txt", b"http://")
    put(tmp_path / "imdb.vocab", b"the")
    splits = data.read_splits(tmp_path)
    assert splits.test is not None
    assert splits.train.texts == ("train/neg", "train/pos")
    assert splits.test.texts == ("test/neg", "test/pos")
    assert splits.validation is None
    assert splits.train.label_names == splits.test.label_names == ("neg", "pos")


def test_one_file_or_one_folder_of_classes_is_all_train(tmp_path):
    splits = data.read_splits(write(tmp_path / "x.csv", {"text": ["a", "b"], "label": [0, 1]}))
    assert (len(splits.train), splits.validation, splits.test) == (2, None, None)
    put(tmp_path / "c" / "pos" / "1.txt", b"a")
    put(tmp_path / "c" / "neg" / "1.txt", b"b")
    assert data.read_splits(tmp_path / "c").train.texts == ("b", "a")


def test_parts_that_do_not_go_together(tmp_path):
    test = write(tmp_path / "test.csv", {"text": ["c", "d"], "label": ["y", "w"]})
    assert "there is no train part, only test" in refusal(tmp_path, data.read_splits)
    write(tmp_path / "train.csv", {"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(DataError, match=r"test\.csv, line 3: label 'w' is not in train, which has \['x', 'y'\]"):
        data.read_splits(tmp_path)
    test.unlink()
    write(tmp_path / "train.jsonl", {"text": ["a", "b"], "label": ["x", "y"]})
    assert "which is train, train.csv or train.jsonl?" in refusal(tmp_path, data.read_splits)


# --- the hub ----------------------------------------------------------------------------------------------------------


class HubSplit:
    """As much of a `datasets.Dataset` as is used."""

    def __init__(self, columns, names=None):
        self.columns, self.column_names = columns, list(columns)
        self.features = dict.fromkeys(columns) | {"label": SimpleNamespace(names=names) if names else None}

    def select_columns(self, chosen):
        return HubSplit({name: self.columns[name] for name in chosen})

    def __getitem__(self, rows):
        return {name: values[rows] for name, values in self.columns.items()}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for the library `datasets`: what it holds by id, and the ids that were asked for."""
    module = ModuleType("datasets")
    module.exceptions = SimpleNamespace(DatasetsError=type("DatasetsError", (Exception,), {}))
    module.held, module.asked = {}, []

    def load_dataset(name):
        module.asked.append(name)
        if isinstance(module.held[name], Exception):
            raise module.held[name]
        return module.held[name]

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.chdir(tmp_path)
    return module


def test_a_hub_id_is_read_with_its_class_names(hub):
    train = {"text": ["a", "b", "c"], "label": [1, 0, 1], "id": [1, 2, 3]}
    hub.held["owner/reviews"] = {
        "train": HubSplit(train, ["worse", "better"]),
        "dev": HubSplit({"text": ["d"], "label": [1]}, ["worse", "better"]),
        "unsupervised": HubSplit({"text": ["e"], "label": [-1]}, ["worse", "better"]),
    }
    splits = data.read_splits("owner/reviews")
    assert splits.validation is not None
    assert (splits.train.texts, splits.train.label_names) == (("a", "b", "c"), ("worse", "better"))
    assert (splits.train.labels.tolist(), splits.validation.labels.tolist(), splits.test) == ([1, 0, 1], [1], None)
    assert splits.train.source == "owner/reviews (train)"
    assert len(data.read_splits("owner/reviews", limit=2).train) == 2


def test_hub_data_pass_the_same_checks(hub):
    hub.held["owner/reviews"] = {"train": HubSplit({"text": ["a", " "], "label": ["x", "y"]})}
    assert "reviews (train), row 2: the text" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {"train": HubSplit({"sentence": ["a", "b"], "label": ["x", "y"]})}
    assert "no column 'text'; the columns are: 'sentence', 'label'" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {
        "train": HubSplit({"text": ["a", "b"], "label": [0, 1]}, ["x", "y"]),
        "test": HubSplit({"text": ["c"], "label": [-1]}, ["x", "y"]),
    }
    assert "(test), row 1: label '-1' is not in train" in refusal("owner/reviews", data.read_splits)
    hub.held["owner/reviews"] = {"all": HubSplit({"text": ["a", "b"], "label": [0, 1]})}
    assert "there is no train part" in refusal("owner/reviews", data.read_splits)


def test_a_hub_out_of_reach_is_one_line(hub):
    for error in (
        ConnectionError("Couldn't reach 'owner/reviews' on the Hub\nmore"),
        ValueError("Config name is missing"),
        hub.exceptions.DatasetsError("broken"),
    ):
        hub.held["owner/reviews"] = error
        message = refusal("owner/reviews", data.read_splits)
        assert "not to be had from the hub" in message
        assert str(error).splitlines()[0] in message


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"owner/reviews.*needs datasets: pip install 'heedful\[hub\]'"):
        data.read_splits("owner/reviews")


def test_what_is_local_is_never_looked_for_on_the_hub(hub, tmp_path):
    Path("owner").mkdir()
    for path in ("owner/reviews", "other/reviews.csv", "reviews", "a/b/c", str(tmp_path / "x")):
        assert "no such file or folder" in refusal(path, data.read_splits)
    write(Path("owner/reviews.csv"), {"text": ["a", "b"], "label": [0, 1]})
    assert len(data.read_splits("owner/reviews.csv").train) == 2
    assert hub.asked == []


# --- Dataset ----------------------------------------------------------------------------------------------------------


def make(labels, names=("a", "b", "c")):
    return data.Dataset(tuple(f"t{i}" for i in range(len(labels))), np.array(labels, dtype=np.int64), names, "here")


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 2**40),
)
def test_split_parts_the_data_within_every_class(labels, fraction, seed):
    whole = make(labels)
    rest, held = whole.split(fraction, seed)
    assert sorted(rest.texts + held.texts) == sorted(whole.texts)
    for part in (rest, held):
        places = [int(text[1:]) for text in part.texts]
        assert places == sorted(places)
        assert part.labels.tolist() == [labels[i] for i in places]
        assert part.label_names == whole.label_names
    for c in range(3):
        n, h = labels.count(c), int((held.labels == c).sum())
        assert h == 0 if n < 2 else 1 <= h <= n - 1
        if n >= 2 and 1 <= round(fraction * n) <= n - 1:
            assert h == round(fraction * n)


def test_split_is_drawn_by_its_seed():
    whole = make([0, 1] * 50)
    assert whole.split(0.3, 1)[1].texts == whole.split(0.3, 1)[1].texts
    assert whole.split(0.3, 1)[1].texts != whole.split(0.3, 2)[1].texts
    for fraction in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(SettingError, match="between 0 and 1"):
            whole.split(fraction)


def test_subset_keeps_the_order_asked_for():
    whole = make([0, 1, 2])
    part = whole.subset(np.array([2, 0, 2]))
    assert (part.texts, part.labels.tolist(), part.source) == (("t2", "t0", "t2"), [2, 0, 2], "here")
    assert len(whole.subset([])) == 0
    with pytest.raises(IndexError):
        whole.subset([3])


def test_a_data_set_cannot_be_changed_or_made_wrong():
    labels = np.array([0, 1])
    made = data.Dataset(("a", "b"), labels, ("x", "y"), "here")
    labels[0] = 1
    assert made.labels.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        made.labels[0] = 1
    with pytest.raises(DataError, match="differ in length"):
        data.Dataset(("a",), labels, ("x", "y"), "here")
    with pytest.raises(DataError, match="differ in length"):
        data.Dataset(("a", "b"), labels, ("x", "y"), "here", (None,))
    for wrong in ([0, 2], [-1, 0]):
        with pytest.raises(DataError, match="class numbers from 0 to 1"):
            make(wrong, ("x", "y"))


# --- real data --------------------------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "names", "sizes", "with_rationale"),
    [
        ("imdb", ("negative", "positive"), (25_000, 0, 25_000), 0),
        ("sst2", ("negative", "positive"), (67_349, 872, 1_821), 0),
        ("movies", ("negative", "positive"), (1_600, 200, 199), 1_999),
        ("hatexplain", ("hatespeech", "normal", "offensive"), (15_383, 1_922, 1_924), 2_283),
        ("ag_news", ("World", "Sports", "Business", "Sci/Tech"), (5_000, 0, 7_600), 0),
        ("newsgroups4", ("alt.atheism", "comp.graphics", "sci.med", "soc.religion.christian"), (2_257, 0, 1_502), 0),
    ],
)
def test_public_data_sets_have_the_published_sizes(data_folder, name, names, sizes, with_rationale):
    splits = data.read_splits(data_folder / name)
    parts = (splits.train, splits.validation, splits.test)
    assert splits.train.label_names == names
    assert tuple(0 if part is None else len(part) for part in parts) == sizes
    found = [r for part in parts if part is not None for r in part.rationales or () if r is not None]
    assert len(found) == with_rationale
