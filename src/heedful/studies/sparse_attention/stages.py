"""The study's stages: one a classifier, apart from one another, then the tables of all of them together."""

from __future__ import annotations

from functools import partial

from heedful.studies.sparse_attention import cells, hypotheses, recipe, summary
from heedful.studies.sparse_attention.settings import Numbers
from heedful.studies.stage import Stage

MEASURED = ("texts", "shapley_texts", "n_permutations")


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """List the stages; a kill costs the classifiers that are being trained or measured, and no others."""
    each = [
        Stage(one.name, partial(cells.stage, one), MEASURED, code=(recipe,), apart=True) for one in settings.recipes
    ]
    names = tuple(stage.name for stage in each)
    return [
        *each,
        Stage("summary", summary.stage, ("matched",), names),
        Stage("hypotheses", hypotheses.stage, ("hypotheses",), ("summary",)),
    ]
