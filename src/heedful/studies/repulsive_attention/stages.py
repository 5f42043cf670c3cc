"""The study's stages: every data set, optimiser and seed is one, so that a kill costs one of them at most."""

from __future__ import annotations

from functools import partial

from heedful.studies.repulsive_attention import cells, summaries
from heedful.studies.repulsive_attention.hops import OPTIMISERS
from heedful.studies.repulsive_attention.settings import Numbers
from heedful.studies.stage import Stage


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """List the stages."""
    each = [
        Stage(cells.table_name(task, optimiser, number), partial(cells.stage, task, optimiser, number), ("fit", "arms"))
        for task in settings.tasks
        for optimiser in OPTIMISERS
        for number in range(settings.seeds)
    ]
    reads = ("tasks", "seeds", "arms", "alpha", "straddling")
    return [*each, Stage("summary", summaries.stage, reads, tuple(stage.name for stage in each))]
