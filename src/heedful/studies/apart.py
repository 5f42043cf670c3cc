"""Stages in processes of their own, one thread each: what has no use for more threads, several cores share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from typing import Any

from heedful.studies.run import Run
from heedful.support.processes import Processes, Say, sendable

_ADVICE = "the same command goes on where it was"


@dataclass(frozen=True)
class Maker:
    """Makes the tables of a stage: what a process does with a message.

    Attributes:
        run: what the stages work with.
    """

    run: Run[Any]

    def __call__(self, message: tuple[Any, str], _: Say) -> float:
        """Make a stage, under its stamp, unless that is done; return the seconds it took."""
        stage, stamp = message
        started = time.perf_counter()
        stage.make(self.run, stamp)
        return time.perf_counter() - started


def made_apart(tasks: Sequence[tuple[Any, str]], run: Run[Any], processes: int) -> Iterator[tuple[str, float]]:
    """Make the tables of stages, several at once; yield each one's name and seconds as it ends.

    Nothing is made where the run cannot be sent to another process.

    Args:
        tasks: stages, none of which needs another of them, with their stamps.
        run: what they work with.
        processes: how many at once. All end with this one, whatever ends it.

    Raises:
        HeedfulError: what a stage raised, of the same class.
        InputError: a process has died.
    """
    # modules cannot be sent, and nobody needs those of a stage to make it
    sent = [(replace(stage, code=()), stamp) for stage, stamp in tasks]
    maker = sendable(Maker(replace(run, progress=False, _loaded={})))
    if maker is None:
        return
    with Processes(min(processes, len(sent)), maker, _ADVICE) as several:
        futures = {several.submit(task): task[0].name for task in sent}
        for future in as_completed(futures):
            yield futures[future], future.result()
