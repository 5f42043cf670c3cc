"""The black boxes that are explained, and how well they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from heedful.studies.measuring import table
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.combinatorial_shortcuts.settings import Numbers


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train every black box that has not been trained yet."""
    rows = []
    for recipe in run.settings.recipes:
        metrics = run.training(recipe.name)
        n, accuracy = metrics["test"]["n"], metrics["test"]["accuracy"]
        rows.append(
            {"data": recipe.name, "train": metrics["n_train"], "validation": metrics["n_validation"], "test": n}
            | intervals.columns({"accuracy": intervals.proportion(round(accuracy * n), n)})
        )
    return {"train.summary": table(rows)}
