"""Data sets as they are read: formats, labels, rationales, splits, and the Dataset they become."""

import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import CSV, put, refusal, write
from heedful import data
from heedful.errors import DataError, SettingError

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
