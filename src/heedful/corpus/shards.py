"""Shards: the rows of a corpus in files that are there whole or not at all, and the list of those that are done."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from heedful.corpus.table import ERROR, N_FORWARD, SCORES
from heedful.data import Row
from heedful.errors import DataError, SettingError
from heedful.support.files import failing_clearly, write_whole
from heedful.support.visible import visible

ROWS = "rows"  # the folder of the shards
LIST = "shards.jsonl"  # the shards that are done, a line each


@dataclass(frozen=True)
class Part:
    """Rows of one shard that are explained together.

    Attributes:
        shard: number of the shard.
        rows: the rows.
        digest: of all the shard's rows, where these are its last ones; else None.
    """

    shard: int
    rows: Sequence[Row]
    digest: str | None


@dataclass(frozen=True)
class Shard:
    """What is known of a shard that is done.

    Attributes:
        shard: its number, from 0.
        file: its name in the folder of shards.
        n_rows: rows in it, those among them that could not be explained.
        n_units: units in it.
        rows: digest of the rows it was made from.
        sha256: of the file.
        n_bytes: size of the file.
        seconds: what it took.
        predicted: how many texts were predicted to be of each class.
        problems: why rows could not be explained, and how many.
        refused: the same of single methods.
        n_forward: forward passes, by method.
        correct: texts whose label is the predicted class, those whose label is a class, and those with a label.
    """

    shard: int
    file: str
    n_rows: int
    n_units: int
    rows: str
    sha256: str
    n_bytes: int
    seconds: float
    predicted: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    n_forward: Mapping[str, int] = field(default_factory=dict)
    correct: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Shard:
        """Make one of what `asdict` gave, after JSON."""
        return cls(**{**said, "correct": tuple(said["correct"])})


def parts(batches: Iterable[Sequence[Row]], size: int, together: int) -> Iterator[Part]:
    """Cut a stream of rows into shards of `size`, and these into parts of `together`; wherever batches end.

    Example:
        >>> rows = [Row(i, f"row {i}", str(i), "text") for i in range(5)]
        >>> [(part.shard, len(part.rows), part.digest is not None) for part in parts([rows], 3, 2)]
        [(0, 2, False), (0, 1, True), (1, 2, True)]
    """
    shard, room, digest = 0, size, hashlib.sha256()
    waiting: list[Row] = []
    for batch in batches:
        waiting += batch
        while len(waiting) > min(together, room) or (waiting and len(waiting) == room):
            some, waiting = waiting[: min(together, room)], waiting[min(together, room) :]
            room -= len(some)
            _add(digest, some)
            yield Part(shard, some, None if room else digest.hexdigest())
            if not room:
                shard, room, digest = shard + 1, size, hashlib.sha256()
    if waiting:
        _add(digest, waiting)
        yield Part(shard, waiting, digest.hexdigest())


def _add(digest: Any, rows: Sequence[Row]) -> None:
    """Add rows to a digest: everything that a shard depends on."""
    said = [[row.number, row.id, row.text, row.label, row.problem] for row in rows]
    digest.update(json.dumps(said).encode())


class Done:
    """The shards that are done, as they stand in a file to which a line is added for each.

    Args:
        folder: of the corpus.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / LIST
        self._shards: dict[int, Shard] = {}
        if self._path.exists():
            self._read()

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, shard: int) -> Shard:
        return self._shards[shard]

    def __contains__(self, shard: int) -> bool:
        return shard in self._shards

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards[i] for i in sorted(self._shards))

    def add(self, shard: Shard) -> None:
        """Enter a shard whose file is there.

        Raises:
            InputError: the list cannot be written.
        """
        line = json.dumps(asdict(shard)) + "\n"  # in ASCII: no other sign ends a line
        with failing_clearly(f"cannot write {self._path}"), self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._shards[shard.shard] = shard

    def _read(self) -> None:
        """Read the list; a line that a kill has cut off is dropped, as are shards whose file is not there whole."""
        with failing_clearly(f"cannot read {self._path}"):
            content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.decode("utf-8", "replace").split("\n"):
            try:
                shard = Shard.of(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue
            path = self._folder / ROWS / shard.file
            if path.is_file() and path.stat().st_size == shard.n_bytes:
                self._shards[shard.shard] = shard
            else:
                self._shards.pop(shard.shard, None)
        if whole != content:
            write_whole(self._path, whole)


def check_same(shard: Shard, digest: str, folder: Path, rows: Sequence[Row]) -> None:
    """See that the rows of a shard that is done are those it was made from.

    Raises:
        SettingError: they are not.
    """
    if shard.rows != digest:
        raise SettingError(
            f"{folder} was made from other rows: those up to {rows[-1].place} differ from what {shard.file} was made "
            "of; choose another folder or delete it"
        )


def write(folder: Path, made: pa.Table, part: Part, classes: Sequence[str], seconds: float) -> Shard:
    """Write the rows of a shard, whole or not at all, and return what is known of it; it is not entered yet.

    Args:
        folder: of the corpus.
        made: the rows.
        part: the last part of the shard.
        classes: of the classifier, by which labels are told from others.
        seconds: that it took.

    Raises:
        InputError: the file cannot be written.
    """
    content = _parquet(made)
    name = f"{part.shard:06d}.parquet"
    write_whole(folder / ROWS / name, content)
    methods = _methods(made)
    failed = {one: _counts(made[f"{one}_{ERROR}"]) for one in methods}
    return Shard(
        shard=part.shard,
        file=name,
        n_rows=len(made),
        n_units=sum(len(chunk.flatten()) for chunk in made["units"].chunks),
        rows=str(part.digest),
        sha256=hashlib.sha256(content).hexdigest(),
        n_bytes=len(content),
        seconds=round(seconds, 3),
        predicted=_counts(made["predicted"]),
        problems=_counts(made["error"]),
        refused={one: counts for one, counts in failed.items() if counts},
        n_forward={one: sum(made[f"{one}_{N_FORWARD}"].drop_null().to_pylist()) for one in methods},
        correct=_correct(made, frozenset(classes)),
    )


def _parquet(made: pa.Table) -> bytes:
    """The file of a shard: the same bytes for the same rows."""
    numbers = [
        f"{one.name}.list.element"
        for one in made.schema
        if pa.types.is_list(one.type) and pa.types.is_floating(one.type.value_type)
    ]
    numbers += [f"spans.list.element.list.element.{end}" for end in ("start", "end")]
    words = ["label", "predicted", "target", "units.list.element", "error"]
    words += [f"{one}_{name}" for one in _methods(made) for name in (ERROR, N_FORWARD)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        made,
        sink,
        compression="zstd",
        compression_level=3,
        use_dictionary=words,
        use_byte_stream_split=numbers,
        column_encoding={"row": "DELTA_BINARY_PACKED"},
        row_group_size=max(1, len(made)),
        write_page_checksum=True,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _methods(made: pa.Table) -> list[str]:
    return [one.removesuffix(f"_{SCORES}") for one in made.column_names if one.endswith(f"_{SCORES}")]


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counts = Counter(one for one in column.to_pylist() if one is not None)
    return dict(sorted(counts.items()))


def _correct(made: pa.Table, classes: frozenset[str]) -> tuple[int, int, int]:
    """How many labels are predicted, how many are classes, and how many there are, of the texts with a prediction."""
    both = zip(made["label"].to_pylist(), made["predicted"].to_pylist(), strict=True)
    labelled = [(label, predicted) for label, predicted in both if label is not None and predicted is not None]
    right = sum(label == predicted for label, predicted in labelled)
    return right, sum(label in classes for label, _ in labelled), len(labelled)


def refuse_problems(rows: Sequence[Row], made: pa.Table) -> None:
    """Stop where a row could not be explained.

    Raises:
        DataError: one could not; the first of them is named.
    """
    errors = [made["error"].to_pylist(), *(made[f"{one}_{ERROR}"].to_pylist() for one in _methods(made))]
    for row, *said in zip(rows, *errors, strict=True):
        for one in said:
            if one is not None:
                named = "" if row.id == str(row.number) else f" (id {visible(row.id)})"
                raise DataError(f"{row.place}{named}: {one}; strict stops here, else the row is kept with this reason")
