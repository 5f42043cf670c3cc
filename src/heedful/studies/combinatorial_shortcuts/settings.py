"""The numbers of the study: of the full run, on three data sets, and of the quick one, on planted reviews alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heedful.data import Splits
from heedful.errors import DataError
from heedful.models.presets import PRESETS
from heedful.models.training import Sizes
from heedful.remedies.shortcuts import Training
from heedful.studies.combinatorial_shortcuts.claims import claims
from heedful.studies.combinatorial_shortcuts.tasks import PLANTED, Task
from heedful.studies.reading import drawn, planted_reviews, read_folder
from heedful.studies.recipes import PaperClassifier
from heedful.studies.run import Settings
from heedful.studies.verdicts import Claim

HOW = "this study reads IMDb and AG News: give --data FOLDER, with folders imdb and ag_news in it that hold train and "
HOW += "test (train.parquet and test.parquet of the hub's stanfordnlp/imdb and ag_news); --quick runs without"

# Hidden words teach the black box to read a text most of whose words are unknown, as a selector leaves it.
_PRESET = replace(PRESETS["default"], truncation_side="right", min_steps=0)


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    """How much of everything is measured.

    Attributes:
        recipes: the black boxes, one a task, by its name.
        tasks: the data sets.
        seeds: trainings of everything but the black box.
        training: of selectors and readers; k is each task's own. Joint trainings have twice the epochs: as many as the
            random and the other ones of the repair by freezing together.
        size: of word vectors of selectors and readers.
        claims: what the report confirms or refutes; set before the first run.
    """

    recipes: tuple[PaperClassifier, ...]
    tasks: tuple[Task, ...]
    seeds: int
    training: Training
    size: int
    claims: tuple[Claim, ...]


def _box(task: Task, epochs: int, learning_rate: float) -> PaperClassifier:
    preset = replace(_PRESET, epochs=epochs, learning_rate=learning_rate, min_frequency=1 if task.built_in else 3)
    small = Sizes(hidden_size=32, key_size=16, value_size=16, heads=4, max_tokens=task.tokens)
    return PaperClassifier(task.name, task.name, preset, small if task.built_in else Sizes(max_tokens=task.tokens))


_TASKS = (
    Task("imdb", "IMDb", n_train=8000, n_test=2000, tokens=128, k=10),
    Task("ag_news", "AG News", n_train=8000, n_test=2000, tokens=64, k=10),
    Task(PLANTED, "planted reviews", n_train=4000, n_test=1000, tokens=64, k=3, built_in=True),
)

FULL = Numbers(
    recipes=(_box(_TASKS[0], 8, 3e-3), _box(_TASKS[1], 8, 3e-3), _box(_TASKS[2], 8, 1e-2)),
    tasks=_TASKS,
    seeds=3,
    training=Training(epochs=10, temperature=1.0),
    size=32,
    claims=claims([task.name for task in _TASKS]),
)

_SMALL = replace(_TASKS[2], n_train=1500, n_test=500)
QUICK = replace(
    FULL,
    recipes=(_box(_SMALL, 5, 1e-2),),
    tasks=(_SMALL,),
    seeds=1,
    training=Training(epochs=8, learning_rate=1e-2, temperature=1.0),
    size=16,
    claims=claims([PLANTED]),
)


def data(settings: Numbers, path: Path | None, seed: int) -> Mapping[str, Splits]:
    """Read the data sets, drawn down to their sizes by the seed; planted reviews are made.

    Raises:
        DataError: a data set is missing, or has no test part; the message says how to get it.
    """
    if path is None and not all(task.built_in for task in settings.tasks):
        raise DataError(HOW)
    if path is not None and all(task.built_in for task in settings.tasks):
        raise DataError("--quick brings its own reviews: give --data or --quick, not both")
    return {
        task.name: planted_reviews(task.n_train, task.n_test, seed) if task.built_in else _read(task, path, seed)
        for task in settings.tasks
    }


def _read(task: Task, path: Path | None, seed: int) -> Splits:
    assert path is not None  # noqa: S101 - `data` has seen to it
    splits = read_folder(path, task.name, HOW)
    assert splits.test is not None  # noqa: S101 - as above
    return Splits(drawn(splits.train, task.n_train, seed), None, drawn(splits.test, task.n_test, seed))
