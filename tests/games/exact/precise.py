"""What exact functions should answer: sums over all masks of a ratio game, in decimals of as many digits as needed.

Every float of the game is taken as the exact number it is. Nothing here shares a formula with `heedful.games.exact`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, getcontext, localcontext
from functools import lru_cache
from math import comb

import numpy as np

from heedful.games import RatioGame
from heedful.games.exact.enumeration import subsets

Numbers = np.ndarray  # of Decimals
_GUARD = 60  # digits on top of those that the range of the weights takes


class Truth:
    """The values of all masks of a game, and what follows from them; at most some ten units.

    Attributes:
        values: (masks, outputs); row number r keeps unit j where bit j of r is set.
        noise: what the decimals themselves may be off.
    """

    def __init__(self, game: RatioGame) -> None:
        self.d = game.n_units
        self.digits = _GUARD + int(2 * _range(game) / 2.3)  # second differences may be of the size of a weight squared
        self.masks = subsets(self.d)
        self.kept = self.masks.sum(1)
        with self.precision():
            self.values = _values(game, self.masks)
            self.noise = Decimal(10) ** (20 - self.digits) * max(abs(one) for one in self.values.flat)

    @contextmanager
    def precision(self, more: int = 0) -> Iterator[None]:
        """Decimals as exact as this game needs, and `more` digits."""
        with localcontext(Context(prec=self.digits + more, Emax=MAX_EMAX, Emin=MIN_EMIN)):
            yield

    def semivalue(self, sizes: Sequence[Decimal]) -> Numbers:
        """(units, outputs); all coalitions of k other units weigh sizes[k] together."""
        with self.precision():
            share = np.array([size / comb(self.d - 1, k) for k, size in enumerate(sizes)])
            rows = [np.flatnonzero(~self.masks[:, j]) for j in range(self.d)]
            return np.array(
                [share[self.kept[S]] @ (self.values[S | 1 << j] - self.values[S]) for j, S in enumerate(rows)]
            )

    def shapley(self) -> Numbers:
        return self.beta(1.0, 1.0)

    def banzhaf(self) -> Numbers:
        return self.semivalue([Decimal(comb(self.d - 1, k)) / 2 ** (self.d - 1) for k in range(self.d)])

    def beta(self, a: float, b: float) -> Numbers:
        with self.precision():
            return self.semivalue(_beta_binomial(self.d - 1, Decimal(a), Decimal(b)))

    def interactions(self, sizes: Sequence[Decimal]) -> Numbers:
        """(units, units, outputs); all coalitions of k others weigh sizes[k] together."""
        with self.precision():
            share = np.array([size / comb(self.d - 2, k) for k, size in enumerate(sizes)])
            result = np.full((self.d, self.d, self.values.shape[1]), Decimal(0))
            for j in range(self.d):
                for k in range(j):
                    S, values = np.flatnonzero(~self.masks[:, j] & ~self.masks[:, k]), self.values
                    second = values[S | 1 << j | 1 << k] - values[S | 1 << j] - values[S | 1 << k] + values[S]
                    result[j, k] = result[k, j] = share[self.kept[S]] @ second
            return result

    def shapley_interactions(self) -> Numbers:
        with self.precision():
            return self.interactions([1 / Decimal(self.d - 1)] * (self.d - 1))

    def banzhaf_interactions(self) -> Numbers:
        return self.interactions([Decimal(comb(self.d - 2, k)) / 2 ** (self.d - 2) for k in range(self.d - 1)])

    def lime(self, width: float = 0.25, n_samples: int | None = None, ridge: float = 1.0) -> Numbers:
        """(units, outputs), from the weighted normal equations over all masks but the whole text."""
        if self.d == 1 and n_samples is None:
            with self.precision():
                return self.values[1:] - self.values[:1]
        # the matrix loses as many digits as the samples' weights span
        with self.precision(int(1 / width**2 / 2.3)):
            penalty = Decimal(0) if n_samples is None else Decimal(ridge) / n_samples
            normal, weighted = _lime_equations(self.d, Decimal(width), getcontext().prec)
            penalties = np.array([Decimal(0)] + [penalty] * self.d)
            return solve(normal + np.diag(penalties), weighted.T @ self.values)[1:]

    def expected_value(self, p: Sequence[float]) -> Numbers:
        with self.precision():
            chance = np.array([Decimal(float(one)) for one in p])
            return np.where(self.masks, chance, 1 - chance).prod(1) @ self.values

    def curve(self, scores: Sequence[float], *, insertion: bool) -> Numbers:
        """(units + 1, outputs): mean over all orders of descending scores."""
        scores, points = np.asarray(scores), []
        with self.precision():
            for step in range(self.d + 1):
                chosen = self.kept == step
                # every unit moved scores at least as high as every one that is not
                for mask in np.flatnonzero(chosen):
                    inside = self.masks[mask]
                    chosen[mask] = not inside.any() or inside.all() or scores[inside].min() >= scores[~inside].max()
                rows = np.flatnonzero(chosen)
                values = self.values[rows if insertion else len(self.masks) - 1 - rows]
                points.append(values.sum(0) / len(rows))
        return np.array(points)


def furthest(values: np.ndarray, truth: Numbers) -> Decimal:
    """Largest absolute error of an answer."""
    found = np.asarray(values, dtype=np.float64).reshape(truth.shape)
    with localcontext(Context(prec=2000, Emax=MAX_EMAX, Emin=MIN_EMIN)):
        return max(abs(one - Decimal(float(value))) for one, value in zip(truth.flat, found.flat, strict=True))


def solve(matrix: Numbers, right: Numbers) -> Numbers:
    """Gaussian elimination with row pivots; the normal equations are positive definite."""
    matrix, right = matrix.copy(), right.copy()
    n = len(matrix)
    for i in range(n):
        best = i + max(range(n - i), key=lambda k: abs(matrix[i + k, i]))
        matrix[[i, best]], right[[i, best]] = matrix[[best, i]], right[[best, i]]
        for k in range(i + 1, n):
            factor = matrix[k, i] / matrix[i, i]
            matrix[k] = matrix[k] - factor * matrix[i]
            right[k] = right[k] - factor * right[i]
    for i in range(n - 1, -1, -1):
        known = matrix[i, i + 1 :, None] * right[i + 1 :]
        right[i] = (right[i] - known.sum(0)) / matrix[i, i]
    return right


def _range(game: RatioGame) -> float:
    """How far the log weights of a head lie apart at most."""
    logs = np.column_stack([game.kept.log_weight, game.removed.log_weight, game.fixed.log_weight])
    there = np.isfinite(logs)
    return float((np.where(there, logs, -np.inf).max(1) - np.where(there, logs, np.inf).min(1)).max(initial=0.0))


def _values(game: RatioGame, masks: np.ndarray) -> Numbers:
    outputs = game.outputs or (1,)
    empty = np.broadcast_to(0.0 if game.empty is None else game.empty, outputs)
    total = np.full((len(masks), *outputs), Decimal(0))
    for h in range(game.n_heads):
        (kept, of_kept), (removed, of_removed) = (
            _exact(t.log_weight[h], t.value[h].reshape(-1, *outputs)) for t in (game.kept, game.removed)
        )
        fixed, of_fixed = _exact(game.fixed.log_weight[h : h + 1], game.fixed.value[h : h + 1].reshape(-1, *outputs))
        weight = np.where(masks, kept, removed).sum(1) + fixed[0]
        sums = np.where(masks[..., None], of_kept, of_removed).sum(1) + of_fixed[0]
        gone = np.array([not one for one in weight])
        if gone.any() and game.empty is None:
            raise ValueError("a mask leaves no term")
        value = np.full_like(sums, Decimal(0))
        value[gone] = decimals(empty)
        value[~gone] = sums[~gone] / weight[~gone, None]
        total = total + value
    return total / game.n_heads


def _exact(log_weight: np.ndarray, value: np.ndarray) -> tuple[Numbers, Numbers]:
    """Weights, and weights times values."""
    weight = np.array([Decimal(float(one)).exp() if np.isfinite(one) else Decimal(0) for one in log_weight])
    return weight, weight[:, None] * decimals(value)


def decimals(array: np.ndarray) -> Numbers:
    """Exactly the same numbers."""
    return np.array([Decimal(float(one)) for one in np.ravel(array)], dtype=object).reshape(np.shape(array))


def _beta_binomial(n: int, a: Decimal, b: Decimal) -> list[Decimal]:
    weight = [Decimal(1)]
    for k in range(n):
        weight.append(weight[-1] * (n - k) / (k + 1) * (k + a) / (n - k - 1 + b))
    total = sum(weight)
    return [one / total for one in weight]


@lru_cache(maxsize=64)
def _lime_equations(d: int, width: Decimal, digits: int) -> tuple[Numbers, Numbers]:
    """The normal matrix of the intercept and the units, and the weighted design matrix, (masks, 1 + units)."""
    masks = subsets(d)
    weight = [Decimal(0)] * (d + 1)  # of the masks that keep k units
    for k in range(d):
        distance = 1 - (Decimal(k) / d).sqrt()
        exponent = Decimal(0) if width.is_infinite() else -(distance**2) / (2 * width**2)
        weight[k] = exponent.exp() / d / comb(d, k)
    design = np.column_stack([np.ones(len(masks), dtype=int), masks]).astype(object)
    weighted = np.array(weight)[masks.sum(1), None] * design
    return design.T @ weighted, weighted
