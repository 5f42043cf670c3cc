"""Products with a matrix X of 0/1 masks (n, units) in float64, without turning it into numbers first."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from heedful.methods.kernels import add_second_moments, add_up_rows, add_values
from heedful.parallel import in_parallel, parts

_ROWS_A_THREAD = 256

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
    """X' diag(w) X; its diagonal is X' w. Fastest where rows keep few units, or nearly all.

    Example:
        >>> second_moments(np.array([[True, True], [True, False]]), np.array([1.0, 2.0]))
        array([[3., 1.],
               [1., 1.]])
    """
    n_units = masks.shape[1]

    def work(rows: slice) -> tuple[Float64[np.ndarray, "units units"], Float64[np.ndarray, " units_and_1"]]:
        sums, removed = np.zeros((n_units, n_units)), np.zeros(n_units + 1)
        add_second_moments(masks[rows], weights[rows], sums, removed)
        return sums, removed

    results = in_parallel(work, parts(len(masks), _ROWS_A_THREAD))
    upper = np.sum([sums for sums, _ in results], axis=0)
    removed = np.sum([removed for _, removed in results], axis=0)
    gone, mass = removed[:-1], removed[-1]
    return np.triu(upper) + np.triu(upper, 1).T + (mass - gone[:, None] - gone)
