"""Weighted ridge regression on 0/1 masks, with LIME's ways of choosing features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from heedful.games.sampled.lime.products import second_moments, shared, times, transposed_times

_GROUPS = 128  # of similar squared residuals

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
    """

    coefficients: Vector
    std_error: Vector
    intercept: float
    r2: float

    @property
    def local_prediction(self) -> float:
        """Value of the linear model at the full mask."""
        return self.intercept + float(self.coefficients.sum())


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums over masks z and values y.

    Attributes:
        mass: sum of the weights.
        products: of z_i z_j, (units, units).
        level, pull: of y - origin, and of z_j (y - origin), (units,).
        origin: any number near the values.
    """

    mass: float
    products: Float64[np.ndarray, "units units"]
    level: float
    pull: Vector
    origin: float

    @classmethod
    def of(cls, masks: Masks, weights: PerMask, values: PerMask) -> Moments:
        """The sums themselves, with the mean value as the origin."""
        mass = float(weights.sum())
        origin = float(weights @ values / mass)
        pull = transposed_times(masks, weights * (values - origin))
        return cls(mass, second_moments(masks, weights), 0.0, pull, origin)


class WeightedMasks:
    """Masks, weights and values, reduced once to the centred second moments that every fit needs.

    `moments`: estimates of the same sums, where there are better ones.
    """

    def __init__(self, masks: Masks, weights: PerMask, values: PerMask, moments: Moments | None = None) -> None:
        of = moments or Moments.of(masks, weights, values)
        self._masks, self._w = masks, weights
        self._mean = np.diag(of.products) / of.mass
        self._level = of.origin + of.level / of.mass
        self._y = values - self._level
        self._gram = of.products - of.mass * np.outer(self._mean, self._mean)
        self._pull = of.pull - self._mean * of.level

    def _inverse(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Float64[np.ndarray, "chosen chosen"]:
        gram = self._gram[np.ix_(chosen, chosen)] + ridge * np.eye(len(chosen))
        # torch, for its threads are awake already: numpy's would fight with them over the cores
        triangle, failed = torch.linalg.cholesky_ex(torch.from_numpy(gram))
        return np.linalg.pinv(gram, hermitian=True) if failed else torch.cholesky_inverse(triangle).numpy()

    def fit(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Fit:
        """Ridge fit on the chosen units, the intercept not penalised, with standard errors.

        The errors are those of the sandwich estimator (White 1980) over the random rows: the first row, the whole
        text, is the same in every draw and adds none. Of many rows, those with similar residuals share their mean
        square, which moves the errors by less than 1 %.
        """
        coefficients, errors = np.zeros(len(self._mean)), np.full(len(self._mean), np.nan)
        bread = self._inverse(chosen, ridge)
        coefficients[chosen] = bread @ self._pull[chosen]
        residuals = self._y + self._mean @ coefficients - times(self._masks, coefficients)
        spread, missed = self._w @ self._y**2, self._w @ residuals**2
        noise, n_free = self._noise(residuals, len(chosen))
        if n_free > 0 and len(chosen):
            meat = self._meat(noise)[np.ix_(chosen, chosen)]
            variances = (torch.from_numpy(bread) @ torch.from_numpy(meat)).numpy() * bread
            errors[chosen] = np.sqrt(variances.sum(axis=1).clip(min=0) * len(self._y) / n_free)
        return Fit(
            coefficients=coefficients,
            std_error=errors,
            intercept=float(self._level - self._mean @ coefficients),
            r2=float(1.0 - missed / spread) if spread > 0 else float(missed == 0),
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
        crossed = np.outer(np.diag(moments), mean)
        return moments - crossed - crossed.T + squares.sum() * np.outer(mean, mean)

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
