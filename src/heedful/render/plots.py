"""Plots for notebooks: one explanation as bars, waterfall or coloured text; several as agreement or scatter.

Each returns a figure of its own, outside of pyplot's state, that a notebook shows as it is.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from heedful.errors import InputError, MissingExtraError, SettingError
from heedful.explanation import Comparison, Explanation
from heedful.metrics.agreement import pairwise
from heedful.render.colour import AGREEMENT, Shade, full_scale, shade
from heedful.render.view import kinds, labels, number, pieces, ranking, shown, words
from heedful.support.names import match
from heedful.support.visible import shortened

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox
except ImportError:
    raise MissingExtraError("matplotlib", "plot", "plot()") from None

from heedful.render.style import AGAINST, DIM, FOR, STYLE, WEIGHT, bare

_OURS = {name: value for name, value in STYLE.items() if name != "font.family"}  # the reader's, for other scripts
_WIDTH, _LINE = 6.4, 0.28  # inches of a figure, and of a bar or a line of text
_MOST = 15  # units that bars and waterfall show
_NAMED = 5  # units that a scatter plot names
_SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # right or left of a point, above or below
_LINES = 60  # of a text that are drawn


@contextmanager
def _drawing() -> Iterator[None]:
    """The one style; characters that the reader's font lacks are boxes, without a warning for each."""
    with rc_context(_OURS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")
        yield


class Plot(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        with _drawing(), io.BytesIO() as buffer:
            self.savefig(buffer, format="png")
            return buffer.getvalue()


def plot_explanation(explanation: Explanation, kind: str) -> Figure:
    """Draw one explanation; see `Explanation.plot`."""
    return _drawn(explanation, kind, {"bars": bars, "waterfall": waterfall, "text": text})


def plot_comparison(comparison: Comparison, kind: str) -> Figure:
    """Draw several explanations; see `Comparison.plot`."""
    return _drawn(comparison, kind, {"agreement": agreement, "scatter": scatter})


def _drawn(result: Any, kind: str, drawers: dict[str, Callable[[Any], Figure]]) -> Figure:
    name = match(kind, drawers) if isinstance(kind, str) else None
    if name is None:
        raise SettingError(f"kind must be {' or '.join(map(repr, drawers))}, got {kind!r}")
    with _drawing():
        return drawers[name](result)


def _axes(height: float, width: float = _WIDTH) -> tuple[Figure, Axes]:
    figure = Plot(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _colour(explanation: Explanation, score: float) -> str:
    if not explanation.signed:
        return WEIGHT
    return FOR if score >= 0 else AGAINST


def _title(explanation: Explanation) -> str:
    return f"{explanation.method}: {words(explanation.output)} of {shortened(explanation.target_name, 30)}"


def _legend(figure: Figure, explanation: Explanation) -> None:
    """What colours mean, with the name of the class."""
    target = shortened(explanation.target_name, 30)
    meanings = [(FOR, f"for {target}"), (AGAINST, f"against {target}")] if explanation.signed else [(WEIGHT, "weight")]
    handles = [Patch(color=colour, label=meaning) for colour, meaning in meanings]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))


def bars(explanation: Explanation) -> Figure:
    """Scores as bars, the largest on top; of more than 15 units the largest 15."""
    units = ranking(explanation)[:_MOST]
    figure, axes = _axes(1.2 + _LINE * len(units))
    scores, margins = explanation.scores[units], explanation.margin_of_error
    axes.barh(
        range(len(units)),
        scores,
        color=[_colour(explanation, score) for score in scores],
        xerr=None if margins is None or not margins.any() else margins[units],
        ecolor=DIM,
        capsize=2,
    )
    axes.set_yticks(range(len(units)), [shortened(explanation.units[unit], 30) for unit in units])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(0.0, color=DIM, linewidth=0.8)
    axes.set_xlabel(f"score; {len(units)} of {len(explanation)} units" if len(units) < len(explanation) else "score")
    axes.set_title(_title(explanation))
    _legend(figure, explanation)
    return figure


def waterfall(explanation: Explanation) -> Figure:
    """From the base value to the prediction, the largest step first; all but 14 of more than 15 in one step."""
    if not explanation.additive or explanation.base_value is None:
        raise InputError(f"scores of {explanation.method} do not add up to the prediction: use kind='bars'")
    order = ranking(explanation)
    alone = order if len(order) <= _MOST else order[: _MOST - 1]
    steps = [(shortened(explanation.units[unit], 30), float(explanation.scores[unit])) for unit in alone]
    if len(alone) < len(order):
        rest = order[len(alone) :]
        steps.append((f"{len(rest)} others", float(explanation.scores[rest].sum())))
    figure, axes = _axes(1.2 + _LINE * (len(steps) + 2))
    ends = explanation.base_value + np.cumsum([0.0, *(score for _, score in steps)])
    for row, ((_, score), start) in enumerate(zip(steps, ends, strict=False), 1):
        axes.barh(row, score, left=start, color=_colour(explanation, score))
        axes.plot([start, start], [row - 1, row], color=DIM, linewidth=0.8)
        axes.annotate(
            number(score).replace("-", "−"),
            (max(start, start + score), row),
            (3, 0),
            textcoords="offset points",
            va="center",
        )
    last = len(steps) + 1
    axes.plot([ends[-1]] * 2, [last - 1, last], color=DIM, linewidth=0.8)
    axes.plot([ends[0], ends[-1]], [0, last], "o", color=DIM, markersize=4)
    axes.set_yticks(range(last + 1), ["base value", *(name for name, _ in steps), "prediction"])
    axes.set(xlabel=words(explanation.output), ylim=(last + 0.6, -0.6))
    axes.use_sticky_edges = False
    axes.margins(x=0.14)
    axes.grid(visible=False, axis="y")
    axes.set_title(_title(explanation))
    _legend(figure, explanation)
    return figure


def text(explanation: Explanation) -> Figure:
    """The text itself, every unit on its colour; long ones are cut after 60 lines."""
    figure = Plot(figsize=(_WIDTH, 1.0))
    placed, n_lines = _laid_out(figure, explanation)
    height = 0.7 + _LINE * n_lines
    figure.set_size_inches(_WIDTH, height)
    for piece, unit, x, line in placed:
        fill = _shade_of(explanation, unit)
        box = None if unit is None else {"facecolor": _rgb(fill), "edgecolor": "none", "pad": 1.0}
        figure.text(
            x,
            1 - (0.45 + _LINE * line) / height,
            piece,
            color="white" if fill.dark else "black",
            bbox=box,
            zorder=2 if unit is None else 1,  # a full stop is not hidden by the word's box
            gid=None if unit is None else f"unit-{unit}",
        )
    figure.text(0.02, 1 - 0.2 / height, _title(explanation), weight="bold", va="center")
    _legend(figure, explanation)
    return figure


def _shade_of(explanation: Explanation, unit: int | None) -> Shade:
    if unit is None:
        return Shade("zero", 0.0)
    return shade(float(explanation.scores[unit]), full_scale(explanation.scores), kinds(explanation))


def _rgb(fill: Shade) -> list[float]:
    return [channel / 255 for channel in fill.rgb]


def _laid_out(figure: Figure, explanation: Explanation) -> tuple[list[tuple[str, int | None, float, int]], int]:
    """Pieces with their unit, place on the line (shares of the width) and line, and how many lines there are."""
    canvas: Any = FigureCanvasAgg(figure)  # whose method is not typed
    measure = canvas.get_renderer()
    full = figure.get_figwidth() * figure.dpi

    @cache
    def width(characters: str) -> float:
        drawn = figure.text(0, 0, characters)
        extent = drawn.get_window_extent(measure).width / full
        drawn.remove()
        return float(extent)

    placed: list[tuple[str, int | None, float, int]] = []
    x, line, space = 0.02, 0, width("a a") - width("aa")
    for piece in pieces(explanation):
        unit = piece.units[0] if piece.units else None
        for word in shown(piece).replace("\n", " ").split(" "):
            size = width(word) if word else 0.0
            if x > 0.02 and x + size > 0.98:
                x, line = 0.02, line + 1
            if line >= _LINES:
                return [*placed, ("…", None, 0.02, line)], line + 1
            if word:
                placed.append((word, unit, x, line))
            x += size + space
        x -= space  # between words of a piece, not behind it
    return placed, line + 1


def agreement(comparison: Comparison) -> Figure:
    """Kendall's tau-b of every two methods: with signs where both have any, else of sizes, in italics."""
    values, names = pairwise(comparison.explanations), labels(comparison.explanations)
    signed = [explanation.signed for explanation in comparison.explanations]
    figure, axes = _axes(1.6 + 0.42 * len(names), 2.6 + 0.6 * len(names))
    for (row, column), value in np.ndenumerate(values):
        fill = shade(float(value), 1.0, AGREEMENT)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=_rgb(fill), edgecolor="white"))
        colour = "white" if fill.dark else "black"
        style = "normal" if signed[row] and signed[column] else "italic"
        axes.text(column, row, _figure_of(value), ha="center", va="center", color=colour, fontsize=8, style=style)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    bare(axes)
    axes.set_title("agreement: Kendall's tau-b")
    if not all(signed):
        axes.set_xlabel("in italics: of the sizes of scores, because a method has no signs", color=DIM)
    return figure


def _figure_of(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def scatter(comparison: Comparison) -> Figure:
    """Scores of every other method over those of the first, a panel each; the largest words of both are named."""
    first, *others = comparison.explanations
    if not others:
        raise InputError("a scatter plot needs two methods, and here is one: compare more, or plot that explanation")
    names = labels(comparison.explanations)
    n_columns = min(len(others), 3)
    n_rows = -(-len(others) // n_columns)
    figure = Plot(figsize=(0.6 + 2.9 * n_columns, 0.4 + 2.7 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, other, name in zip(grid, others, names[1:], strict=False):
        axes.scatter(first.scores, other.scores, s=16, color=[_colour(other, score) for score in other.scores])
        axes.axhline(0.0, color=DIM, linewidth=0.8)
        axes.axvline(0.0, color=DIM, linewidth=0.8)
        axes.margins(0.25)
        axes.set(xlabel=names[0], ylabel=name)
    for axes in grid[len(others) :]:
        axes.remove()
    figure.draw_without_rendering()  # so that places on the page are known
    for axes, other in zip(grid, others, strict=False):
        _name_points(axes, first, other)
    return figure


def _name_points(axes: Axes, first: Explanation, other: Explanation) -> None:
    """Name the largest words of both beside their points, where no other name stands and the fewest points lie."""
    points = np.c_[first.scores, other.scores]
    drawn = axes.transData.transform(points)
    taken: list[Bbox] = []
    by_turns = zip(ranking(first)[:_NAMED], ranking(other)[:_NAMED], strict=True)
    for unit in dict.fromkeys(itertools.chain.from_iterable(by_turns)):
        places: list[tuple[int, int, Annotation, Bbox]] = []
        for x, y in _SIDES:
            name: Annotation = axes.annotate(
                shortened(first.units[unit], 14),
                (float(points[unit, 0]), float(points[unit, 1])),
                (3 * x, 3 * y),
                textcoords="offset points",
                fontsize=7,
                ha="left" if x > 0 else "right",
                va="bottom" if y > 0 else "top",
            )
            box = name.get_window_extent()
            name.remove()
            if not any(box.overlaps(other_box) for other_box in taken):
                places.append((box.padded(3).count_contains(drawn), len(places), name, box))
        if places:
            *_, name, box = min(places)
            axes.add_artist(name)
            taken.append(box)
