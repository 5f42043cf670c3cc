"""The study's stages: every data set and seed is one, before the choice and after it: a kill costs one of them."""

from __future__ import annotations

from functools import partial

from heedful.studies.remedies import cells, choosing, hypotheses, recipe, summary
from heedful.studies.remedies.settings import Numbers
from heedful.studies.stage import Stage


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """List the stages."""
    each = [(task, nth) for task in settings.tasks for nth in range(settings.seeds)]
    fits = [
        Stage(
            choosing.stage_name(task, nth), partial(choosing.stage, task, nth), ("remedies", "choosing"),
            code=(recipe,), apart=True,
        )
        for task, nth in each
    ]  # fmt: skip
    choice = Stage(
        "choice", choosing.choice_stage, ("tasks", "remedies", "seeds", "within"), tuple(one.name for one in fits)
    )
    tested = [
        Stage(
            cells.texts_name(task, nth), partial(cells.stage, task, nth), ("remedies", "permutations"), ("choice",),
            code=(recipe,), apart=True,
        )
        for task, nth in each
    ]  # fmt: skip
    return [
        *fits,
        choice,
        *tested,
        Stage("summary", summary.stage, ("tasks", "remedies", "seeds"), ("choice", *(one.name for one in tested))),
        Stage("claims", hypotheses.stage, ("tasks", "remedies", "bounds"), ("summary",)),
    ]
