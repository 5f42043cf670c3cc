"""What an engine is given to do: the shards that are not done, and how one of them is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from heedful.corpus.explainer import CHUNK, Chunk, RowExplainer
from heedful.corpus.given import Stream
from heedful.corpus.shards import ROWS, Done, Part, Shard, check_same, parts, refuse_problems, write
from heedful.corpus.table import Result
from heedful.corpus.watch import Watch
from heedful.errors import DataError, SettingError
from heedful.methods.base import Answer
from heedful.support.ahead import ahead


@dataclass(frozen=True, eq=False)
class Job:
    """What an engine is to do.

    Attributes:
        explainer: explains rows.
        stream: the rows.
        folder: of the corpus.
        done: shards that are done.
        rows_a_shard: rows in every shard but the last.
        watch: is told what is done, and says whether to stop.
        strict: stop at the first row that cannot be explained.
    """

    explainer: RowExplainer
    stream: Stream
    folder: Path
    done: Done
    rows_a_shard: int
    watch: Watch
    strict: bool = False

    def open_parts(self) -> Iterator[Part]:
        """Yield the parts of shards that are not done; those of others are held against what they were made from.

        Raises:
            DataError: there are no rows; `strict`, and a shard that is done has rows that could not be explained; or as
                the stream.
            SettingError: rows differ from those that a shard was made from, or there are fewer.
        """
        n_shards = 0
        for part in parts(self.stream.batches(), self.rows_a_shard, CHUNK):
            n_shards = part.shard + 1
            if part.shard not in self.done:
                yield part
                continue
            if self.watch.stop.is_set():
                return
            if part.digest is not None:
                self._check_done(self.done[part.shard], part)
            self.watch.skipped(len(part.rows))
        if not n_shards:
            raise DataError(f"{self.stream.name}: there are no rows")
        if any(shard.shard >= n_shards for shard in self.done):
            raise SettingError(
                f"{self.folder} was made from more rows than {self.stream.name} has: choose another folder"
            )

    def _check_done(self, shard: Shard, part: Part) -> None:
        check_same(shard, str(part.digest), self.folder, part.rows)
        said = [*shard.problems, *(reason for some in shard.refused.values() for reason in some)]
        if self.strict and said:
            raise DataError(f"{self.folder / ROWS / shard.file} has rows that could not be explained: {said[0]}")

    def open_shards(self) -> Iterator[list[Part]]:
        """Yield the parts of each shard that is not done; raises as `open_parts`."""
        waiting: list[Part] = []
        for part in self.open_parts():
            waiting.append(part)
            if part.digest is not None:
                yield waiting
                waiting = []

    def enter(self, shard: Shard) -> None:
        """Enter a shard, whose file is there, among those that are done."""
        self.done.add(shard)
        self.watch.wrote(shard.shard, shard.n_rows, shard.seconds)


def explained(
    explainer: RowExplainer, part: Part, chunk: Chunk, counted: Callable[[float], None], *, strict: bool = False
) -> pa.Table:
    """Return the rows of a part as a table; `chunk` is what the explainer has prepared of them.

    Raises:
        DataError: `strict`, and a row cannot be explained.
        SettingError: a method cannot be used on this classifier.
    """
    results = explainer.explain(chunk, counted)
    if part.rows[0].number == 0:
        _refuse_unusable(results)
    made = explainer.table(results)
    if strict:
        refuse_problems(part.rows, made)
    return made


def _refuse_unusable(results: list[Result]) -> None:
    """Stop where a method refuses every text of the first part for its settings: it would refuse all others."""
    answers = [one.answers for one in results if one.asked is not None]
    for name in answers[0] if answers else ():
        said = [one[name] for one in answers]
        if all(not isinstance(one, Answer) for one in said) and isinstance(said[0], SettingError):
            raise said[0]


def made_shard(
    explainer: RowExplainer,
    folder: Path,
    shard_parts: Sequence[Part],
    *,
    strict: bool = False,
    counted: Callable[[float], None] = lambda _: None,
) -> Shard:
    """Explain the parts of a shard and write its file; it is not entered yet.

    Args:
        explainer: explains rows.
        folder: of the corpus.
        shard_parts: all parts of the shard, in order.
        strict: stop at the first row that cannot be explained.
        counted: is told how many rows have been explained since.

    Raises:
        DataError: `strict`, and a row cannot be explained.
        SettingError: a method cannot be used on this classifier.
        InputError: the file cannot be written.
    """
    started, tables = time.monotonic(), list[pa.Table]()
    for part, chunk in ahead((part, explainer.prepare(part.rows)) for part in shard_parts):
        tables.append(explained(explainer, part, chunk, counted, strict=strict))
    classes, seconds = explainer.classifier.labels, time.monotonic() - started
    return write(folder, pa.concat_tables(tables), shard_parts[-1], classes, seconds)


@runtime_checkable
class Engine(Protocol):
    """Whatever can do a job."""

    def work(self, job: Job) -> None:
        """Write the shards that are not done, and enter them; stop after those at hand when asked to."""
