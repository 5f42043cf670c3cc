"""The numbers of the study: of the full run, on three data sets, and of the quick one, on planted reviews alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heedful.data import Splits
from heedful.studies.remedies.hypotheses import Bounds
from heedful.studies.remedies.loop import Fit
from heedful.studies.remedies.recipe import Trained
from heedful.studies.remedies.tasks import PLANTED, Task, read
from heedful.studies.remedies.trainings import REMEDIES, Remedy, first_settings
from heedful.studies.run import Settings


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    """How much of everything is measured.

    Attributes:
        recipes: one a data set, setting and seed.
        tasks: the data sets.
        remedies: the rows of the table; the first one is plain, the standard.
        seeds: trainings of every setting.
        permutations: walked by each of the two halves of a sampled reference, where values are not exact.
        choosing: walked by each half on the validation texts.
        within: how far the accuracy on validation texts may lie below that of plain training for a setting to be
            chosen by its attention.
        bounds: of the hypotheses, fixed before the full run.
    """

    recipes: tuple[Trained, ...]
    tasks: tuple[Task, ...]
    remedies: tuple[Remedy, ...]
    seeds: int
    permutations: int = 10
    choosing: int = 4
    within: float = 0.01
    bounds: Bounds


def recipes(tasks: Mapping[Task, Fit], remedies: tuple[Remedy, ...], seeds: int) -> tuple[Trained, ...]:
    """Return a recipe for every data set, setting and seed."""
    return tuple(
        Trained(task.name, training, nth, task.tokens, fit)
        for task, fit in tasks.items()
        for nth in range(seeds)
        for remedy in remedies
        for training in remedy.settings
    )


_TASKS = {
    Task(PLANTED, 3000, 600, 1000, n_explained=200, n_choosing=100, tokens=64, built_in=True): Fit(epochs=10),
    Task("hatexplain", 8000, 1000, 1500, n_explained=200, n_choosing=100, tokens=64): Fit(epochs=5, learning_rate=1e-3),
    Task("movies", 1600, 200, 199, n_explained=120, n_choosing=60, tokens=128): Fit(epochs=10, batch_size=32),
}

FULL = Numbers(
    recipes=recipes(_TASKS, REMEDIES, 5),
    tasks=tuple(_TASKS),
    remedies=REMEDIES,
    seeds=5,
    bounds=Bounds(),
)

_SMALL = {
    Task(PLANTED, 1000, 200, 300, n_explained=40, n_choosing=20, tokens=64, built_in=True): Fit(
        hidden_size=32, key_size=16, value_size=16, epochs=6, learning_rate=1e-2
    )
}
_FEW = first_settings(REMEDIES)
QUICK = replace(FULL, recipes=recipes(_SMALL, _FEW, 2), tasks=tuple(_SMALL), remedies=_FEW, seeds=2)


def data(settings: Numbers, path: Path | None, seed: int) -> Mapping[str, Splits]:
    """Read the data sets; raises as `heedful.studies.remedies.tasks.read`."""
    return read(settings.tasks, path, seed)
