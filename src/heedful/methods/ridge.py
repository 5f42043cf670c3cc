"""Weighted ridge regression on 0/1 masks, with LIME's ways of choosing features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

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


class WeightedMasks:
    """Masks, weights and values, reduced once to the centred second moments that every fit needs."""

    def __init__(
        self, masks: Bool[np.ndarray, "n units"], weights: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]
    ) -> None:
        self._x = masks.astype(np.float64)
        self._w, self._y = weights, values
        self._mass = weights.sum()
        self._mean = weights @ self._x / self._mass
        self._level = weights @ values / self._mass
        self._gram = self._moments(weights)
        self._pull = (weights * (values - self._level)) @ self._x
        self._spread = weights @ (values - self._level) ** 2

    def _moments(self, weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "units units"]:
        """Weighted second moments of the masks around the samples' weighted mean."""
        root = self._x * np.sqrt(weights)[:, None]
        crossed = np.outer(weights @ self._x, self._mean)
        return root.T @ root - crossed - crossed.T + weights.sum() * np.outer(self._mean, self._mean)

    def _inverse(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Float64[np.ndarray, "chosen chosen"]:
        gram = self._gram[np.ix_(chosen, chosen)] + ridge * np.eye(len(chosen))
        try:
            return np.linalg.inv(gram)
        except np.linalg.LinAlgError:
            return np.linalg.pinv(gram, hermitian=True)

    def solve(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Float64[np.ndarray, " chosen"]:
        """Ridge coefficients of the chosen units; the intercept is not penalised."""
        return self._inverse(chosen, ridge) @ self._pull[chosen]

    def fit(self, chosen: Int64[np.ndarray, " chosen"], ridge: float) -> Fit:
        """Ridge fit on the chosen units, with standard errors.

        The errors are those of the sandwich estimator (White 1980) over the random rows: the first row, the whole
        text, is the same in every draw and adds none.
        """
        coefficients, errors = np.zeros(len(self._mean)), np.full(len(self._mean), np.nan)
        coefficients[chosen] = self.solve(chosen, ridge)
        intercept = float(self._level - self._mean @ coefficients)
        residuals = self._y - intercept - self._x @ coefficients
        missed = float(self._w @ residuals**2)
        r2 = 1.0 - missed / self._spread if self._spread > 0 else float(missed == 0)
        n_free = len(self._y) - len(chosen) - 1
        if n_free > 0 and len(chosen):
            spread = self._moments((self._w * residuals) ** 2 * (np.arange(len(self._y)) > 0))[np.ix_(chosen, chosen)]
            bread = self._inverse(chosen, ridge)
            errors[chosen] = np.sqrt(((bread @ spread) * bread).sum(axis=1).clip(min=0) * len(self._y) / n_free)
        return Fit(coefficients, errors, intercept, r2)

    def highest_weights(self, n_features: int) -> Int64[np.ndarray, " chosen"]:
        """Units with the largest absolute coefficients of a fit on all units with ridge 0.01, as lime does."""
        coefficients = self.solve(np.arange(len(self._mean)), 0.01)
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
