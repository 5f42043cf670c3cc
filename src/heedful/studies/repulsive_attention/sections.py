"""What the report's template uses beside tables."""

from __future__ import annotations

from typing import Any

from heedful.runs.tables import Tables
from heedful.support import intervals


def words(tables: Tables) -> dict[str, Any]:
    """Names for the template."""
    return {"level": intervals.LEVEL, "planted": any(row["data"] == "planted" for row in tables.rows("cells.summary"))}
