"""The audit's report: figures, Markdown and one self-contained page, all from what stands in `audit.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heedful.auditing.plots import plots
from heedful.render import document
from heedful.render.style import save
from heedful.support.durations import duration

FIGURES = "figures"
LIGHTS = {
    "faithful": "Attention is faithful: it ranks words as their effects do, and speaks for the prediction",
    "map": "Attention is only a map of where the model looks: it shows which words matter, not for what",
    "misleading": "Attention is misleading: it does not rank words as their effects do",
    "undecided": "Undecided: these texts do not tell whether attention explains the predictions",
}
NO_VERDICT = "No verdict on attention"


def write(content: Mapping[str, Any], folder: Path) -> Path:
    """Write figures and report into a folder; the path of the page.

    Args:
        content: of `audit.json`, as `heedful.auditing.result.read` gives it.
        folder: made if need be.

    Raises:
        InputError: the folder cannot be written.
    """
    figures = plots(content)
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    for name, (_, draw) in figures.items():
        save(draw, folder / FIGURES, name)
    source = document.environment("heedful.auditing").get_template("report.md.j2")
    title = f"Audit of {content['facts']['model']}"
    markdown = source.render(
        title=title,
        light=NO_VERDICT if content["facts"]["effects"] is None else LIGHTS[str(content["verdict"]["level"])],
        tables=[_table(name, rows, content) for name, rows in _by_metric(content["cells"]).items()],
        means={(row["metric"], row["method"]): row for row in content["cells"]},
        figures={name: f"![{caption}]({FIGURES}/{name}.svg)" for name, (caption, _) in figures.items()},
        time=duration(float(content["facts"]["seconds"])),
        **content,
    )
    return document.write(folder, markdown, title)


def _by_metric(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in cells:
        grouped.setdefault(row["metric"], []).append(row)
    return grouped


def _table(name: str, rows: Sequence[Mapping[str, Any]], content: Mapping[str, Any]) -> dict[str, Any]:
    """One metric's table: the best method first where a direction says which is better."""
    card = content["metric_cards"][name]
    sign = {"higher": -1.0, "lower": 1.0, "none": 0.0}[card["direction"]]
    ordered = sorted(rows, key=lambda row: math.inf if row["value"] is None else sign * row["value"])
    as_good = {row["method"]: row for row in content["as_good"] if row["metric"] == name}
    extremes = {row["method"]: row for row in content["extremes"] if row["metric"] == name}
    best = next((row["best"] for row in as_good.values()), None)
    return {"name": name, "card": card, "rows": ordered, "as_good": as_good, "extremes": extremes, "best": best}
