"""Tables of an audit: means over texts with intervals, and every method against random scores, paired over texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import MissingExtraError
from heedful.support import intervals

try:
    from scipy import stats
    from statsmodels.stats.multitest import multipletests
except ImportError:
    raise MissingExtraError("scipy and statsmodels", "audit", "the statistics of an audit") from None

CHANCE = "random"  # the method that others are compared with
_RESAMPLES = 2000
Row = dict[str, Any]
Values = Float64[np.ndarray, " texts"]


def cells(rows: Sequence[Row], metrics: Sequence[str], seed: int = 0) -> list[Row]:
    """Return a row a metric and method: the mean over texts, its 95 % interval, and whether it differs from chance.

    Args:
        rows: of `heedful.auditing.rows.measured`, text by text.
        metrics: names of the columns.
        seed: of the permutation tests.

    Returns:
        metric, method, value, value_low, value_high, n (texts where it is defined), difference (to random scores, on
        texts where both are defined) with difference_low and difference_high, and p: of a paired permutation test,
        adjusted after Holm over the methods of the metric; not-a-number where nothing can be told.
    """
    methods = list(dict.fromkeys(row["method"] for row in rows))
    columns = {name: {row["index"]: row for row in rows if row["method"] == name} for name in methods}
    texts = sorted({row["index"] for row in rows})  # where time is short, methods may have come to different texts
    table: list[Row] = []
    for metric in metrics:
        values = {name: _values(columns[name], texts, metric) for name in methods}
        part = [_cell(metric, name, values, seed) for name in methods]
        for row, p in zip(part, holm([row["p"] for row in part]), strict=True):
            row["p"] = p
        table += part
    return table


def _values(rows: Mapping[int, Row], texts: Sequence[int], metric: str) -> Values:
    return np.array([rows[i][metric] if i in rows else math.nan for i in texts], dtype=np.float64)


def _cell(metric: str, method: str, values: Mapping[str, Values], seed: int) -> Row:
    estimate = intervals.mean(values[method])
    row: Row = {"metric": metric, "method": method, "value": estimate.value}
    row |= {"value_low": estimate.low, "value_high": estimate.high, "n": estimate.n}
    if CHANCE not in values or method == CHANCE:
        return row | {"difference": math.nan, "difference_low": math.nan, "difference_high": math.nan, "p": math.nan}
    pairs = values[method] - values[CHANCE]
    known = pairs[np.isfinite(pairs)]
    difference = intervals.mean(pairs)
    return row | {
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p": paired(known, seed),
    }


def paired(differences: Values, seed: int = 0) -> float:
    """Return the p-value of a paired permutation test: of differences as far from 0 on average, their signs at random.

    Example:
        >>> paired(np.ones(20)) < 0.01, paired(np.array([1.0, -1.0, 2.0, -2.0])) > 0.5
        (True, True)
    """
    if len(differences) < 2 or not differences.any():
        return math.nan
    test = stats.permutation_test(
        (differences,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=_RESAMPLES,
        vectorized=True,
        batch=100,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted after Holm; those that are not numbers are left out, and as they were.

    Example:
        >>> holm([0.01, math.nan, 0.04])
        [0.02, nan, 0.04]
    """
    known = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = list(p_values)
    if known:
        for i, p in zip(known, multipletests([p_values[i] for i in known], method="holm")[1], strict=True):
            adjusted[i] = float(p)
    return adjusted


def costs(rows: Sequence[Row]) -> list[Row]:
    """Return a row a method: mean forward passes and seconds of a text that it explains; not-a-number without any."""
    table: list[Row] = []
    for name in dict.fromkeys(row["method"] for row in rows):
        some = [row for row in rows if row["method"] == name and row["error"] is None]
        forwards, seconds = (_average([row[key] for row in some]) for key in ("n_forward", "seconds"))
        table.append({"method": name, "n_forward": forwards, "seconds": seconds})
    return table


def _average(values: Sequence[float | int]) -> float:
    return float(np.mean(values)) if values else math.nan
