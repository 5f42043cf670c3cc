"""The figures of an audit's report, each drawn from what stands in `audit.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.auditing.rows import REVERSED
from heedful.auditing.tables import CHANCE
from heedful.render.document import number
from heedful.render.style import AGAINST, CYCLE, DIM, FOR, INK, LINE, SIGNED, WEIGHT, bare, shares, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHES = ("-", "--", ":", "-.")
_LONGEST = 28  # characters of a name in a figure
Content = Mapping[str, Any]


def plots(content: Content) -> dict[str, tuple[str, Callable[[], Figure]]]:
    """Return the figures that the content has something for: by name, a caption and the function that draws it."""
    chosen, some = content["choice"], dict[str, tuple[str, Callable[[], "Figure"]]]()
    if chosen is not None:
        some["cost"] = (
            f"Faithfulness against cost: {chosen['metric']} with its 95 % interval; the time is that of a text, the "
            "cheapest method at the bottom. Filled: no other method is both cheaper and better (the Pareto front).",
            lambda: _cost(content),
        )
    if content["curves"]:
        some["curves"] = (
            "The mean output as units are removed (deletion: falls early where a method points at what matters) or put "
            "back (insertion: rises early), the highest score first.",
            lambda: _curves(content["curves"]),
        )
    if content["agreement"]:
        some["agreement"] = (
            "How far methods agree: Kendall's tau-b of their scores, the mean over texts. Agreement is no evidence.",
            lambda: _agreement(content["agreement"]),
        )
    for kind in ("best", "worst"):
        rows = [row for row in content["examples"] if row["kind"] == kind]
        if rows:
            some[kind] = (
                f"The texts in which attention orders words {kind} by the size of their effects: the most attended and "
                "the most effective words. Red speaks for the prediction, blue against it.",
                partial(_examples, rows),
            )
    return some


def _cost(content: Content) -> Figure:
    """A row a method, the cheapest at the bottom: where the front climbs, more time buys a better explanation."""
    chosen = content["choice"]
    cells = {row["method"]: row for row in content["cells"] if row["metric"] == chosen["metric"] and row["n"]}
    seconds = {row["method"]: float(row["seconds"]) for row in content["costs"]}
    names = sorted((name for name in cells if name not in (REVERSED, CHANCE)), key=lambda name: seconds[name])
    figure, axes = subplots(7.2, 1.0 + 0.3 * len(names))
    for y, name in enumerate(names):
        row, front = cells[name], name in chosen["front"]
        low, high = (row["value"] if row[end] is None else row[end] for end in ("value_low", "value_high"))
        axes.plot([low, high], [y, y], color=DIM, linewidth=1)
        axes.plot(row["value"], y, "o", color=FOR if front else "#ffffff", markeredgecolor=FOR if front else DIM)
    if CHANCE in cells:
        axes.axvline(cells[CHANCE]["value"], color=DIM, linestyle=":", linewidth=1)
        axes.annotate("random scores", (cells[CHANCE]["value"], 0.5), xycoords=("data", "axes fraction"), ha="left",
                      va="center", color=DIM, fontsize=8, rotation=90)  # fmt: skip
    axes.set_yticks(range(len(names)), [f"{_short(name)}  {_time(seconds[name])}" for name in names])
    axes.set(xlabel=chosen["metric"], ylim=(-0.6, len(names) - 0.4))
    axes.grid(visible=False, axis="y")
    return figure


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _curves(rows: Sequence[Content]) -> Figure:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    figure, axes = subplots(7.2, 3.6, 1, len(metrics), sharey=True, squeeze=False)
    for part, metric in zip(axes[0], metrics, strict=True):
        some = [row for row in rows if row["metric"] == metric]
        for i, method in enumerate(dict.fromkeys(row["method"] for row in some)):
            mine = [row for row in some if row["method"] == method]
            reference = method in (CHANCE, REVERSED)
            part.plot(
                [row["share"] for row in mine], [row["value"] for row in mine], label=_short(method),
                color=DIM if reference else CYCLE[i % len(CYCLE)], linewidth=1 if reference else 1.6,
                linestyle=(":" if method == CHANCE else "--") if reference else _DASHES[i // len(CYCLE) % 4],
            )  # fmt: skip
        part.set(title=metric, xlabel=f"share of units {'removed' if metric.startswith('deletion') else 'put back'}")
        shares(part, "x")
    axes[0][0].set_ylabel("output")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _agreement(rows: Sequence[Content]) -> Figure:
    names = list(dict.fromkeys(name for row in rows for name in (row["first"], row["second"])))
    table = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(table, 1.0)
    for row in rows:
        i, j = names.index(row["first"]), names.index(row["second"])
        table[i, j] = table[j, i] = np.nan if row["tau"] is None else row["tau"]
    size = 1.8 + 0.42 * len(names)
    figure, axes = subplots(size + 1.2, size)
    axes.imshow(table, cmap=SIGNED, vmin=-1, vmax=1)
    for i, j in np.ndindex(table.shape):
        shown = "–" if np.isnan(table[i, j]) else number(float(table[i, j]))
        axes.text(
            j, i, shown, ha="center", va="center", fontsize=7, color="#ffffff" if abs(table[i, j]) > 0.75 else INK
        )
    short = [_short(name) for name in names]
    axes.set_xticks(range(len(names)), short, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), short)
    bare(axes)
    return figure


def _examples(rows: Sequence[Content]) -> Figure:
    figure, axes = subplots(7.2, 2.3 * len(rows), len(rows), 2, squeeze=False, width_ratios=(1, 1))
    for (left, right), row in zip(axes, rows, strict=True):
        words = row["words"]
        places = range(len(words))
        left.barh(places, [word["attention"] for word in words], color=WEIGHT, height=0.7)
        effects = [word["effect"] for word in words]
        right.barh(places, effects, color=[FOR if effect > 0 else AGAINST for effect in effects], height=0.7)
        right.axvline(0, color=LINE)
        left.set_yticks(places, [_short(word["word"]) for word in words])
        right.set_yticks(places, [""] * len(words))
        for part in (left, right):
            part.invert_yaxis()
            part.grid(visible=False, axis="y")
        left.set_title(_short(row["place"]))
        right.set_title(f"predicted {_short(str(row['predicted']))}")
        shares(left, "x")
    axes[-1][0].set_xlabel("share of the attention")
    axes[-1][1].set_xlabel("effect on the logit difference")
    return figure


def _short(name: str) -> str:
    """A name that fits; what cannot be drawn, such as a line end, is a space."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."
