"""The study's figures, from its tables alone; whiskers are 95 % intervals over texts."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from heedful.render.style import AGREE, CYCLE, DIM, DISAGREE, legend_below, shares, subplots, whiskers
from heedful.runs.tables import Tables
from heedful.studies.combinatorial_shortcuts.sections import TRAININGS, VALUES


def existence(tables: Tables) -> Figure:
    """Accuracy where values are constant: trained attention beside random weights."""
    every = tables.rows("existence.summary")
    names = list(dict.fromkeys(row["data"] for row in every))
    figure, panels = subplots(2.2 + 3.2 * len(names), 2.7, 1, len(names), sharey=True, squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        rows = [row for row in every if row["data"] == name]
        places = np.arange(len(rows))
        for how, colour in (("trained", DISAGREE), ("random", AGREE)):
            chosen = [i for i, row in enumerate(rows) if row["how"] == how]
            whiskers(
                axes, places[chosen], [rows[i] for i in chosen], "accuracy", across=True, fmt="o", color=colour,
                label=f"{how} weights",
            )  # fmt: skip
        axes.axvline(rows[0]["commonest"], color=DIM, linewidth=0.8, linestyle=":")
        axes.set_yticks(places, [f"{row['attention']}, {VALUES[row['values']]}" for row in rows])
        axes.set_title(name)
        axes.set_xlabel("accuracy")
        shares(axes, "x")
    panels[0][0].invert_yaxis()
    legend_below(figure, panels[0][0])
    return figure


def trade(tables: Tables) -> Figure:
    """What the choice tells without the words, against what the evaluator tells from the chosen words."""
    every = tables.rows("selectors.summary")
    names = list(dict.fromkeys(row["data"] for row in every))
    figure, panels = subplots(1.2 + 3.4 * len(names), 3.2, 1, len(names), squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        for (training, title), colour in zip(TRAININGS.items(), (DIM, *CYCLE[1:]), strict=False):
            row = next(row for row in every if row["data"] == name and row["training"] == training)
            whiskers(axes, [row["both"]], [row], "evaluator", fmt="o", color=colour, label=title)
            whiskers(axes, [row["evaluator"]], [row], "both", across=True, fmt="none", ecolor=colour)
        axes.set_title(name)
        axes.set_xlabel("told from the choice alone")
        shares(axes, "x")
        shares(axes, "y")
    panels[0][0].set_ylabel("told by the evaluator from the words")
    legend_below(figure, panels[0][0])
    return figure


FIGURES = {"existence": existence, "trade": trade}
