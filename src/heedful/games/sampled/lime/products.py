"""Products with a matrix X of 0/1 masks (n, units) in float64, without turning it into numbers first."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.games.sampled.lime.compiled import add_counts, add_up_rows, add_values, pack_rows
from heedful.support.parallel import in_parallel, parts

_WORDS_A_THREAD = 32

Masks = Bool[np.ndarray, "n units"]


def times(masks: Masks, coefficients: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " n"]:
    """X b.

    Example:
        >>> times(np.array([[True, True], [True, False]]), np.array([1.0, 2.0]))
        array([3., 1.])
    """
    products = np.empty(len(masks))
    add_up_rows(masks, coefficients, products)
    return products


def transposed_times(masks: Masks, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " units"]:
    """X' v.

    Example:
        >>> transposed_times(np.array([[True, True], [True, False]]), np.array([1.0, 2.0]))
        array([3., 1.])
    """
    sums = np.zeros(masks.shape[1])
    add_values(masks, values, sums)
    return sums


def second_moments(masks: Masks, weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "units units"]:
    """X' diag(w) X; its diagonal is X' w. Rows of equal weight are counted together, 64 at once.

    Example:
        >>> second_moments(np.array([[True, True], [True, False]]), np.array([1.0, 2.0]))
        array([[3., 1.],
               [1., 1.]])
    """
    rows = np.argsort(weights, kind="stable")
    ordered = weights[rows]
    starts = np.append(_starts(ordered, 64), len(rows))

    def work(part: slice) -> Float64[np.ndarray, "units units"]:
        words = np.zeros((part.stop - part.start, masks.shape[1]), dtype=np.uint64)
        sums = np.zeros((masks.shape[1], masks.shape[1]))
        pack_rows(masks, rows, starts[part.start : part.stop + 1], words)
        add_counts(words, ordered[starts[part]], sums)
        return sums

    upper = np.sum(in_parallel(work, parts(len(starts) - 1, _WORDS_A_THREAD)), axis=0)
    return np.triu(upper) + np.triu(upper, 1).T


def shared(weights: Float64[np.ndarray, " n"], n_groups: int) -> Float64[np.ndarray, " n"]:
    """Weights of which few differ: neighbours in size share their mean, so that sums stay what they are.

    Of weights that are not negative, a group has at most 2 / n_groups of the sum, or it is a single weight.

    Example:
        >>> shared(np.array([0.1, 4.0, 0.3, 3.0]), 4)
        array([0.2, 4. , 0.2, 3. ])
    """
    rows = np.argsort(weights, kind="stable")
    ordered = weights[rows]
    up_to = np.cumsum(ordered)
    starts = _starts(np.floor(up_to / up_to[-1] * n_groups) if up_to[-1] > 0 else up_to)
    sizes = np.diff(starts, append=len(rows))
    result = np.empty_like(weights)
    result[rows] = np.repeat(np.add.reduceat(ordered, starts) / sizes, sizes)
    return result


def _starts(ordered: Float64[np.ndarray, " n"], most: int | None = None) -> Int64[np.ndarray, " runs"]:
    """Where runs of equal numbers begin; a run ends after `most` of them."""
    starts = np.flatnonzero(np.diff(ordered, prepend=np.nan))  # not-a-number is not 0: the first one counts
    if most is None:
        return starts
    place = np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
    return np.flatnonzero(place % most == 0)
