"""The study's figure, from its tables alone; whiskers are 95 % intervals over trainings."""

from __future__ import annotations

from matplotlib.figure import Figure

from heedful.render.style import CYCLE, legend_below, shares, subplots, whiskers
from heedful.runs.tables import Tables


def diversity(tables: Tables) -> Figure:
    """Accuracy against how alike the maps of two hops are, a panel a data set and optimiser."""
    every = tables.rows("cells.summary")
    data = list(dict.fromkeys(row["data"] for row in every))
    optimisers = list(dict.fromkeys(row["optimiser"] for row in every))
    arms = list(dict.fromkeys(row["arm"] for row in every))
    figure, panels = subplots(
        1.2 + 3 * len(data), 2.6 * len(optimisers) + 0.4, len(optimisers), len(data), squeeze=False
    )
    for line, optimiser in zip(panels, optimisers, strict=True):
        for axes, name in zip(line, data, strict=True):
            for arm, colour in zip(arms, CYCLE, strict=True):
                row = next(r for r in every if (r["data"], r["optimiser"], r["arm"]) == (name, optimiser, arm))
                known = row | {f"{f}_{e}": row[f] for f in ("accuracy", "similarity") for e in ("low", "high")}
                known |= {key: value for key, value in row.items() if value is not None}
                whiskers(axes, [row["similarity"]], [known], "accuracy", fmt="o", color=colour, label=arm)
                whiskers(axes, [row["accuracy"]], [known], "similarity", across=True, fmt="none", ecolor=colour)
            axes.set_title(f"{name}, {optimiser}")
            shares(axes, "y")
            axes.set_xlabel("mean cosine between maps")
        line[0].set_ylabel("accuracy")
    legend_below(figure, panels[0][0])
    return figure


FIGURES = {"diversity": diversity}
