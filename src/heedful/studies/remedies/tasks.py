"""The data sets of the study: planted reviews, HateXplain and the ERASER movie reviews, with what people marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from heedful.data import Dataset, Rationale, Splits, planted
from heedful.errors import DataError
from heedful.studies.reading import drawn, read_folder

PLANTED = "planted"
UNION = "rationale_union"  # HateXplain's training part has no other marks

HOW = (
    "this study reads HateXplain and the ERASER movie reviews: give --data FOLDER, with folders hatexplain and movies "
    "in it that hold train, validation and test with the columns tokens and rationale (docs/remedies.md says how); "
    "--quick runs without"
)


@dataclass(frozen=True)
class Task:
    """A data set.

    Attributes:
        name: key of the data, and the folder it is read from.
        n_train, n_validation, n_test: texts, drawn by the seed where there are more.
        n_explained: test texts that are explained; of the others the accuracy alone is taken.
        n_choosing: validation texts that settings are chosen on, beside the accuracy on all of them.
        tokens: how many of a text are read, [CLS] among them; of longer ones the end.
        built_in: planted reviews, of which it is known which words speak for the label.
    """

    name: str
    n_train: int
    n_validation: int
    n_test: int
    n_explained: int
    n_choosing: int
    tokens: int
    built_in: bool = False


def read(tasks: Sequence[Task], path: Path | None, seed: int) -> Mapping[str, Splits]:
    """Read the data sets, drawn down to their sizes by the seed; planted reviews are made.

    Raises:
        DataError: a data set is missing, or has no validation or test part; the message says how to get it.
    """
    if path is None and not all(task.built_in for task in tasks):
        raise DataError(HOW)
    if path is not None and all(task.built_in for task in tasks):
        raise DataError("--quick brings its own reviews: give --data or --quick, not both")
    return {task.name: _planted(task, seed) if task.built_in else _read(task, path, seed) for task in tasks}


def _planted(task: Task, seed: int) -> Splits:
    sizes = (task.n_train, task.n_validation, task.n_test)
    return Splits(*(planted.as_dataset(planted.generate(n, 3 * seed + part)) for part, n in enumerate(sizes)))


def _read(task: Task, path: Path | None, seed: int) -> Splits:
    assert path is not None  # noqa: S101 - `read` has seen to it
    folder, splits = path / task.name, read_folder(path, task.name, HOW, validated=True)
    assert splits.validation is not None and splits.test is not None  # noqa: S101, PT018 - as above
    train = with_union(splits.train, folder / "train.parquet") if splits.train.rationales is None else splits.train
    if train.rationales is None:
        raise DataError(f"{folder}: the training part has no rationales; {HOW}")
    return Splits(
        drawn(train, task.n_train, seed),
        drawn(splits.validation, task.n_validation, seed),
        drawn(splits.test, task.n_test, seed),
    )


def with_union(data: Dataset, path: Path) -> Dataset:
    """Return texts with the union of their annotators' marks, where a Parquet file has such a column.

    Raises:
        DataError: the file's rows are not these texts.
    """
    if not path.is_file() or not {"text", "tokens", UNION} <= set(pq.read_schema(path).names):
        return data
    table = pq.read_table(path, columns=["text", "tokens", UNION]).to_pydict()
    if tuple(table["text"]) != data.texts:
        raise DataError(f"{path}: its rows are not the texts of the training part")
    rows = zip(data.texts, table["tokens"], table[UNION], strict=True)
    marks = tuple(None if union is None else marked(text, tokens, union) for text, tokens, union in rows)
    return replace(data, rationales=marks)


def marked(text: str, tokens: Sequence[str], weights: Sequence[float | int]) -> Rationale:
    """Return marks on the tokens of a text, which stand in it one after the other.

    Raises:
        DataError: they do not.

    Example:
        >>> marked("a dull plot", ["a", "dull", "plot"], [0, 1, 0]).spans.tolist()
        [[0, 1], [2, 6], [7, 11]]
    """
    spans, at = [], 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0 or len(tokens) != len(weights):
            raise DataError(f"the rationale does not fit the text {text[:40]!r}")
        at = start + len(token)
        spans.append((start, at))
    return Rationale(np.array(spans, dtype=np.int64).reshape(-1, 2), np.array(weights, dtype=np.float64))
