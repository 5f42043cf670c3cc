"""How figures of reports look, and how they are saved: as SVG and as PNG, the same bits every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heedful.errors import MissingExtraError
from heedful.render.colour import HUES

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
except ImportError:
    raise MissingExtraError("matplotlib", "study", "drawing figures") from None

FORMATS = ("svg", "png")


def _hex(kind: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*HUES[kind])


# The report's colours: red for the target, blue against it, purple for weights without a sign.
FOR, AGAINST, WEIGHT, AGREE, DISAGREE = map(_hex, ("for", "against", "weight", "agree", "disagree"))
CYCLE = (AGAINST, DISAGREE, AGREE, FOR, WEIGHT, "#5f6673")
INK, DIM, LINE = "#16181d", "#666b76", "#e4e6ea"
SIGNED = LinearSegmentedColormap.from_list("signed", [AGAINST, "#ffffff", FOR])
UNSIGNED = LinearSegmentedColormap.from_list("unsigned", ["#ffffff", WEIGHT])

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a review's "$" is a dollar
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": DIM,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.dpi": 100,
    "figure.facecolor": "#ffffff",
    "savefig.dpi": 160,
    "svg.fonttype": "path",
}


def subplots(
    width: float | int, height: float | int, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, without any global state of matplotlib; to be drawn within `save`.

    Args:
        width: in inches.
        height: in inches.
        rows: of axes.
        columns: of axes.
        **options: of `Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def bare(axes: Axes) -> None:
    """No grid and no frame: for heat maps."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def logarithmic_shares(axes: Axes, which: str) -> None:
    """Per cent on a logarithmic axis, "x" or "y"."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if which == "x" else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(_per_cent))
    axis.set_minor_formatter(NullFormatter())


def shares(axes: Axes, which: str) -> None:
    """Per cent on a plain axis, "x" or "y": with decimals where its ticks would be rounded to the same number."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(_per_cent))


def _per_cent(share: float, _: object = None) -> str:
    return f"{round(100 * share, 6) + 0.0:.4g} %".replace("-", "−")  # a tick near zero is zero, without a sign


def legend_below(figure: Figure, axes: Axes) -> None:
    """Name what is drawn in one panel, below all panels, in as many columns as are within the figure.

    Example:
        >>> figure, axes = subplots(4, 2)
        >>> lines = [axes.plot([0, 1], label="a name of some length") for _ in range(4)]
        >>> legend_below(figure, axes)
        >>> bool(figure.legends[0].get_window_extent().width <= figure.bbox.width)
        True
    """
    handles, labels = axes.get_legend_handles_labels()
    for columns in range(min(len(labels), 4), 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns)
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= figure.bbox.width or columns == 1:
            return
        legend.remove()


def whiskers(
    axes: Axes, places: Sequence[float | int] | np.ndarray, rows: Sequence[dict[str, Any]], name: str, **look: Any
) -> None:
    """A figure of every row with its interval; nothing where a row has none.

    Args:
        axes: where to draw.
        places: one a row.
        rows: of a summary, with the columns NAME, NAME_low and NAME_high.
        name: of the figure.
        **look: of `Axes.errorbar`; `across=True` puts the figures on the horizontal axis.
    """
    across = look.pop("across", False)
    value, low, high = (
        np.array([row[f"{name}{end}"] for row in rows], dtype=np.float64) for end in ("", "_low", "_high")
    )
    ends = np.array([value - low, high - value]).clip(0.0)  # quantiles of few texts may lie a little outside
    (x, xerr), (y, yerr) = ((value, ends), (places, None)) if across else ((places, None), (value, ends))
    axes.errorbar(x, y, xerr=xerr, yerr=yerr, capsize=2, elinewidth=1, **look)


def save(draw: Callable[[], Figure], folder: Path, name: str) -> None:
    """Draw a figure in the one style, and write NAME.svg and NAME.png.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(lambda: subplots(2, 1)[0], Path(folder), "empty")
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['empty.png', 'empty.svg']
    """
    undated: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with rc_context(STYLE | {"svg.hashsalt": name}):
        figure = draw()
        for suffix in FORMATS:
            scratch = folder / f".{name}.part.{suffix}"
            figure.savefig(scratch, format=suffix, metadata=undated[suffix])
            scratch.replace(folder / f"{name}.{suffix}")
