"""The numbers of the study: of the full run, on four data sets, and of the quick one, on planted texts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heedful.data import Splits
from heedful.errors import DataError
from heedful.studies.reading import drawn, read_folder
from heedful.studies.repulsive_attention.hops import Arm, Fit
from heedful.studies.repulsive_attention.present import generate
from heedful.studies.run import Settings

HOW = (
    "this study reads SST-2, AG News and IMDb: give --data FOLDER, with folders sst2, ag_news and imdb in it that hold "
)
HOW += "train and test; --quick runs without"


@dataclass(frozen=True)
class Task:
    """A data set.

    Attributes:
        name: key of the data, and the folder it is read from.
        n_train, n_test: texts, drawn by the seed where there are more.
        tokens: words of a text that are read.
        planted: texts whose label is whether four words are all there.
    """

    name: str
    n_train: int
    n_test: int
    tokens: int
    planted: bool = False


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    """How much of everything is measured.

    Attributes:
        tasks: the data sets.
        seeds: trainings of every arm; arms of one seed begin alike and see the same batches.
        fit: sizes and steps.
        arms: the first one is plain, the standard.
        alpha: of the sign test over data sets and optimisers.
        straddling: share of these whose interval must not lie above 0 for the claim to be refuted.
    """

    tasks: tuple[Task, ...]
    seeds: int
    fit: Fit
    arms: tuple[Arm, ...]
    alpha: float = 0.05
    straddling: float = 5 / 6


FULL = Numbers(
    recipes=(),
    tasks=(
        Task("sst2", 8000, 1800, 40),
        Task("ag_news", 8000, 2000, 48),
        Task("imdb", 8000, 2000, 128),
        Task("planted", 4000, 1000, 20, planted=True),
    ),
    seeds=5,
    fit=Fit(steps=400),
    arms=(
        Arm("plain"),
        Arm("SVGD, w = 0.01", weight=0.01),
        Arm("SVGD, w = 0.1", weight=0.1),
        Arm("SPOS, w = 0.01", weight=0.01, beta=0.01),
        Arm("Frobenius, 0.01", penalty=0.01),
        Arm("Frobenius, 0.1", penalty=0.1),
    ),
)

QUICK = replace(
    FULL,
    tasks=(Task("planted", 1000, 400, 20, planted=True),),
    seeds=2,
    fit=Fit(size=16, states=8, units=16, hops=8, steps=120, adam=1e-2),
)


def data(settings: Numbers, path: Path | None, seed: int) -> Mapping[str, Splits]:
    """Read the data sets, drawn down to their sizes by the seed; planted texts are made.

    Raises:
        DataError: a data set is missing, or has no test part; the message says how to get it.
    """
    if path is None and not all(task.planted for task in settings.tasks):
        raise DataError(HOW)
    if path is not None and all(task.planted for task in settings.tasks):
        raise DataError("--quick brings its own texts: give --data or --quick, not both")
    return {task.name: _planted(task, seed) if task.planted else _read(task, path, seed) for task in settings.tasks}


def _planted(task: Task, seed: int) -> Splits:
    train, test = (generate(n, part) for n, part in ((task.n_train, 2 * seed), (task.n_test, 2 * seed + 1)))
    return Splits(train, None, test)


def _read(task: Task, path: Path | None, seed: int) -> Splits:
    assert path is not None  # noqa: S101 - `data` has seen to it
    splits = read_folder(path, task.name, HOW)
    assert splits.test is not None  # noqa: S101 - as above
    return Splits(drawn(splits.train, task.n_train, seed), None, drawn(splits.test, task.n_test, seed))
