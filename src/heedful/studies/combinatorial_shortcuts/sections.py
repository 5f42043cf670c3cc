"""What the report's template uses beside tables: names, and one verdict a repair and data set."""

from __future__ import annotations

from typing import Any

from heedful.runs.tables import Tables
from heedful.studies.combinatorial_shortcuts.claims import LOSS, REPAIRS
from heedful.studies.verdicts import judge, together
from heedful.support import intervals

TRAININGS = {"random": "random choice", "joint": "both together", **REPAIRS}
VALUES = {"words": "word and position", "positions": "position alone", "one": "the same everywhere"}


def words(tables: Tables) -> dict[str, Any]:
    """Names for the template."""
    return {
        "trainings": TRAININGS,
        "values": VALUES,
        "level": intervals.LEVEL,
        "repaired": [
            row | {"verdict": verdict(row)} for row in tables.rows("repairs.summary") if row["training"] in REPAIRS
        ],
    }


def verdict(row: dict[str, Any]) -> str:
    """Return the verdict on a repair: what the choice tells halves, and fidelity does not fall."""
    return together(
        [
            judge(row["excess_low"], row["excess_high"], most=0.0),
            judge(row["fidelity_low"], row["fidelity_high"], least=-LOSS),
        ]
    )
