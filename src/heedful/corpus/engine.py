"""The work of a corpus, and the engine that does it on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from heedful.corpus.explainer import CHUNK, Chunk, Explainer
from heedful.corpus.given import Stream
from heedful.corpus.shards import Done, Part, check_same, parts, refuse_problems, write
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

    explainer: Explainer
    stream: Stream
    folder: Path
    done: Done
    rows_a_shard: int
    watch: Watch
    strict: bool = False

    def open_parts(self) -> Iterator[Part]:
        """Yield the parts of shards that are not done; those of others are held against what they were made from.

        Raises:
            DataError: there are no rows; or as the stream.
            SettingError: rows differ from those that a shard was made from, or there are fewer.
        """
        n_shards = 0
        for part in parts(self.stream.batches(), self.rows_a_shard, CHUNK):
            n_shards = part.shard + 1
            if part.shard not in self.done:
                yield part
                continue
            if part.digest is not None:
                check_same(self.done[part.shard], part.digest, self.folder, part.rows)
            self.watch.skipped(len(part.rows))
        if not n_shards:
            raise DataError(f"{self.stream.name}: there are no rows")
        if any(shard.shard >= n_shards for shard in self.done):
            raise SettingError(
                f"{self.folder} was made from more rows than {self.stream.name} has: choose another folder"
            )

    def enter(self, shard_part: Part, made: pa.Table, seconds: float) -> None:
        """Write a shard, and enter it among those that are done."""
        shard = write(self.folder, made, shard_part, seconds)
        self.done.add(shard)
        self.watch.wrote(shard.shard, shard.n_rows, seconds)


def explained(explainer: Explainer, part: Part, chunk: Chunk, *, strict: bool = False) -> pa.Table:
    """Return the rows of a part as a table; `chunk` is what the explainer has prepared of them.

    Raises:
        DataError: `strict`, and a row cannot be explained.
        SettingError: a method cannot be used on this classifier.
    """
    results = explainer.explain(chunk)
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


@runtime_checkable
class Engine(Protocol):
    """Whatever can do a job."""

    def work(self, job: Job) -> None:
        """Write the shards that are not done, and enter them; stop after those at hand when asked to."""


@dataclass(frozen=True)
class Local:
    """This machine: texts are read and tokenised in a thread, while others are explained by all cores."""

    def work(self, job: Job) -> None:
        """Do the job, or stop with the shard at hand when asked to."""
        made: list[pa.Table] = []
        started = time.monotonic()
        chunks = ((part, job.explainer.prepare(part.rows)) for part in job.open_parts())
        for part, chunk in ahead(chunks):
            if not made:
                if job.watch.stop.is_set():
                    return
                started = time.monotonic()
            made.append(explained(job.explainer, part, chunk, strict=job.strict))
            job.watch.explained(len(part.rows))
            if part.digest is not None:
                job.enter(part, pa.concat_tables(made), time.monotonic() - started)
                made = []
