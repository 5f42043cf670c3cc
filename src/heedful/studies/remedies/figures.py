"""The study's figures, from its tables alone; whiskers are 95 % intervals over seeds and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from heedful.render.style import AGAINST, CYCLE, DIM, INK, legend_below, shares, subplots, whiskers
from heedful.runs.tables import Tables
from heedful.studies.remedies.columns import ACCURACY, COLUMNS, TAU
from heedful.studies.remedies.trainings import PLAIN

_A_LINE = 4  # panels side by side


def trade(tables: Tables) -> Figure:
    """Change of accuracy against the rise of tau-b, both over plain training, a panel a data set."""
    every = tables.rows("remedies.summary")
    names = list(dict.fromkeys(row["data"] for row in every))
    titles = {row["remedy"]: row["title"] for row in every if row["remedy"] != PLAIN}
    figure, panels = subplots(max(6.4, 1.4 + 3.2 * len(names)), 3.8, 1, len(names), squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        axes.axhline(0.0, color=DIM, linewidth=0.8)
        axes.axvline(0.0, color=DIM, linewidth=0.8)
        for (remedy, title), colour in zip(titles.items(), _colours(len(titles)), strict=True):
            tau, price = (_gain(tables, name, remedy, column) for column in (TAU, ACCURACY))
            whiskers(axes, [tau["gain"]], [price], "gain", fmt="o", color=colour, label=title)
            whiskers(axes, [price["gain"]], [tau], "gain", across=True, fmt="none", ecolor=colour)
        axes.set_title(name)
        axes.set_xlabel("rise of tau-b with sizes of Shapley values")
        shares(axes, "y")
    panels[0][0].set_ylabel("change of accuracy")
    legend_below(figure, panels[0][0])
    return figure


def dots(tables: Tables) -> Figure:
    """Every column, a panel each; a dot a remedy and data set; the dotted lines are plain training."""
    every = tables.rows("remedies.summary")
    names = list(dict.fromkeys(row["data"] for row in every))
    titles = {row["remedy"]: row["title"] for row in every}
    lines = -(-len(COLUMNS) // _A_LINE)
    height = 0.8 + 0.07 * len(names) * len(titles) + 0.14 * len(titles)
    figure, panels = subplots(12, lines * height + 0.4, lines, _A_LINE, squeeze=False, sharey=True)
    for axes, column in zip(panels.flat, COLUMNS, strict=False):
        for k, (name, colour) in enumerate(zip(names, CYCLE, strict=False)):
            rows = [row for row in every if row["data"] == name]
            places = np.arange(len(rows)) + 0.22 * (k - (len(names) - 1) / 2)
            known = [_whole(row, column.name) for row in rows]
            whiskers(axes, places, known, column.name, across=True, fmt="o", markersize=3.5, color=colour, label=name)
            plain = rows[0][column.name]
            if plain is not None:
                axes.axvline(plain, color=colour, linewidth=0.8, linestyle=":")
        axes.set_yticks(np.arange(len(titles)), list(titles.values()))
        axes.set_title(column.title, fontsize=8.5)
        if column.unit == "share":
            shares(axes, "x")
    for axes in panels.flat[len(COLUMNS) :]:
        axes.set_visible(False)
    panels[0][0].invert_yaxis()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
    return figure


def _gain(tables: Tables, data: str, remedy: str, column: str) -> dict[str, Any]:
    return _whole(tables.one("gains.summary", data=data, remedy=remedy, column=column), "gain")


def _whole(row: dict[str, Any], name: str) -> dict[str, Any]:
    """The row with numbers for a figure that is unknown, or has no interval."""
    value = np.nan if row[name] is None else row[name]
    ends = {f"{name}_{end}": value if row[f"{name}_{end}"] is None else row[f"{name}_{end}"] for end in ("low", "high")}
    return row | {name: value} | ends


def _colours(n: int) -> list[str]:
    return [*CYCLE, INK, AGAINST][:n] if n <= len(CYCLE) + 1 else [CYCLE[i % len(CYCLE)] for i in range(n)]


FIGURES = {"trade": trade, "dots": dots}
