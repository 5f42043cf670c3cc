"""The study's figures, from its tables alone; whiskers are 95 % intervals. Those of the paper stand in a file apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from heedful.render.style import (
    AGAINST,
    AGREE,
    CYCLE,
    DIM,
    DISAGREE,
    FOR,
    INK,
    LINE,
    WEIGHT,
    logarithmic_shares,
    shares,
    subplots,
    whiskers,
)
from heedful.runs.tables import Tables
from heedful.studies.attention_meets_post_hoc.choices import EXACT, SAMPLED
from heedful.studies.attention_meets_post_hoc.paper_figures import MASKED, figure_1, figure_3, figure_4, figure_5
from heedful.studies.attention_meets_post_hoc.variants import SAME

PARTS = {
    "n_units": "words in the review",
    "n_effective": "words attention is spread over",
    "fixed": "attention off words",
}
FORMULA_COLOURS = {"coded": DISAGREE, "corrected": AGREE}


def formulas(tables: Tables) -> Figure:
    """How far both formulas are from LIME's exact limit: over all texts, by length, by how peaked attention is."""
    table = tables["formulas"]
    columns = {name: np.array(table[name].to_pylist()) for name in ("formula", "width", "error")}
    figure, (first, *others) = subplots(9.5, 3.1, 1, 3)
    for formula, colour in FORMULA_COLOURS.items():
        for width, style in ((0.25, "-"), (math.inf, ":")):
            chosen = (columns["formula"] == formula) & (columns["width"] == width)
            _cumulative(first, columns["error"][chosen], f"{formula}, {_width(width)}", color=colour, linestyle=style)
    logarithmic_shares(first, "x")
    first.set_xlabel("relative L2 error")
    first.set_ylabel("share of texts below")
    first.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    others[1].sharey(others[0])
    for axes, by in zip(others, ("n_units", "n_effective"), strict=True):
        for formula, colour in FORMULA_COLOURS.items():
            rows = tables.rows("formulas.summary", formula=formula, width=0.25, by=by)
            places = range(len(rows))
            whiskers(axes, places, rows, "error", fmt="o-", color=colour, label=f"{formula}, median")
            whiskers(axes, places, rows, "error_90", fmt="o--", color=colour, mfc="white", label="9 in 10 below")
        _quarters(axes, rows, by)
        logarithmic_shares(axes, "y")
    others[0].set_ylabel("relative L2 error, width 0.25")
    others[0].legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def bias_and_noise(tables: Tables) -> Figure:
    """What separates one run of LIME from the limit and from the formulas: bias, and the noise of sampling."""
    figure, panels = subplots(9, 2.6, 1, 2, sharey=True, sharex=True)
    for axes, (masking, title) in zip(panels, MASKED.items(), strict=True):
        rows = tables.rows("sampled.summary", masking=masking)
        places = np.arange(len(rows))
        for name, label, offset, colour in (
            ("bias", "bias", -0.2, DISAGREE),
            ("noise", "noise of a run", 0.2, AGAINST),
        ):
            axes.barh(places + offset, [row[name] for row in rows], 0.38, color=colour, label=label)
            whiskers(axes, places + offset, rows, name, across=True, fmt="none", color=INK)
        axes.set_yticks(places, [row["reference"] for row in rows])
        axes.grid(visible=False, axis="y")
        axes.set_title(title)
        axes.set_xlabel("share of the coefficients' norm")
        shares(axes, "x")
    panels[0].invert_yaxis()
    panels[1].legend()
    return figure


def affine(tables: Tables) -> Figure:
    """LIME as an image of attention: its factor, and the error of three images."""
    table = tables["affine"]
    columns = {name: np.array(table[name].to_pylist()) for name in ("formula", "width", "fitted", "error")}
    widths = np.unique(columns["width"])
    figure, (first, *others) = subplots(9.5, 3.1, 1, 1 + len(widths))
    for width, colour in zip(widths, CYCLE, strict=False):
        fitted = columns["fitted"][(columns["formula"] == "affine") & (columns["width"] == width)]
        kappa = tables.one("affine.summary", formula="affine", width=float(width), by="all")["kappa"]
        low, high = np.quantile(fitted, [0.05, 0.95])
        first.hist(fitted, bins=np.linspace(low, high, 40), color=colour, alpha=0.6, label=_width(width), density=True)
        first.axvline(kappa, color=colour, linestyle="--")
    first.set_xlabel("factor nearest to LIME, 9 texts in 10; dashed: kappa")
    first.set_ylabel("density over texts")
    first.legend(fontsize=7)
    for axes, width in zip(others, widths, strict=True):
        for formula, colour in (("attention", WEIGHT), ("affine", DISAGREE), ("corrected", AGREE)):
            chosen = (columns["formula"] == formula) & (columns["width"] == width)
            _cumulative(axes, columns["error"][chosen], formula, color=colour)
        logarithmic_shares(axes, "x")
        axes.set_title(_width(width))
        axes.set_xlabel("relative L2 error")
    others[0].set_ylabel("share of texts below")
    others[-1].legend(fontsize=7)
    return figure


def widths(tables: Tables) -> Figure:
    """Exact LIME against exact Shapley values over kernel widths."""
    rows = sorted(tables.rows("widths.summary"), key=lambda row: row["width"])
    figure, axes = subplots(6, 3.4)
    places = range(len(rows))
    shown = {
        "sign": "equal signs", "spearman": "Spearman's rho", "kendall": "Kendall's tau-b", "top5": "top five in common",
        "first": "same largest word", "same5": "same top five",
    }  # fmt: skip
    for k, ((name, label), colour) in enumerate(zip(shown.items(), CYCLE, strict=True)):
        beside = np.array(places) + 0.06 * (k - 2.5)  # so that whiskers do not hide one another
        whiskers(axes, beside, rows, name, fmt="o-", color=colour, label=label, markersize=4)
    axes.set_xticks(places, [_short_width(row["width"]) for row in rows])
    axes.set_xlabel("kernel width of LIME")
    axes.set_ylim(None, 1.02)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def samples(tables: Tables) -> Figure:
    """How many samples the top five words take."""
    figure, panels = subplots(8, 3.1, 1, 2, sharey=True)
    needed = tables.rows("needed.summary")
    for axes, method in zip(panels, ("lime", "kernel-shap"), strict=True):
        rows = tables.rows("samples.summary", method=method)
        shown = {"largest": "largest word", "near": "top five, 5 % off allowed", "right": "top five"}
        for k, ((name, label), colour) in enumerate(zip(shown.items(), CYCLE, strict=False)):
            beside = [row["n_samples"] * 1.06 ** (k - 1) for row in rows]
            whiskers(axes, beside, rows, name, fmt="o-", color=colour, label=label, markersize=4)
        axes.axhline(needed[0]["chance"], color=INK, linestyle="--", linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks([row["n_samples"] for row in rows], [f"{row['n_samples']:,}" for row in rows], rotation=45)
        axes.minorticks_off()
        axes.set_ylim(0, 1.03)
        axes.set_title(method)
        axes.set_xlabel("samples")
    panels[0].set_ylabel("share of runs that are right")
    shares(panels[0], "y")
    panels[1].legend(fontsize=7, loc="lower right")
    return figure


def attention(tables: Tables) -> Figure:
    """Attention against exact Shapley values: rank correlation, and how often its favourite speaks against."""
    table, output = tables["attention"], tables.rows("attention.summary")[-1]["output"]
    chosen = np.array(table["output"].to_pylist()) == output
    figure, (first, *others) = subplots(9.5, 3.1, 1, 3)
    for name, label, colour in (("kendall_size", "with size", WEIGHT), ("kendall", "with signed value", FOR)):
        values = table[name].to_numpy()[chosen]
        first.hist(values[~np.isnan(values)], bins=np.linspace(-1, 1, 61), color=colour, alpha=0.6, label=label)
    first.set_xlabel("Kendall's tau-b with exact Shapley values")
    first.set_ylabel("texts")
    first.legend(fontsize=7)
    others[1].sharey(others[0])
    for axes, by in zip(others, ("n_units", "n_effective"), strict=True):
        rows = tables.rows("attention.summary", output=output, by=by)
        axes.bar(range(len(rows)), [row["against"] for row in rows], 0.6, color=AGAINST)
        whiskers(axes, range(len(rows)), rows, "against", fmt="none", color=INK)
        axes.grid(visible=False, axis="x")
        _quarters(axes, rows, by)
        shares(axes, "y")
    others[0].set_ylabel("most attended word speaks against")
    return figure


def variants(tables: Tables) -> Figure:
    """Other classifiers: attention against Shapley values in each."""
    rows = tables.rows("variants.summary")
    marks = {EXACT: "", SAMPLED: " (sampled)", SAME: " (exact, the sampled texts)"}
    names = [row["variant"] + marks[row["source"]] for row in rows]
    return _dots(
        rows,
        names,
        {"kendall_size": "tau-b of attention with size", "top5": "top five in common", "against": "favourite against"},
        0.0,
    )


def control(tables: Tables) -> Figure:
    """Planted reviews: does a method tell praise from blame, and opinions from the rest?"""
    rows = tables.rows("control.summary")
    shown = {
        "polarity": "for above against",
        "importance": "opinions above neutral words",
        "modifiers": "modifiers above neutral words",
    }
    figure = _dots(rows, [row["method"] for row in rows], shown, 0.5)
    figure.axes[0].set_xlabel("chance of the right order (AUC); 0.5 is none")
    return figure


def _dots(rows: Sequence[dict[str, Any]], names: Sequence[str], shown: dict[str, str], origin: float) -> Figure:
    """A line a row, a dot a number, one a little below the other."""
    figure, axes = subplots(7.5, 1.0 + 0.32 * len(rows))
    places = np.arange(len(rows))
    axes.axvline(origin, color=DIM, linewidth=0.8)
    looks = zip((AGREE, AGAINST, FOR), "osD", (-0.15, 0.0, 0.15), strict=True)
    for (name, label), (colour, mark, offset) in zip(shown.items(), looks, strict=True):
        whiskers(axes, places + offset, rows, name, across=True, fmt=mark, color=colour, label=label, markersize=4)
    axes.set_yticks(places, names)
    axes.grid(visible=True, axis="y", color=LINE)
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return figure


def _cumulative(axes: Axes, values: np.ndarray, label: str, **style: Any) -> None:
    """Share of values below."""
    known = np.sort(values[~np.isnan(values)])
    thin = known[np.linspace(0, len(known) - 1, min(len(known), 400)).astype(int)]
    axes.plot(thin, np.linspace(0, 1, len(thin)), label=label, **style)


def _quarters(axes: Axes, rows: Sequence[dict[str, Any]], by: str) -> None:
    axes.set_xticks(range(len(rows)), [f"{row['least']:.0f}–{row['most']:.0f}" for row in rows], rotation=30)
    axes.set_xlabel(PARTS[by])


def _width(width: float) -> str:
    return f"width {_short_width(width)}"


def _short_width(width: float) -> str:
    return "∞" if math.isinf(width) else f"{width:g}"


FIGURES: dict[str, Callable[[Tables], Figure]] = {
    "figure-1": figure_1,
    "figure-3": figure_3,
    "figure-4": figure_4,
    "figure-5": figure_5,
    "formulas": formulas,
    "bias-and-noise": bias_and_noise,
    "affine": affine,
    "widths": widths,
    "samples": samples,
    "attention": attention,
    "variants": variants,
    "control": control,
}
