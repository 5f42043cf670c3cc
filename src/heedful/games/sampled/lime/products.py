"""Products with a matrix X of 0/1 masks (n, units) in float64, without turning it into numbers first."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from heedful.games.sampled.lime.compiled import add_counts, add_up_rows, add_values, mirror, pack_rows
from heedful.support.parallel import in_parallel, parts

_WORDS_A_THREAD = 32
_LONG, _FULL = 500, 8  # units from which on rows are multiplied if fewer are counted at once than that
_BLOCK = 256  # rows that are turned into numbers at once

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
    """Return X' diag(w) X; its diagonal is X' w. The number of threads does not change a bit of it.

    Rows of equal weight are counted together, 64 at once. Where few of many rows are alike, as of a long text, whose
    masks have as many sizes, these are ordinary products of matrices, a block of rows at a time.

    Example:
        >>> second_moments(np.array([[True, True], [True, False]]), np.array([1.0, 2.0]))
        array([[3., 1.],
               [1., 1.]])
    """
    n, d = masks.shape
    rows = np.argsort(weights, kind="stable")
    ordered = weights[rows]
    starts = np.append(_starts(ordered, 64), n)
    n_words = len(starts) - 1
    sums = np.zeros((d, d))
    if d > _LONG and n_words * _FULL > n:
        _multiply(masks, weights, sums)
    else:
        words = np.zeros((n_words, d), dtype=np.uint64)

        def pack(part: slice) -> None:
            pack_rows(masks, rows, starts[part.start : part.stop + 1], words[part])

        def count(part: slice) -> None:
            add_counts(words, ordered[starts[:-1]], sums, part.start, part.stop)

        in_parallel(pack, parts(n_words, _WORDS_A_THREAD))
        in_parallel(count, _of_a_triangle(d, len(parts(n_words, _WORDS_A_THREAD))))
    mirror(sums)
    return sums


def _multiply(masks: Masks, weights: Float64[np.ndarray, " n"], sums: Float64[np.ndarray, "units units"]) -> None:
    """Add the same to `sums`, by torch: its threads are awake already, numpy's would fight with them over the cores."""
    total = torch.from_numpy(sums)
    for start in range(0, len(masks), _BLOCK):
        block = slice(start, start + _BLOCK)
        x = torch.from_numpy(masks[block].astype(np.float64))
        total.addmm_((x * torch.from_numpy(weights[block])[:, None]).T, x)


def _of_a_triangle(d: int, count: int) -> list[slice]:
    """Rows of the upper triangle in consecutive parts of about equal area.

    Example:
        >>> _of_a_triangle(100, 2)
        [slice(0, 29, None), slice(29, 100, None)]
    """
    ends = [round(d * (1.0 - (1.0 - part / count) ** 0.5)) for part in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


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
