"""The same quantities by walking through all 2^d subsets: the yardstick for small d, on any game."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import SettingError
from heedful.games.exact.sizes import Beta, Density, density_sizes
from heedful.games.ratio import Array, Number

_MOST = 20

Function = Callable[[Bool[np.ndarray, "n units"]], Float64[np.ndarray, "n ..."]]


def subsets(d: int) -> Bool[np.ndarray, "subsets units"]:
    """All keep masks of d units; row number r keeps unit j where bit j of r is set.

    Raises:
        SettingError: d is not in 1..20.
    """
    if not 1 <= d <= _MOST:
        raise SettingError(f"enumeration takes 1 to {_MOST} units, got {d}")
    return (np.arange(1 << d)[:, None] >> np.arange(d) & 1).astype(bool)


def semivalue(game: Function, d: int, sizes: Float64[np.ndarray, " d"]) -> Float64[np.ndarray, "units ..."]:
    """Semivalue whose total weight on coalitions of k other units is sizes[k]."""
    masks = subsets(d)
    values = np.asarray(game(masks))
    share = sizes / [math.comb(d - 1, k) for k in range(d)]
    rows = np.arange(len(masks))
    result = np.zeros((d, *values.shape[1:]))
    for j in range(d):
        without = rows[~masks[:, j]]
        weight = share[masks[without].sum(1)]
        result[j] = np.tensordot(weight, values[without | 1 << j] - values[without], 1)
    return result


def shapley(game: Function, d: int) -> Float64[np.ndarray, "units ..."]:
    """Shapley values: all coalition sizes weigh the same."""
    return semivalue(game, d, np.full(d, 1.0 / d))


def banzhaf(game: Function, d: int) -> Float64[np.ndarray, "units ..."]:
    """Banzhaf values: all coalitions weigh the same."""
    return semivalue(game, d, np.array([math.comb(d - 1, k) for k in range(d)]) / 2.0 ** (d - 1))


def owen(game: Function, unions: Int64[np.ndarray, " units"]) -> Float64[np.ndarray, "units ..."]:
    """Owen values: Shapley values among unions and within each (Owen 1977).

    A unit's value is its Shapley value in the game inside its union, averaged over which other unions are kept.

    Args:
        game: the game; coalitions that keep more than one union in part are never asked for.
        unions: union of each unit; every number from 0 up to the largest occurs.

    Example:
        >>> gloves = lambda z: (z[:, 0] & (z[:, 1] | z[:, 2])).astype(float)  # one left glove, two right ones
        >>> owen(gloves, np.array([0, 1, 1])), owen(gloves, np.array([0, 0, 1]))
        (array([0.5 , 0.25, 0.25]), array([0.75, 0.25, 0.  ]))
    """
    coalitions = subsets(int(unions.max()) + 1)
    members = [np.flatnonzero(unions == union) for union in range(coalitions.shape[1])]
    values = [
        shapley(_inside(game, coalitions[~coalitions[:, union]], unions, inside), len(inside))
        for union, inside in enumerate(members)
    ]
    return np.concatenate(values)[np.argsort(np.concatenate(members))]


def _inside(
    game: Function,
    others: Bool[np.ndarray, "coalitions unions"],
    unions: Int64[np.ndarray, " units"],
    members: Int64[np.ndarray, " own"],
) -> Function:
    """The game among the units of one union: mean value over which other unions are kept, weighted as Shapley does."""
    n_unions, kept = others.shape[1], others.sum(1).tolist()
    share = np.array([1.0 / (n_unions * math.comb(n_unions - 1, k)) for k in kept])

    def value(masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n ..."]:
        both = np.repeat(others[None, :, unions], len(masks), axis=0)
        both[:, :, members] = masks[:, None]
        values = np.asarray(game(both.reshape(-1, len(unions))))
        result: Array = np.tensordot(share, values.reshape(*both.shape[:2], *values.shape[1:]), axes=([0], [1]))
        return result

    return value


def owen_evaluations(unions: Int64[np.ndarray, " units"]) -> int:
    """How many different coalitions `owen` asks for: those that keep at most one union in part.

    Example:
        >>> owen_evaluations(np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]))  # of 4096
        176
    """
    sizes = np.bincount(unions).tolist()
    return (1 << len(sizes)) + (1 << len(sizes) - 1) * sum((1 << size) - 2 for size in sizes)


def of_density(game: Function, d: int, density: Density | Beta) -> Float64[np.ndarray, "units ..."]:
    """Semivalue with the chance of being kept drawn from a density."""
    return semivalue(game, d, density.sizes(d - 1) if isinstance(density, Beta) else density_sizes(density, d - 1)[0])


def interactions(
    game: Function, d: int, sizes: Float64[np.ndarray, " others"]
) -> Float64[np.ndarray, "units units ..."]:
    """Interaction index whose total weight on coalitions of k of the d - 2 other units is sizes[k]; diagonal 0."""
    masks = subsets(d)
    values = np.asarray(game(masks))
    share = sizes / [math.comb(d - 2, k) for k in range(d - 1)]
    rows = np.arange(len(masks))
    result = np.zeros((d, d, *values.shape[1:]))
    for j in range(d):
        for k in range(j):
            without = rows[~masks[:, j] & ~masks[:, k]]
            second = values[without | 1 << j | 1 << k] - values[without | 1 << j] - values[without | 1 << k]
            result[j, k] = result[k, j] = np.tensordot(share[masks[without].sum(1)], second + values[without], 1)
    return result


def lime(
    game: Function, d: int, kernel_width: Number, penalty: Number = 0.0
) -> tuple[Float64[np.ndarray, "units ..."], Array]:
    """LIME's coefficients and intercept from the weighted least-squares problem over all masks but the full one."""
    masks = subsets(d)[:-1]
    values = np.asarray(game(masks)).reshape(len(masks), -1)
    kept = masks.sum(1)
    weight = np.exp(-((1.0 - np.sqrt(kept / d)) ** 2) / (2.0 * kernel_width**2))
    weight /= d * np.array([math.comb(d, int(k)) for k in range(d + 1)])[kept]
    design = np.column_stack([np.ones(len(masks)), masks])
    normal = design.T @ (weight[:, None] * design) + penalty * np.diag([0.0] + [1.0] * d)
    solution = np.linalg.solve(normal, design.T @ (weight[:, None] * values))
    shape = np.asarray(game(masks[:1])).shape[1:]
    return solution[1:].reshape(d, *shape), solution[0].reshape(shape)


def expected_value(game: Function, p: Float64[np.ndarray, " units"]) -> Array:
    """Expected value with every unit kept independently with its own chance."""
    masks = subsets(len(p))
    result: Array = np.tensordot(np.where(masks, p, 1.0 - p).prod(1), game(masks), 1)
    return result


def size_means(game: Function, d: int) -> Float64[np.ndarray, "sizes ..."]:
    """Mean value of the masks that keep k units, k = 0..d."""
    masks = subsets(d)
    values, kept = np.asarray(game(masks)), masks.sum(1)
    return np.stack([values[kept == k].mean(0) for k in range(d + 1)])
