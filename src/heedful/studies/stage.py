"""A study's stages: each turns earlier tables, classifiers and texts into tables, once.

The tables are kept under a stamp: a digest of the settings the stage reads, the recipes, the seed, the data, the number
of threads, the libraries' versions, the code that the stage's function reaches by imports (see `heedful.runs.imports`),
and the stamps of the stages it needs. A stage whose stamp is there already is not run again; anything about it that
changes makes it, and what needs it, run. Trained classifiers are kept by their recipe, data and seed alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from inspect import getsourcefile, unwrap
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, cast

import pyarrow as pa
import torch

from heedful.errors import SettingError
from heedful.runs.imports import Sources
from heedful.runs.record import Record, versions
from heedful.runs.stamp import digest, keep, kept
from heedful.studies.apart import made_apart
from heedful.studies.run import Run, S, Settings
from heedful.support.parallel import n_threads


@dataclass(frozen=True)
class Stage(Generic[S]):
    """One step of a study.

    Attributes:
        name: unique within the study.
        run: makes the tables, by names that are unique within the study. It lives in the module that measures, so that
            its imports are those of the measurement: an edit of one of these makes the stage run again.
        reads: the settings it sees beside `recipes`; another value of one makes the stage run again.
        needs: names of the stages whose tables it reads.
        code: modules that count beside what the function's module imports.
        apart: it takes one thread, and may run in a process of its own beside its neighbours in the list that are
            apart, too; it, and what it works with, can be pickled.
    """

    name: str
    run: Callable[[Run[S]], Mapping[str, pa.Table]]
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    code: tuple[ModuleType, ...] = ()
    apart: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The source files that its imports are followed from."""
        function = self.run
        while isinstance(function, partial):
            function = function.func
        names = (getsourcefile(unwrap(function)), *(module.__file__ for module in self.code))
        return tuple(Path(str(name)) for name in names)

    def make(self, run: Run[S], stamp: str) -> bool:
        """Make the tables and write them, unless those of this stamp are there; tell whether they were made."""
        seen = replace(run, settings=cast("S", _Declared(run.settings, self)))
        with _threads(1) if self.apart else nullcontext():
            return keep(run.tables, self.name, stamp, partial(self.run, seen))


def run_stages(stages: Sequence[Stage[S]], run: Run[S], record: Record, processes: int | None = None) -> None:
    """Run the stages that have not run, in order, and write down how long each took.

    Args:
        stages: in an order in which each comes after those it needs.
        run: what they work with.
        record: where their times go.
        processes: how many neighbours that are apart run at once; None: one a core.
    """
    stamps = stamps_of(stages, run, record.content["data"])  # all at once: the code may be edited while it runs
    for apart, neighbours in groupby(stages, lambda stage: stage.apart):
        some = list(neighbours)
        if apart and (at_once := n_threads() if processes is None else processes) > 1:
            tasks = [(stage, stamps[stage.name]) for stage in some]
            left = [(stage, stamp) for stage, stamp in tasks if not kept(run.tables, stage.name, stamp)]
            ended = iter(()) if len(left) < 2 else made_apart(left, run, at_once)
            for name, seconds in ended:
                record.finished(name, seconds, shown=run.progress)
        for stage in some:
            started = time.perf_counter()
            if stage.make(run, stamps[stage.name]):
                record.finished(stage.name, time.perf_counter() - started, shown=run.progress)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Give torch so many threads inside."""
    before = torch.get_num_threads()
    if n == before:
        yield
        return
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stamps_of(stages: Sequence[Stage[S]], run: Run[S], data: Mapping[str, str]) -> dict[str, str]:
    """Return the stamp of every stage: all that its tables depend on; `data` are fingerprints of the texts, by key."""
    sources = Sources()
    facts = {
        apart: json.dumps([run.seed, data, 1 if apart else torch.get_num_threads(), versions()], sort_keys=True)
        for apart in (False, True)
    }
    stamps: dict[str, str] = {}
    for stage in stages:
        settings = (f"{name}={getattr(run.settings, name)!r}" for name in ("recipes", *stage.reads))
        needs = (stamps[need] for need in stage.needs)
        stamps[stage.name] = digest(stage.name, facts[stage.apart], *settings, *needs, sources.digest(*stage.files))
    return stamps


class _Declared(Settings):
    """The settings a stage reads, and no others: they would be missing from its stamp."""

    def __init__(self, settings: Settings, stage: Stage[Any]) -> None:
        vars(self).update({name: getattr(settings, name) for name in ("recipes", *stage.reads)}, _stage=stage.name)

    def __getattr__(self, name: str) -> Any:
        raise SettingError(f"stage {self._stage!r} reads the setting {name!r}: name it in its `reads`")
