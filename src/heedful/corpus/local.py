"""The engine of this machine: processes that explain a shard each, or this process alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from heedful.corpus.engine import Job, made_shard
from heedful.corpus.explainer import RowExplainer
from heedful.corpus.shards import Part, Shard
from heedful.corpus.watch import paced
from heedful.support.parallel import n_threads
from heedful.support.processes import Processes, Say, sendable
from heedful.support.settings import check_settings

_ADVICE = "the same call goes on, with fewer at once by --engine local:processes=1"


@dataclass(frozen=True, eq=False)
class ShardMaker:
    """Makes shards in a process of its own; see `heedful.support.processes`.

    Attributes:
        explainer: explains rows.
        folder: of the corpus.
        strict: stop at the first row that cannot be explained.
    """

    explainer: RowExplainer
    folder: Path
    strict: bool

    def __call__(self, parts: Sequence[Part], say: Say) -> Shard:
        """Make a shard of its parts, and say now and then how many rows have been explained since."""
        with paced(say) as counted:
            return made_shard(self.explainer, self.folder, parts, strict=self.strict, counted=counted)


@dataclass(frozen=True)
class Local:
    """This machine: processes that explain a shard each, or this process alone.

    Args:
        processes: that explain; 1: this one, where texts are read and tokenised in a thread while others are explained.
            None: one a core where look-up tables explain and there are several shards to do, else 1, as a model's
            forward passes use all cores by themselves.

    Raises:
        SettingError: fewer than 1.
    """

    processes: Annotated[int, Ge(1)] | None = None

    def __post_init__(self) -> None:
        check_settings(self, "local")

    def work(self, job: Job) -> None:
        """Do the job, or stop with the shards at hand when asked to.

        Raises:
            DataError, SettingError, InputError: as `Job.open_parts` and `heedful.corpus.engine.made_shard`.
        """
        shards = job.open_shards()
        first = list(islice(shards, 2))
        every = chain(first, shards)
        n = self._processes(job, len(first))
        maker = sendable(ShardMaker(job.explainer, job.folder.resolve(), job.strict)) if n > 1 else None
        if maker is not None:
            _in_processes(job, every, Processes(n, maker, _ADVICE))
            return
        for parts in every:
            if job.watch.stop.is_set():
                return
            with paced(job.watch.explained) as counted:
                shard = made_shard(job.explainer, job.folder, parts, strict=job.strict, counted=counted)
            job.enter(shard)

    def _processes(self, job: Job, n_shards: int) -> int:
        """How many processes; none but this one for nothing to do, and for a single shard unless it was asked for."""
        if self.processes is not None:
            return self.processes if n_shards else 1
        return 1 if n_shards < 2 or job.explainer.classifier.paper_model is None else n_threads()


def _in_processes(job: Job, shards: Iterable[Sequence[Part]], processes: Processes) -> None:
    """Have shards made, as many at once as there are processes, and enter them in their order."""
    begun: deque[Future[Shard]] = deque()

    with processes:
        for parts in shards:
            if job.watch.stop.is_set():
                break
            begun.append(processes.submit(list(parts), job.watch.explained))
            while len(begun) > processes.n:
                job.enter(begun.popleft().result())
        while begun:
            job.enter(begun.popleft().result())
