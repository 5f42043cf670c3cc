"""Weighted ridge regression on 0/1 masks, with LIME's ways of choosing features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from heedful.games.sampled.lime.products import second_moments, shared, times, transposed_times

_GROUPS = 128  # of similar squared residuals
_BLOCK, _ROWS = 256, 1024  # columns or rows that are worked on at once

Masks = Bool[np.ndarray, "n units"]
PerMask = Float64[np.ndarray, " n"]
Vector = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Fit:
    """A linear model fitted to the values of masks.

    Attributes:
        coefficients: float64 (units,); 0 for units not chosen.
        std_error: float64 (units,), heteroscedasticity-robust; NaN where it cannot be estimated.
        intercept: value at the empty mask.
        r2: weighted coefficient of determination.
        n_free: degrees of freedom of the standard errors; below 1 there are none.
    """

    coefficients: Vector
    std_error: Vector
    intercept: float
    r2: float
    n_free: int

    @property
    def local_prediction(self) -> float:
        """Value of the linear model at the full mask."""
        return self.intercept + float(self.coefficients.sum())


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums over masks z and values y.

    Attributes:
        mass: sum of the weights.
        once: of z_j, (units,).
        products: of z_i z_j, (units, units); None where they are computed only if they are needed.
        level, pull: of y - origin, and of z_j (y - origin), (units,).
        origin: any number near the values.
    """

    mass: float
    once: Vector
    products: Float64[np.ndarray, "units units"] | None
    level: float
    pull: Vector
    origin: float

    @classmethod
    def of(cls, masks: Masks, weights: PerMask, values: PerMask) -> Moments:
        """Return the sums themselves, with the mean value as the origin; no products if units outnumber masks."""
        mass = float(weights.sum())
        origin = float(weights @ values / mass)
        pull = transposed_times(masks, weights * (values - origin))
        if masks.shape[1] >= len(masks):
            return cls(mass, transposed_times(masks, weights), None, 0.0, pull, origin)
        products = second_moments(masks, weights)
        return cls(mass, np.diag(products).copy(), products, 0.0, pull, origin)


class WeightedMasks:
    """Masks, weights and values, reduced once to the centred second moments that every fit needs.

    Where there are as many units as masks or more, a fit on all units solves one equation a mask instead of one a unit:
    the same coefficients but for rounding, and no matrix of units by units.

    `moments`: estimates of the same sums, where there are better ones; their products are overwritten.
    """

    def __init__(self, masks: Masks, weights: PerMask, values: PerMask, moments: Moments | None = None) -> None:
        sums = moments or Moments.of(masks, weights, values)
        self._masks, self._w = masks, weights
        self._mass, self._mean = sums.mass, sums.once / sums.mass
        self._level = sums.origin + sums.level / sums.mass
        self._y = values - self._level
        self._pull = sums.pull - self._mean * sums.level
        self._centred = None if sums.products is None else self._around_the_mean(sums.products)

    def _around_the_mean(self, products: Float64[np.ndarray, "units units"]) -> Float64[np.ndarray, "units units"]:
        _add_outer(products, -self._mass, self._mean, self._mean)
        return products

    @property
    def _gram(self) -> Float64[np.ndarray, "units units"]:
        if self._centred is None:
            self._centred = self._around_the_mean(second_moments(self._masks, self._w))
        return self._centred

    def _inverse(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Float64[np.ndarray, "chosen chosen"]:
        gram = _of_units(self._gram, chosen).copy()
        gram.flat[:: len(gram) + 1] += ridge
        triangle = _triangle(gram)
        if triangle is None:
            gram = _of_units(self._gram, chosen) + ridge * np.eye(len(chosen))
            return np.linalg.pinv(gram, hermitian=True)
        return torch.cholesky_inverse(triangle, out=triangle).numpy()

    def _by_masks(self, ridge: float) -> Vector | None:
        """Coefficients of all units from one equation a mask; None where these cannot be solved for rounding."""
        root = np.sqrt(self._w)
        alike = np.zeros((len(root), len(root)))
        total = torch.from_numpy(alike)
        for start in range(0, len(self._mean), _BLOCK):
            block = slice(start, start + _BLOCK)
            x = torch.from_numpy((self._masks[:, block] - self._mean[block]) * root[:, None])
            total.addmm_(x, x.T)
        alike.flat[:: len(alike) + 1] += ridge
        triangle = _triangle(alike)
        if triangle is None:
            return None
        half = torch.linalg.solve_triangular(triangle, torch.from_numpy(root * self._y)[:, None], upper=False)
        dual = root * torch.linalg.solve_triangular(triangle.T, half, upper=True)[:, 0].numpy()
        return transposed_times(self._masks, dual) - self._mean * dual.sum()

    def fit(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Fit:
        """Return the ridge fit on the chosen units, the intercept not penalised, with standard errors.

        The errors are those of the sandwich estimator (White 1980) over the random rows: the first row, the whole
        text, is the same in every draw and adds none. Of many rows, those with similar residuals share their mean
        square, which moves the errors by less than 1 %.
        """
        coefficients, errors = np.zeros(len(self._mean)), np.full(len(self._mean), np.nan)
        everything = self._centred is None and len(chosen) == len(coefficients) and ridge > 0
        solved = self._by_masks(ridge) if everything else None
        if solved is not None:  # more units than masks: nothing is left to tell errors from
            return self._fitted(solved, errors, self._residuals(solved), 0)
        bread = self._inverse(chosen, ridge)
        coefficients[chosen] = bread @ self._pull[chosen]
        residuals = self._residuals(coefficients)
        noise, n_free = self._noise(residuals, len(chosen))
        if n_free > 0 and len(chosen):
            meat = _of_units(self._meat(noise), chosen)
            variances = _quadratic(bread, meat)
            errors[chosen] = np.sqrt(variances.clip(min=0) * len(self._y) / n_free)
        return self._fitted(coefficients, errors, residuals, n_free)

    def _residuals(self, coefficients: Vector) -> PerMask:
        return self._y + self._mean @ coefficients - times(self._masks, coefficients)

    def _fitted(self, coefficients: Vector, errors: Vector, residuals: PerMask, n_free: int) -> Fit:
        spread, missed = self._w @ self._y**2, self._w @ residuals**2
        return Fit(
            coefficients=coefficients,
            std_error=errors,
            intercept=float(self._level - self._mean @ coefficients),
            r2=float(1.0 - missed / spread) if spread > 0 else float(missed == 0),
            n_free=n_free,
        )

    def _noise(self, residuals: PerMask, n_chosen: int) -> tuple[PerMask, int]:
        """What is random in each row, and the degrees of freedom."""
        return residuals, len(residuals) - n_chosen - 1

    def _meat(self, residuals: PerMask) -> Float64[np.ndarray, "units units"]:
        """Second moments of the centred rows times weight and residual, the first row left out."""
        squares = (self._w * residuals) ** 2
        squares[0] = 0.0
        if len(squares) > 2 * _GROUPS:
            squares = shared(squares, _GROUPS)
        moments, mean = second_moments(self._masks, squares), self._mean
        once = np.diag(moments).copy()
        _add_outer(moments, -1.0, once, mean)
        _add_outer(moments, -1.0, mean, once)
        _add_outer(moments, float(squares.sum()), mean, mean)
        return moments

    def highest_weights(self, n_features: int) -> Int64[np.ndarray, " chosen"]:
        """Units with the largest absolute coefficients of a fit on all units with ridge 0.01, as lime does."""
        coefficients = self._inverse(np.arange(len(self._mean)), 0.01) @ self._pull
        return np.argsort(-np.abs(coefficients), kind="stable")[:n_features]

    def forward_selection(self, n_features: int) -> Int64[np.ndarray, " chosen"]:
        """Units chosen greedily by the R2 of the least-squares fit, as lime does.

        lime refits for every candidate; sweeping the chosen unit out of the moments gives the same gains at once.
        """
        gram, pull = self._gram.copy(), self._pull.copy()
        scale = np.maximum(np.diag(gram), np.finfo(float).tiny)
        chosen: list[int] = []
        for _ in range(min(n_features, len(pull))):
            pivots = np.diag(gram).copy()
            usable = pivots > 1e-12 * scale  # below: a linear combination of the chosen ones
            gains = np.where(usable, pull**2 / np.where(usable, pivots, 1.0), 0.0)
            gains[chosen] = -1.0
            best = int(np.argmax(gains))
            chosen.append(best)
            if usable[best]:
                column = gram[:, best] / pivots[best]
                pull = pull - column * pull[best]
                gram = gram - np.outer(column, gram[best])
        return np.array(chosen, dtype=np.int64)


def _add_outer(matrix: Float64[np.ndarray, "units units"], factor: float, left: Vector, right: Vector) -> None:
    """Add factor * left right' to a matrix, some rows at a time."""
    for start in range(0, len(matrix), _BLOCK):
        block = slice(start, start + _BLOCK)
        matrix[block] += factor * np.outer(left[block], right)


def _of_units(
    matrix: Float64[np.ndarray, "units units"], chosen: Int64[np.ndarray, " chosen"]
) -> Float64[np.ndarray, "chosen chosen"]:
    """Rows and columns of some units; no copy of all of them in order."""
    return matrix if np.array_equal(chosen, np.arange(len(matrix))) else matrix[np.ix_(chosen, chosen)]


def _triangle(matrix: Float64[np.ndarray, "n n"]) -> torch.Tensor | None:
    """Replace a symmetric matrix by its Cholesky triangle, transposed; None if it is not positive definite.

    By torch, for its threads are awake already: numpy's would fight with them over the cores.
    """
    triangle = torch.from_numpy(matrix).T  # the order of its numbers that needs no copy
    _, failed = torch.linalg.cholesky_ex(triangle, out=(triangle, torch.empty((), dtype=torch.int32)))
    return None if failed else triangle


def _quadratic(
    bread: Float64[np.ndarray, "chosen chosen"], meat: Float64[np.ndarray, "chosen chosen"]
) -> Float64[np.ndarray, " chosen"]:
    """Return the diagonal of bread meat bread, some rows at a time."""
    variances = np.empty(len(bread))
    for start in range(0, len(bread), _ROWS):
        block = slice(start, start + _ROWS)
        product = torch.from_numpy(bread[block]) @ torch.from_numpy(meat)
        variances[block] = (product.numpy() * bread[block]).sum(axis=1)
    return variances
