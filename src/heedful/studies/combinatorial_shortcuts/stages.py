"""The study's stages: every task and training is one of its own, so that a kill costs one of them at most."""

from __future__ import annotations

from functools import partial

from heedful.studies import recipes
from heedful.studies.combinatorial_shortcuts import black_boxes, claims, existence, selectors
from heedful.studies.combinatorial_shortcuts.settings import Numbers
from heedful.studies.stage import Stage


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """List the stages, training of the black boxes first."""
    reads, trained = ("training", "size"), ("train",)
    present = [
        Stage(f"existence-{task.name}", partial(existence.stage, task), ("seeds", *reads), trained)
        for task in settings.tasks
    ]
    chosen = [
        Stage(selectors.table_name(task, number), partial(selectors.stage, task, number), reads, trained)
        for task in settings.tasks
        for number in range(settings.seeds)
    ]
    return [
        Stage("train", black_boxes.stage, code=(recipes,)),
        *present,
        Stage("existence", existence.summary_stage, ("tasks",), tuple(stage.name for stage in present)),
        *chosen,
        Stage("selectors", selectors.summary_stage, ("tasks", "seeds"), tuple(stage.name for stage in chosen)),
        Stage("claims", claims.stage, ("claims",), ("existence", "selectors")),
    ]
