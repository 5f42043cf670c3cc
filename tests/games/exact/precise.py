"""Shapley, Banzhaf and LIME values of a ratio game over all its masks, in numbers of 400 digits."""

from __future__ import annotations

from math import comb, factorial

import mpmath
import numpy as np

from heedful.games import RatioGame
from heedful.games.exact.enumeration import subsets

DIGITS = 400  # weights reach from 1 to e^-500
Numbers = list[mpmath.mpf]


def scores(game: RatioGame, output: int = 0) -> tuple[Numbers, Numbers, Numbers]:
    """The Shapley values, the Banzhaf values, and LIME's coefficients at kernel width 1/4; from 2 units on."""
    with mpmath.workdps(DIGITS):
        masks = [tuple(row) for row in subsets(game.n_units).tolist()]
        values = dict(zip(masks, _values(game, masks, output), strict=True))
        return _shapley(values, game.n_units), _banzhaf(values, game.n_units), _lime(values, game.n_units)


def _values(game: RatioGame, masks: list[tuple[bool, ...]], output: int) -> Numbers:
    def exact(array: np.ndarray) -> list[Numbers]:
        return [[mpmath.mpf(x) for x in row] for row in np.atleast_2d(array).tolist()]

    terms = (game.kept, game.removed, game.fixed)
    logs = [exact(one.log_weight if one is not game.fixed else one.log_weight[:, None]) for one in terms]
    known = [exact(one.value.reshape(*one.log_weight.shape, -1)[..., output]) for one in terms[:2]]
    known.append(exact(game.fixed.value.reshape(len(game.fixed.log_weight), -1)[:, [output]]))
    shape = (len(logs[0]), -1)
    empty = [*map(mpmath.mpf, np.broadcast_to(game.empty or 0.0, game.fixed.value.shape).reshape(shape)[:, output])]
    found = []
    for mask in masks:
        total = mpmath.mpf(0)
        for h in range(len(logs[0])):
            chosen = [(2, 0), *((0 if kept else 1, j) for j, kept in enumerate(mask))]
            parts = [(mpmath.exp(logs[kind][h][j]), known[kind][h][j]) for kind, j in chosen]
            weight = mpmath.fsum(part[0] for part in parts)
            total += mpmath.fsum(w * value for w, value in parts) / weight if weight else empty[h]
        found.append(total / len(logs[0]))
    return found


def _changes(values: dict[tuple[bool, ...], mpmath.mpf], j: int) -> list[tuple[int, mpmath.mpf]]:
    """Of every mask without unit j: how many it keeps, and what j changes."""
    return [
        (sum(mask), values[(*mask[:j], True, *mask[j + 1 :])] - value) for mask, value in values.items() if not mask[j]
    ]


def _shapley(values: dict[tuple[bool, ...], mpmath.mpf], d: int) -> Numbers:
    share = [mpmath.mpf(factorial(k) * factorial(d - 1 - k)) / factorial(d) for k in range(d)]
    return [mpmath.fsum(share[k] * change for k, change in _changes(values, j)) for j in range(d)]


def _banzhaf(values: dict[tuple[bool, ...], mpmath.mpf], d: int) -> Numbers:
    return [mpmath.fsum(change for _, change in _changes(values, j)) / 2 ** (d - 1) for j in range(d)]


def _lime(values: dict[tuple[bool, ...], mpmath.mpf], d: int) -> Numbers:
    """By the weighted normal equations over all masks but the whole text."""
    matrix, right = mpmath.matrix(d + 1, d + 1), mpmath.matrix(d + 1, 1)
    for mask, value in values.items():
        if all(mask):
            continue
        k = sum(mask)
        weight = mpmath.exp(-8 * (1 - mpmath.sqrt(mpmath.mpf(k) / d)) ** 2) / comb(d, k)
        row = [1, *map(int, mask)]
        for i in (i for i, one in enumerate(row) if one):
            right[i] += weight * value
            for j in (j for j, one in enumerate(row) if one):
                matrix[i, j] += weight
    return list(mpmath.lu_solve(matrix, right))[1:]
