"""The study's figures, drawn from its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from heedful.render.style import AGAINST, AGREE, CYCLE, DIM, FOR, WEIGHT, shares, subplots, whiskers
from heedful.runs.tables import Tables
from heedful.studies.sparse_attention.recipe import MIXING

SHORT = {
    "paper": "paper's (control)",
    "words": "words (control)",
    "bilstm": "bi-LSTM",
    "self-attention": "self-attention",
}
MARKS = {"dot": "o", "additive": "s"}
MEASURES = {"input": "gradient by inputs", "state": "gradient by states", "left_out": "leave-one-out"}


def by_alpha(tables: Tables) -> Figure:
    """Full-list tau-b of attention with three kinds of importance, as alpha rises."""
    panels, data = _panels(tables, list(MEASURES))
    for (name, measure), axes in panels.axes.items():
        _lines(axes, tables, name, measure)
        axes.set_title(MEASURES[measure] if name == data[0] else "")
    panels.finish("tau-b with attention, all words")
    return panels.figure


def lists(tables: Tables) -> Figure:
    """The same with gradients by inputs, over all words and over the support alone."""
    panels, data = _panels(tables, ["input", "input_support"])
    titles = {"input": "over all words", "input_support": "over the support"}
    for (name, measure), axes in panels.axes.items():
        _lines(axes, tables, name, measure)
        axes.set_title(titles[measure] if name == data[0] else "")
    panels.finish("tau-b with gradient by inputs")
    return panels.figure


def sparsity(tables: Tables) -> Figure:
    """How sparse attention is, and how concentrated the importance of inputs is."""
    names = {"attention_entropy": "entropy of attention", "input_entropy": "entropy of input importance"}
    panels, data = _panels(tables, list(names))
    for (name, measure), axes in panels.axes.items():
        _lines(axes, tables, name, measure)
        axes.set_title(names[measure] if name == data[0] else "")
        shares(axes, "y")
        axes.set_ylim(0, 1.02)
    panels.finish("share of the largest")
    return panels.figure


def decisions(tables: Tables) -> Figure:
    """How often the decision flips without the most attended word, another attended one, and any other."""
    kinds = {
        "flip_most": ("most attended", FOR),
        "flip_attended": ("another attended", WEIGHT),
        "flip_other": ("any other", AGAINST),
    }
    panels, _ = _panels(tables, ["flip_most"], encoders=True)
    for (name, encoder), axes in panels.axes.items():
        rows = tables.rows("classifiers.summary", data=name, encoder=encoder)
        for kind, (label, colour) in kinds.items():
            for scorer in dict.fromkeys(row["scorer"] for row in rows):
                _line(axes, [row for row in rows if row["scorer"] == scorer], kind, label, colour, MARKS[scorer])
        axes.set_title(SHORT[encoder])
        shares(axes, "y")
    panels.finish("texts whose decision flips", labels=dict(kinds.values()))
    return panels.figure


class _Panels:
    """Axes in a grid: a row a data set, a column a measure or an encoder."""

    def __init__(self, data: Sequence[str], columns: Sequence[str]) -> None:
        self.data = data
        self.figure, grid = subplots(
            2.9 * len(columns) + 0.6,
            2.3 * len(data) + 0.7,
            len(data),
            len(columns),
            squeeze=False,
            sharex=True,
            sharey=True,
        )
        self.axes: dict[tuple[str, str], Axes] = {
            (name, column): grid[i][k] for i, name in enumerate(data) for k, column in enumerate(columns)
        }

    def finish(self, label: str, labels: dict[str, str] | None = None) -> None:
        """Write the axes' labels and one legend."""
        for (name, column), axes in self.axes.items():
            if (name, column) in {(row, next(iter(self.axes))[1]) for row in self.data}:
                axes.set_ylabel(f"{name}: {label}", fontsize=7)
            if name == self.data[-1]:
                axes.set_xlabel("alpha")
        first = next(iter(self.axes.values()))
        handles, names = first.get_legend_handles_labels()
        unique = dict(zip(names, handles, strict=True))
        if labels is not None:
            unique = {name: unique[name] for name in labels if name in unique}
        self.figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=3, fontsize=7)


def _panels(tables: Tables, columns: list[str], *, encoders: bool = False) -> tuple[_Panels, list[str]]:
    rows = tables.rows("classifiers.summary")
    data = list(dict.fromkeys(row["data"] for row in rows))
    return _Panels(data, list(dict.fromkeys(row["encoder"] for row in rows)) if encoders else columns), data


def _lines(axes: Axes, tables: Tables, name: str, measure: str) -> None:
    """A line an encoder and scorer."""
    rows = tables.rows("classifiers.summary", data=name)
    places = list(dict.fromkeys((row["encoder"], row["scorer"]) for row in rows))
    for (encoder, scorer), colour in zip(places, (DIM, AGREE, *CYCLE), strict=False):
        own = [row for row in rows if (row["encoder"], row["scorer"]) == (encoder, scorer)]
        style: dict[str, Any] = {"linestyle": "-" if encoder in MIXING else ":"}
        _line(axes, own, measure, f"{SHORT[encoder]}, {scorer}", colour, MARKS[scorer], **style)


def _line(
    axes: Axes, rows: Sequence[dict[str, Any]], measure: str, label: str, colour: str, mark: str, **style: Any
) -> None:
    known = [row for row in rows if row[measure] is not None]
    whiskers(
        axes, [row["alpha"] for row in known], known, measure, fmt=mark, color=colour, markersize=4, label=label,
        **({"linestyle": "-"} | style),
    )  # fmt: skip


FIGURES: dict[str, Callable[[Tables], Figure]] = {
    "by-alpha": by_alpha,
    "lists": lists,
    "sparsity": sparsity,
    "decisions": decisions,
}
