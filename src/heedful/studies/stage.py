"""A study's stages: each turns earlier tables, classifiers and texts into tables, once.

The tables are kept under a stamp: a digest of the settings the stage reads, the recipes, the seed, the data, the number
of threads, the libraries' versions, the code that the stage's function reaches by imports (see `heedful.runs.imports`),
and the stamps of the stages it needs. A stage whose stamp is there already is not run again; anything about it that
changes makes it, and what needs it, run. Trained classifiers are kept by their recipe, data and seed alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import getsourcefile, unwrap
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, cast

import pyarrow as pa
import torch

from heedful.errors import SettingError
from heedful.runs.imports import Sources
from heedful.runs.record import Record, versions
from heedful.runs.stamp import digest, keep
from heedful.studies.run import Run, S, Settings


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
    """

    name: str
    run: Callable[[Run[S]], Mapping[str, pa.Table]]
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    code: tuple[ModuleType, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The source files that its imports are followed from."""
        function = self.run
        while isinstance(function, partial):
            function = function.func
        names = (getsourcefile(unwrap(function)), *(module.__file__ for module in self.code))
        return tuple(Path(str(name)) for name in names)


def run_stages(stages: Sequence[Stage[S]], run: Run[S], record: Record) -> None:
    """Run the stages that have not run, in order, and write down how long each took."""
    stamps = stamps_of(stages, run, record.content["data"])  # all at once: the code may be edited while it runs
    for stage in stages:
        seen = replace(run, settings=cast("S", _Declared(run.settings, stage)))
        started = time.perf_counter()
        if keep(run.tables, stage.name, stamps[stage.name], partial(stage.run, seen)):
            record.finished(stage.name, time.perf_counter() - started, shown=run.progress)


def stamps_of(stages: Sequence[Stage[S]], run: Run[S], data: Mapping[str, str]) -> dict[str, str]:
    """Return the stamp of every stage: all that its tables depend on; `data` are fingerprints of the texts, by key."""
    sources = Sources()
    facts = json.dumps([run.seed, data, torch.get_num_threads(), versions()], sort_keys=True)
    stamps: dict[str, str] = {}
    for stage in stages:
        settings = (f"{name}={getattr(run.settings, name)!r}" for name in ("recipes", *stage.reads))
        needs = (stamps[need] for need in stage.needs)
        stamps[stage.name] = digest(stage.name, facts, *settings, *needs, sources.digest(*stage.files))
    return stamps


class _Declared(Settings):
    """The settings a stage reads, and no others: they would be missing from its stamp."""

    def __init__(self, settings: Settings, stage: Stage[Any]) -> None:
        vars(self).update({name: getattr(settings, name) for name in ("recipes", *stage.reads)}, _stage=stage.name)

    def __getattr__(self, name: str) -> Any:
        raise SettingError(f"stage {self._stage!r} reads the setting {name!r}: name it in its `reads`")
