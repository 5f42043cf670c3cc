"""Folders as people have them: shards, what the library `datasets` saved, a hub repository, odd files."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_files import pairs, put, refusal, write
from heedful import data
from heedful.errors import DataError

CLASS_LABEL = {"names": ["worse", "better"], "_type": "ClassLabel"}
FEATURES = {"text": {"dtype": "string", "_type": "Value"}, "label": CLASS_LABEL}


def save_to_disk(folder: Path, rows: list[tuple[str, int]], shards: int = 1, **state) -> Path:
    """What `Dataset.save_to_disk` of the library datasets writes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
    size = -(-len(rows) // shards)
    for i, name in enumerate(names):
        part = rows[i * size : (i + 1) * size]
        table = pa.table({"text": [text for text, _ in part], "label": pa.array([k for _, k in part], pa.int64())})
        with (
            pa.OSFile(str(folder / name), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_split": None} | state
    (folder / "state.json").write_text(json.dumps(state), "utf-8")
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}), "utf-8")
    return folder


# --- saved by datasets ------------------------------------------------------------------------------------------------


def test_shards_with_a_fingerprint_in_their_names_are_read(tmp_path):
    """As older versions of datasets name them."""
    for i in range(2):
        write(tmp_path / f"train-0000{i}-of-00002-0a1b2c3d.csv", {"text": [f"text {i}"], "label": ["ab"[i]]})
    assert pairs(data.read_splits(tmp_path).train) == [("text 0", "a"), ("text 1", "b")]


@pytest.mark.parametrize("names", [("part-0", "part-1"), ("train_1", "train_2"), ("train-0", "train-1")])
def test_files_that_differ_by_a_number_alone_may_be_one_data_set(tmp_path, names):
    for name in names:
        write(tmp_path / f"{name}.csv", {"text": ["a", "b"], "label": ["x", "y"]})
    for reader in (data.read, data.read_splits):
        with pytest.raises(DataError, match="if they are one data set, join them, or name them as its shards"):
            reader(tmp_path)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_saved_data_set_is_read_with_its_class_names(tmp_path, shards):
    rows = [(f"text {i}", i % 2) for i in range(9)]
    folder = save_to_disk(tmp_path / "reviews", rows, shards)
    expected = [(text, ["worse", "better"][k]) for text, k in rows]
    assert pairs(data.read(folder)) == expected
    assert data.read(folder).label_names == ("worse", "better")
    assert pairs(data.read_splits(folder).train) == expected
    assert pairs(data.read(folder, limit=4)) == expected[:4]
    assert [row.text for row in data.read_texts(folder)] == [text for text, _ in rows]
    assert pairs(data.read(folder / f"data-00000-of-{shards:05d}.arrow")) == expected[: 9 // shards]


def test_saved_splits_are_parts(tmp_path):
    for name, rows in {
        "train": [("a", 1), ("b", 0)],
        "dev": [("c", 0)],
        "test": [("d", 1)],
        "more": [("e", 1)],
    }.items():
        save_to_disk(tmp_path / name, rows)
    put(tmp_path / "dataset_dict.json", b'{"splits": ["train", "dev", "test", "more"]}')
    splits = data.read_splits(tmp_path)
    assert splits.validation is not None
    assert splits.test is not None
    assert splits.train.label_names == splits.test.label_names == ("worse", "better")
    assert (splits.train.texts, splits.validation.texts, splits.test.texts) == (("a", "b"), ("c",), ("d",))
    assert splits.test.labels.tolist() == [1]
    assert "it holds train, dev, test: name one part" in refusal(tmp_path)


def test_a_withheld_label_of_a_saved_part_is_refused(tmp_path):
    save_to_disk(tmp_path / "train", [("a", 1), ("b", 0)])
    save_to_disk(tmp_path / "test", [("c", -1)])
    with pytest.raises(DataError, match=r"data-00000-of-00001\.arrow, row 1: label '-1' is not in train"):
        data.read_splits(tmp_path)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"_data_files": [{"filename": "../x.arrow"}]}, "names no data files inside the folder"),
        ({"_data_files": [{"filename": "/x.arrow"}]}, "names no data files inside the folder"),
        ({"_data_files": [{"filename": 3}]}, "names no data files inside the folder"),
        ({"_data_files": []}, "names no data files inside the folder"),
        ({"_data_files": None}, "names no data files inside the folder"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "gone.arrow is missing, which state.json names"),
        ({"_indices_data_files": [{"filename": "indices.arrow"}]}, "save what flatten_indices() returns"),
    ],
)
def test_a_saved_data_set_that_is_not_whole(tmp_path, state, reason):
    folder = save_to_disk(tmp_path / "reviews", [("a", 1), ("b", 0)], **state)
    with pytest.raises(DataError) as caught:
        data.read(folder)
    assert reason in str(caught.value)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b"[" * 100_000, b'{"_data_files": {}}'])
def test_a_broken_state_is_refused(tmp_path, broken):
    folder = save_to_disk(tmp_path / "reviews", [("a", 1), ("b", 0)])
    put(folder / "state.json", broken)
    refusal(folder / "state.json", lambda path: data.read(path.parent))


def test_every_saved_file_that_is_cut_off_is_refused(tmp_path):
    folder = save_to_disk(tmp_path / "reviews", [(f"text {i}", i % 2) for i in range(50)])
    file = folder / "data-00000-of-00001.arrow"
    content = file.read_bytes()
    for size in range(0, len(content), 7):
        refusal(put(file, content[:size]))


# --- class names in metadata ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("described", "names"),
    [
        ({"info": {"features": FEATURES}}, ("worse", "better")),
        ({"info": {"features": {"label": {"dtype": "int64", "_type": "Value"}}}}, ("0", "1")),
        ({"info": {"features": {"label": {"names": "ab", "_type": "ClassLabel"}}}}, ("0", "1")),
        ({"info": {"features": {"label": {"names": [1, 2], "_type": "ClassLabel"}}}}, ("0", "1")),
        ({"info": {"features": None}}, ("0", "1")),
        ([], ("0", "1")),
    ],
)
def test_class_names_in_the_metadata_of_parquet(tmp_path, described, names):
    table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, 1]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(described)}), tmp_path / "train.parquet")
    write(tmp_path / "test.csv", {"text": ["d"], "label": [1]})
    read = data.read(tmp_path / "train.parquet")
    assert (read.label_names, read.labels.tolist()) == (names, [1, 0, 1])
    splits = data.read_splits(tmp_path)
    assert splits.test is not None
    assert splits.test.labels.tolist() == [1]  # numbers mean the same in a part that has no names
    write(tmp_path / "test.csv", {"text": ["d"], "label": [names[1]]})
    assert data.read_splits(tmp_path).test.labels.tolist() == [1]


def test_metadata_that_is_no_json(tmp_path):
    table = pa.table({"text": ["a", "b"], "label": [1, 0]})
    for value in (b"\xff", b"{", b"[" * 100_000):
        pq.write_table(table.replace_schema_metadata({"huggingface": value}), tmp_path / "x.parquet")
        assert data.read(tmp_path / "x.parquet").label_names == ("0", "1")


# --- shards -----------------------------------------------------------------------------------------------------------


def shards(folder: Path, name: str, suffix: str, n: int = 3, first: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write(
            folder / f"{name}-{i + first:05d}-of-{n:05d}{suffix}",
            {"text": [f"{name} {i} a", f"{name} {i} b"], "label": ["x", "y"]},
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("first", [0, 1])
def test_shards_are_one_file(tmp_path, suffix, first):
    shards(tmp_path, "train", suffix, 3, first)
    shards(tmp_path, "test", suffix, 1)
    splits = data.read_splits(tmp_path)
    assert splits.test is not None
    assert splits.train.texts == tuple(f"train {i} {c}" for i in range(3) for c in "ab")
    assert splits.test.texts == ("test 0 a", "test 0 b")
    assert data.read_splits(tmp_path, limit=3).train.texts == ("train 0 a", "train 0 b", "train 1 a")
    assert "it holds train-*-of-00003" in refusal(tmp_path)


@pytest.mark.parametrize("inside", ["data", "train", "."])
def test_shards_in_a_folder(tmp_path, inside):
    shards(tmp_path / inside, "train", ".parquet")
    assert len(data.read_splits(tmp_path).train) == 6
    assert len(data.read(tmp_path / inside)) == 6
    assert [row.text for row in data.read_texts(tmp_path / inside)][-1] == "train 2 b"


@pytest.mark.parametrize("missing", [[0], [1], [2], [0, 2], [0, 1]])
def test_a_missing_shard_is_named(tmp_path, missing):
    paths = shards(tmp_path, "train", ".csv", 4)
    for i in missing:
        paths[i].unlink()
    message = refusal(tmp_path, data.read_splits)
    assert f"train-{missing[0]:05d}-of-00004.csv" in message
    assert ("and 1 more" in message) == (len(missing) == 2)
    assert "part of the data would be left out" in message


def test_shards_that_do_not_go_together(tmp_path):
    paths = shards(tmp_path, "train", ".csv", 2)
    write(tmp_path / "train-00000-of-00003.csv", {"text": ["a"], "label": ["x"]})
    assert "shards of several files" in refusal(tmp_path, data.read_splits)
    (tmp_path / "train-00000-of-00003.csv").unlink()
    write(tmp_path / "train-00002-of-00002.csv", {"text": ["a"], "label": ["x"]})
    assert "more shards than the 2" in refusal(tmp_path, data.read_splits)
    (tmp_path / "train-00002-of-00002.csv").unlink()
    write(tmp_path / "train.csv", {"text": ["a"], "label": ["x"]})
    assert "which is train, train.csv or train-*-of-00002.csv?" in refusal(tmp_path, data.read_splits)
    (tmp_path / "train.csv").unlink()
    put(paths[1], b"Text,label\na,x\nb,y\n")
    with pytest.raises(DataError, match=r"00001-of-00002\.csv: other columns than in train-00000-of-00002\.csv"):
        data.read_splits(tmp_path)
    put(paths[1], b"text,label\na,x\n,y\n")
    with pytest.raises(DataError, match=r"train-00001-of-00002\.csv, line 3: the text \('text'\) is missing"):
        data.read_splits(tmp_path)


def test_an_empty_shard_holds_no_rows(tmp_path):
    paths = shards(tmp_path, "train", ".jsonl", 3)
    put(paths[0], b"\n")
    assert len(data.read_splits(tmp_path).train) == 4
    for path in paths:
        put(path, b"\n")
    assert "there are no rows" in refusal(tmp_path, data.read_splits)


# --- folders of classes, and odd files --------------------------------------------------------------------------------


def test_odd_files_in_class_folders(tmp_path):
    for name in ("pos/1.txt", "pos/2.TXT", "neg/1.txt"):
        put(tmp_path / name, f"{name}\r\n".encode())
    for name in (".DS_Store", "pos/.DS_Store", "pos/._1.txt", ".ipynb_checkpoints/1.txt", "pos/notes.md"):
        put(tmp_path / name, b"\xff")
    assert data.read(tmp_path).texts == ("neg/1.txt", "pos/1.txt", "pos/2.TXT")
    assert [row.text for row in data.read_texts(tmp_path)] == ["neg/1.txt", "pos/1.txt", "pos/2.TXT"]


def test_texts_of_class_folders_may_be_compressed_and_in_other_encodings(tmp_path):
    put(tmp_path / "pos/1.txt.gz", gzip.compress("café\n".encode()))
    put(tmp_path / "neg/1.txt", "café\r\n".encode("utf-16"))
    assert data.read(tmp_path).texts == ("café", "café")
    put(tmp_path / "neg/2.txt", "café".encode("cp1252"))
    assert data.read(tmp_path, encoding="cp1252").texts == ("café", "cafÃ©", "café")
    assert "not UTF-8" in refusal(tmp_path / "neg" / "2.txt", lambda path: data.read(path.parents[1]))


def test_parts_by_any_capitals_and_compression(tmp_path):
    put(tmp_path / "Train.csv.gz", gzip.compress(b"text;label\na;x\nb;y\n"))
    put(tmp_path / "TEST.json", b'[{"text": "c", "label": "y"}]')
    put(tmp_path / "train.xlsx", b"PK\x03\x04")
    splits = data.read_splits(tmp_path)
    assert splits.test is not None
    assert (splits.train.texts, splits.test.labels.tolist()) == (("a", "b"), [1])
    (tmp_path / "Train.csv.gz").unlink()
    with pytest.raises(DataError, match=r"train\.xlsx: a workbook is not read: save the sheet as CSV"):
        data.read_splits(tmp_path)
