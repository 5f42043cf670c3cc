"""The paper's figures, redrawn from the study's tables: one sentence, its heads and gradient, one review's LIME."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from heedful.render.colour import SIGNED as SIGNED_KINDS
from heedful.render.colour import UNSIGNED as UNSIGNED_KINDS
from heedful.render.colour import full_scale, shade
from heedful.render.style import AGAINST, DIM, FOR, INK, SIGNED, UNSIGNED, bare, subplots
from heedful.runs.tables import Tables
from heedful.studies.attention_meets_post_hoc.sentence import AUTOGRAD, CLOSED, WITH_QUERY

MASKED = {"delete": "words deleted, as the code does", "unk": "words unknown, as in the theorem"}


def figure_1(tables: Tables) -> Figure:
    """One sentence by nine explainers: a row each, on its own scale."""
    rows = tables.rows("sentence.scores.summary")
    methods, words = (
        list(dict.fromkeys(row["method"] for row in rows)),
        [row["word"] for row in rows if row["method"] == rows[0]["method"]],
    )
    figure, axes = subplots(1.6 + 0.95 * len(words), 0.6 + 0.36 * len(methods))
    bare(axes)
    image = np.ones((len(methods), len(words), 3))
    for i, method in enumerate(methods):
        selected = [row for row in rows if row["method"] == method]
        scale = full_scale(np.array([row["score"] for row in selected]))
        for j, row in enumerate(selected):
            colour = shade(row["score"], scale, SIGNED_KINDS if row["signed"] else UNSIGNED_KINDS)
            image[i, j] = np.array(colour.rgb) / 255
            axes.text(
                j, i, _short(row["score"], scale, signed=row["signed"]), ha="center", va="center", fontsize=8,
                color="white" if colour.dark else INK,
            )  # fmt: skip
    axes.imshow(image, aspect="auto", interpolation="nearest")
    names = [next(row["name"] for row in rows if row["method"] == method) for method in methods]
    axes.set_xticks(range(len(words)), words)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(methods)), names)
    return figure


def figure_3(tables: Tables) -> Figure:
    """What every head attends to, over the sentence; padding apart, on the same scale."""
    rows = tables.rows("heads.summary")
    tokens = [row["token"] for row in rows if row["head"] == 0]
    weights = np.array([row["attention"] for row in rows]).reshape(-1, len(tokens))
    padded = tokens[-1] is None
    names = [*tokens[: len(tokens) - padded], *["all padding"] * padded]
    figure, axes = subplots(1.6 + 0.8 * len(names), 1.0 + 0.36 * len(weights))
    bare(axes)
    axes.imshow(weights, cmap=UNSIGNED, vmin=0, aspect="auto", interpolation="nearest")
    for (i, j), weight in np.ndenumerate(weights):
        shown = f"{weight:.3f}" if weight >= 5e-4 else "0"
        colour = "white" if weight > 0.55 * weights.max() else INK
        axes.text(j, i, shown, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="left", rotation_mode="anchor")
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(weights)), [f"head {i + 1}" for i in range(len(weights))])
    return figure


def figure_4(tables: Tables) -> Figure:
    """Many runs of LIME on one review: boxes, the coded formula as crosses, the exact limit as lines."""
    rows = tables.rows("boxes")
    words = [row["word"] for row in rows if row["masking"] == "unk" and row["run"] == 0]
    figure, panels = subplots(9, 0.9 + 0.34 * len(words), 1, 2, sharex=True, sharey=True)
    for axes, (masking, title) in zip(panels, MASKED.items(), strict=True):
        selected = [row for row in rows if row["masking"] == masking]
        runs = [[row["score"] for row in selected if row["rank"] == rank] for rank in range(len(words))]
        once = sorted((row for row in selected if row["run"] == 0), key=lambda row: row["rank"])
        places = np.arange(len(words))
        axes.axvline(0, color=DIM, linewidth=0.8)
        axes.boxplot(
            runs, positions=places, orientation="horizontal", widths=0.55, patch_artist=True,
            boxprops={"facecolor": "#dfe7f2", "edgecolor": AGAINST}, medianprops={"color": AGAINST},
            whiskerprops={"color": AGAINST}, capprops={"color": AGAINST},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": AGAINST},
        )  # fmt: skip
        limits = [row["limit"] for row in once]
        axes.vlines(limits, places - 0.42, places + 0.42, color=INK, linewidth=1.6, label="exact limit, words unknown")
        axes.plot(
            [row["coded"] for row in once], places, "x", color=FOR, markersize=7, mew=1.8, label="the paper's formula"
        )
        axes.set_yticks(places, words)
        axes.set_title(title)
        axes.set_xlabel("coefficient")
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def figure_5(tables: Tables) -> Figure:
    """The gradient by every token's vector: the paper's formula, autograd, and what is between them."""
    table = tables["gradient"]
    engines = np.array(table["engine"].to_pylist())
    tokens = list(dict.fromkeys(zip(table["position"].to_pylist(), table["token"].to_pylist(), strict=True)))
    values = table["value"].to_numpy()
    maps = {engine: values[engines == engine].reshape(len(tokens), -1) for engine in (CLOSED, WITH_QUERY, AUTOGRAD)}
    shown = {CLOSED: maps[CLOSED], AUTOGRAD: maps[AUTOGRAD], "formula minus autograd": maps[CLOSED] - maps[AUTOGRAD]}
    figure, panels = subplots(9.5, 0.9 + 0.26 * len(tokens), 1, 3, sharey=True)
    top = float(np.abs(maps[AUTOGRAD]).max())
    for axes, (title, image) in zip(panels, shown.items(), strict=True):
        bare(axes)
        seen = axes.imshow(image, cmap=SIGNED, vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
        axes.set_title(title)
        axes.set_xlabel("component")
        axes.set_yticks(range(len(tokens)), [token for _, token in tokens])
    figure.colorbar(seen, ax=panels, shrink=0.9, pad=0.01)
    return figure


def _short(value: float, scale: float, *, signed: bool) -> str:
    """Three digits, with a sign where a method has signs; 0 for what is next to nothing on the row's scale."""
    if abs(value) < 1e-3 * scale:
        return "0"
    shown = f"{value:+.3g}" if signed else f"{value:.3g}"
    return shown.replace("-", "\N{MINUS SIGN}")
