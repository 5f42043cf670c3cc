"""Rows of a check's table, one figure each, and how a figure is told in a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.support.intervals import Estimate, mean, proportion

Row = dict[str, Any]


def row(figure: str, estimate: Estimate, meaning: str, at_chance: float | None = None) -> Row:
    """Return a row of plain values; None where there is no number.

    Args:
        figure: its name.
        estimate: the figure, its interval, and the texts behind it.
        meaning: what it says, in a line.
        at_chance: what it comes to where attention has nothing to do with it; None where nothing can be said.

    Example:
        >>> row("overlap", Estimate(0.4, 0.3, math.nan, 20), "shared with the model's attention")["value_high"] is None
        True
    """
    return {
        "figure": figure,
        "value": _known(estimate.value),
        "value_low": _known(estimate.low),
        "value_high": _known(estimate.high),
        "n": estimate.n,
        "at_chance": None if at_chance is None else _known(at_chance),
        "meaning": meaning,
    }


def single(value: float, n: int) -> Estimate:
    """Return a figure that is no mean, and so has no interval.

    Example:
        >>> single(0.01, 20).value
        0.01
    """
    return Estimate(value, math.nan, math.nan, n)


def paired(differences: Float64[np.ndarray, " texts"]) -> Estimate:
    """Return the mean of differences within -1..1.

    Where all texts have the same one there is no bootstrap: at most the upper end of Wilson's interval for 0 texts in n
    can have another, which could be anything.

    Example:
        >>> result = paired(np.zeros(100))
        >>> result.value, round(result.low, 3), round(result.high, 3)
        (0.0, -0.037, 0.037)
    """
    estimate = mean(differences)
    if not estimate.n or not math.isnan(estimate.low):
        return estimate
    others, at = proportion(0, estimate.n).high, estimate.value
    return Estimate(at, at - others * (1 + at), at + others * (1 - at), estimate.n)


def told(estimate: Estimate, digits: int = 2) -> str:
    """Return a figure with its interval, as it stands in a sentence.

    Example:
        >>> told(Estimate(0.425, 0.4, 0.45, 20)), told(Estimate(1.0, math.nan, math.nan, 1))
        ('0.42 (95 % interval 0.40 to 0.45)', '1.00')
    """
    if math.isnan(estimate.value):
        return "unknown"
    value = f"{estimate.value:.{digits}f}"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    return f"{value} (95 % interval {estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def percent(estimate: Estimate) -> str:
    """Return a share with its interval in percent, as it stands in a sentence.

    Example:
        >>> percent(Estimate(0.25, 0.2, 0.3, 20))
        '25.0 % (95 % interval 20.0 to 30.0)'
    """
    if math.isnan(estimate.value):
        return "unknown"
    value = f"{100 * estimate.value:.1f} %"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    return f"{value} (95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def average(values: Float64[np.ndarray, " texts"]) -> float:
    """Return the mean of what is a number; not-a-number where nothing is.

    Example:
        >>> average(np.array([1.0, np.nan, 3.0]))
        2.0
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
