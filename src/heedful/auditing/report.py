"""The audit's report: Markdown and one self-contained page, and the rows as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful import metrics as metric_registry
from heedful.errors import MissingExtraError
from heedful.render import document
from heedful.support.files import open_whole

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtraError("pyarrow", "audit", "keeping the rows of an audit") from None

if TYPE_CHECKING:
    from heedful.auditing.result import Audit

ROWS = "rows.parquet"

LIGHTS = {
    "faithful": "Attention is faithful: it ranks words as their effects do, and speaks for the prediction",
    "map": "Attention is only a map of where the model looks: it shows which words matter, not for what",
    "misleading": "Attention is misleading: it does not rank words as their effects do",
    "undecided": "Undecided: these texts do not tell whether attention explains the predictions",
}


def write(audit: Audit, folder: Path) -> Path:
    """Write the report and the rows into a folder; the path of the page."""
    for name, rows in ((ROWS, audit.rows), ("trial.parquet", audit.trial)):
        if rows:
            with open_whole(folder / name) as file:
                pq.write_table(pa.Table.from_pylist(list(rows)), file)
    source = document.environment("heedful.auditing").get_template("report.md.j2")
    title = f"Audit of {audit.facts['model']}"
    markdown = source.render(
        title=title,
        audit=audit,
        facts=audit.facts,
        light=LIGHTS[str(audit.verdict["level"])],
        tables=[_table(name, rows) for name, rows in _by_metric(audit.cells).items()],
        methods=list(dict.fromkeys(row["method"] for row in audit.cells)),
        means={(row["metric"], row["method"]): row["value"] for row in audit.cells},
        refused=audit.refused,
        problems={reason: list(places) for reason, places in audit.problems.items()},
    )
    return document.write(folder, markdown, title)


def _by_metric(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in cells:
        grouped.setdefault(row["metric"], []).append(row)
    return grouped


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One metric's table: the best method first where a direction says which is better."""
    card = metric_registry.get(name).card
    sign = {"higher": -1.0, "lower": 1.0, "none": 0.0}[card.direction]
    ordered = sorted(rows, key=lambda row: sign * row["value"] if row["n"] else float("inf"))
    return {"name": name, "card": card, "rows": ordered}
