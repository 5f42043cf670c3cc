"""What labels become: classes whose names are the same in every format."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_files import put
from heedful import data
from heedful.errors import DataError


def names_of(tmp_path: Path, labels: list[str]) -> tuple[str, ...]:
    rows = "".join(f"t{i},{label}\n" for i, label in enumerate(labels))
    return data.read(put(tmp_path / "x.csv", f"text,label\n{rows}".encode())).label_names


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["007", "7"], ("007", "7")),
        (["01", "02", "10"], ("01", "02", "10")),
        (["0", "1"], ("0", "1")),
        (["-1", "1"], ("-1", "1")),
        (["0.0", "1.0"], ("0", "1")),
        (["0.0", "1"], ("0", "1")),
        (["1", "5"], ("1", "5")),
        (["True", "False"], ("false", "true")),
        (["TRUE", "false", "True"], ("false", "true")),
        (["True", "False", "Unknown"], ("False", "True", "Unknown")),
        (["yes", "no"], ("no", "yes")),
        (["NA", "None"], ("NA", "None")),
        ([" a", "a ", "b"], ("a", "b")),
    ],
)
def test_labels_of_text(tmp_path, labels, names):
    assert names_of(tmp_path, labels) == names
    table = pa.table({"text": ["t"] * len(labels), "label": labels})
    pq.write_table(table, tmp_path / "x.parquet")
    assert data.read(tmp_path / "x.parquet").label_names == names


WRITERS = {
    "csv": lambda path, table: table.to_csv(path, index=False),
    "tsv": lambda path, table: table.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda path, table: table.to_json(path, orient="records", lines=True),
    "json": lambda path, table: table.to_json(path),
    "parquet": lambda path, table: table.to_parquet(path),
}


@pytest.mark.parametrize("train", WRITERS)
@pytest.mark.parametrize("test", WRITERS)
@pytest.mark.parametrize("labels", [[True, False], [0, 1], [0.0, 1.0], ["n", "p"], ["True", "False"], ["01", "1"]])
def test_classes_are_the_same_in_parts_of_different_formats(tmp_path, train, test, labels):
    whole = pd.DataFrame({"text": ["a", "b"], "label": labels})
    WRITERS[train](tmp_path / f"train.{train}", whole)
    WRITERS[test](tmp_path / f"test.{test}", whole[1:])
    splits = data.read_splits(tmp_path)
    assert splits.test.labels.tolist() == [splits.train.labels[1]]
    assert splits.test.label_names == splits.train.label_names


def test_a_part_may_have_names_or_only_numbers(tmp_path):
    put(tmp_path / "train.csv", b"text,label,label_name\na,0,worse\nb,1,better\n")
    put(tmp_path / "test.csv", b"text,label\nc,1\n")
    splits = data.read_splits(tmp_path)
    assert (splits.train.label_names, splits.test.labels.tolist()) == (("worse", "better"), [1])
    put(tmp_path / "train.csv", b"text,label\na,0\nb,1\n")
    put(tmp_path / "test.csv", b"text,label,label_name\nc,1,better\n")
    splits = data.read_splits(tmp_path)
    assert (splits.train.label_names, splits.test.labels.tolist()) == (("0", "1"), [1])
    put(tmp_path / "train.csv", b"text,label\na,1.0\nb,x\n")
    put(tmp_path / "test.csv", b"text,label\nc,1.0\n")
    assert data.read_splits(tmp_path).test.labels.tolist() == [0]
    put(tmp_path / "test.csv", b"text,label\nc,X\n")
    with pytest.raises(DataError, match=r"label 'X' is not in train, which has \['1.0', 'x'\]"):
        data.read_splits(tmp_path)
