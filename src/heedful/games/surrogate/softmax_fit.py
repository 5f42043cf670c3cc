"""Least squares for a softmax-weighted mean: weights and values of terms, from values of masks.

With the weights given, the numerators are a linear regression, so only the log weights are searched: variable
projection (Golub and Pereyra 1973, in Kaufman's form of 1975) with Levenberg's and Marquardt's damping. The problem
has local minima. The search starts at equal weights under a strong ridge, where it has one, and follows the minimum as
the ridge falls to 0; games that are softmax-weighted means are recovered to rounding that way. No random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64

RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-7, 0.0)
_FARTHEST = 3.0  # no log weight moves by more in one step
_LIGHTEST = -60.0  # log weight relative to the heaviest: below, a term adds to the sum of values alone
_STEPS = 100
_SOLVABLE = 1e-14  # keeps the equations of columns of length 1 solvable where some coincide
_CONSTANT = 1e-12  # share of the largest value below which differences are rounding

Rows = Float64[np.ndarray, " n"]
PerTerm = Float64[np.ndarray, " terms"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Masks, their values, and how much each counts."""

    masks: Bool[np.ndarray, "n units"]
    values: Rows
    weights: Rows

    def rows(self, chosen: slice) -> Sample:
        """Some of the rows."""
        return Sample(self.masks[chosen], self.values[chosen], self.weights[chosen])

    def joined(self, other: Sample) -> Sample:
        """Its rows, then those of the other."""
        pairs = zip((self.masks, self.values, self.weights), (other.masks, other.values, other.weights), strict=True)
        return Sample(*(np.concatenate(pair) for pair in pairs))

    @cached_property
    def level(self) -> float:
        """Weighted mean of the values."""
        return float(self.weights @ self.values / self.weights.sum())

    @cached_property
    def spread(self) -> float:
        """Their weighted standard deviation; 0 if they differ by rounding alone."""
        deviation = self.deviation(self.values - self.level)
        return deviation if deviation > _CONSTANT * np.abs(self.values).max() else 0.0

    def deviation(self, differences: Rows) -> float:
        """Root of the weighted mean square, without over- or underflow."""
        largest = float(np.abs(differences).max())
        scaled = differences / (largest or 1.0)
        return largest * float(np.sqrt(self.weights @ scaled**2 / self.weights.sum()))

    def r2(self, fitted: Rows) -> float:
        """Weighted coefficient of determination; of a constant, 1 if it is met but for rounding, else minus infinity.

        Example:
            >>> some = Sample(np.eye(2, dtype=bool), np.array([0.0, 2.0]), np.ones(2))
            >>> some.r2(np.array([0.0, 2.0])), some.r2(np.ones(2))
            (1.0, 0.0)
        """
        missed = self.deviation(self.values - fitted)
        if self.spread == 0:
            return 1.0 if missed <= 10 * _CONSTANT * np.abs(self.values).max() else -np.inf
        return 1.0 - (missed / self.spread) ** 2


@dataclass(frozen=True, eq=False)
class Fitted:
    """Log weights and values of the units and of the fixed term, weights summing to 1, and the ridge used."""

    importance: Float64[np.ndarray, " units"]
    value: Float64[np.ndarray, " units"]
    fixed_importance: float
    fixed_value: float
    ridge: float


def best_fit(sample: Sample, validation: Sample | None, fixed: bool) -> Fitted:
    """The least-squares fit, with a fixed term or without.

    Args:
        sample: what is fitted.
        validation: of all ridges the one is taken that does best here, and this is fitted then, too; None for none.
        fixed: whether a term is there in every mask.

    Example:
        >>> masks = np.array([[True, False], [False, True], [True, True]])
        >>> result = best_fit(Sample(masks, np.array([1.0, 2.0, 1.75]), np.ones(3)), None, fixed=False)
        >>> np.exp(result.importance).round(6), result.value.round(6)
        (array([0.25, 0.75]), array([1., 2.]))
    """
    problem = _Problem(sample, fixed)
    point = problem.at(np.zeros(problem.terms.shape[1]), RIDGES[0])
    path = []
    for ridge in RIDGES:
        point = problem.descend(point, ridge, 1e-3)
        path.append(point)
    if validation is not None:
        point = min(path, key=lambda one: problem.error(one, validation))
        problem = _Problem(sample.joined(validation), fixed)
    return problem.fitted(problem.descend(point, point.ridge, 1e-9))


@dataclass(frozen=True, eq=False)
class _Point:
    """Log weights, and the best numerators for them.

    Attributes:
        ridge: penalty.
        log_weight: their mean is 0.
        weight: their sum is 1.
        total: denominators of the rows.
        columns: (rows, terms), derivatives of the fit by the numerators, times the roots of the rows' weights.
        matrix: with `columns` C and the diagonal penalty P, (C'C + P)^-1, (terms, terms); of more terms than rows
            I + C P^-1 C', (rows, rows).
        numerator: weight times value.
        residual: of the rows, times the roots of their weights.
        loss: what is minimised.
    """

    ridge: float
    log_weight: PerTerm
    weight: PerTerm
    total: Rows
    columns: Float64[np.ndarray, "n terms"]
    matrix: Float64[np.ndarray, "order order"]
    numerator: PerTerm
    residual: Rows
    loss: float


Step = Callable[[float], PerTerm]


class _Problem:
    """A sample with one column a term, values in units of their standard deviation around their mean.

    The penalty on k terms is ridge (k |numerators|^2 + |log weights - their mean|^2): at equal weights, and for values
    that differ by about their standard deviation, both parts are of the same size.

    Systems of equations are solved with a row for each term, or for each row of the sample if these are fewer (by the
    matrix inversion lemma), so that a step costs rows * terms * min(rows, terms).
    """

    def __init__(self, sample: Sample, fixed: bool) -> None:
        self.sample, self.fixed = sample, fixed
        self.scale = sample.spread or 1.0
        self.terms = self._terms(sample)
        self._few_rows = len(self.terms) < self.terms.shape[1]
        self._root = np.sqrt(sample.weights / sample.weights.sum())
        self._wanted = self._root * ((sample.values - sample.level) / self.scale if sample.spread else 0.0)

    def _terms(self, sample: Sample) -> Float64[np.ndarray, "n terms"]:
        columns = [np.ones((len(sample.masks), 1))] if self.fixed else []
        return np.concatenate([*columns, sample.masks], axis=1, dtype=np.float64)

    def at(self, log_weight: PerTerm, ridge: float) -> _Point:
        """The point of these log weights."""
        log_weight = np.maximum(log_weight, log_weight.max() + _LIGHTEST)
        log_weight = log_weight - log_weight.mean()
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        total = self.terms @ weight
        columns = self.terms * (self._root / total)[:, None]
        size = np.sqrt((columns**2).sum(0))  # to columns of one length: light terms without a fixed one have huge ones
        size[size == 0] = 1.0  # a unit that no mask keeps
        penalty = ridge * len(weight)
        solve = self._by_rows if self._few_rows else self._by_terms
        matrix, numerator = solve(columns, size, penalty)
        residual = self._wanted - columns @ numerator
        loss = float(residual @ residual + penalty * numerator @ numerator + ridge * log_weight @ log_weight)
        return _Point(ridge, log_weight, weight, total, columns, matrix, numerator, residual, loss)

    def _by_terms(
        self, columns: Float64[np.ndarray, "n terms"], size: PerTerm, penalty: float
    ) -> tuple[Float64[np.ndarray, "terms terms"], PerTerm]:
        scaled = columns / size
        gram = scaled.T @ scaled + np.diag(penalty / size**2 + _SOLVABLE)
        inverse = np.linalg.inv(gram) / size / size[:, None]
        return inverse, inverse @ (columns.T @ self._wanted)

    def _by_rows(
        self, columns: Float64[np.ndarray, "n terms"], size: PerTerm, penalty: float
    ) -> tuple[Float64[np.ndarray, "n n"], PerTerm]:
        light = columns / (penalty + _SOLVABLE * size**2)
        matrix = light @ columns.T + np.eye(len(columns))
        return matrix, light.T @ np.linalg.solve(matrix, self._wanted)

    def descend(self, point: _Point, ridge: float, tolerance: float) -> _Point:
        """Go down from a point until a step gains less than `tolerance` of the loss, or none gains any more."""
        point, damping = self.at(point.log_weight, ridge), 1e-2
        for _ in range(_STEPS):
            slope, step_at = self._derivatives(point)
            ahead = None
            while ahead is None and damping < 1e8 and slope.any():
                step = step_at(damping)
                trial = self.at(point.log_weight + step * min(1.0, _FARTHEST / np.abs(step).max()), ridge)
                ahead = trial if trial.loss < point.loss else None
                damping = damping * 4 if ahead is None else max(damping / 5, 1e-10)
            if ahead is None:
                break
            gain, point = point.loss - ahead.loss, ahead
            if gain < tolerance * point.loss:
                break
        return point

    def _derivatives(self, point: _Point) -> tuple[PerTerm, Step]:
        """Half of minus the loss's gradient by the log weights, and the step downhill for a damping.

        The step solves (H + damping * diag(D)) step = slope, H an approximate Hessian and D the damping's unit.
        """
        # weights sum to 1: one that grows takes from all
        jacobian = (point.total[:, None] - self.terms) * point.weight
        jacobian *= ((point.columns @ point.numerator) / point.total)[:, None]
        slope = jacobian.T @ point.residual - point.ridge * point.log_weight
        if self._few_rows:
            return slope, self._step_by_rows(point, jacobian, slope)
        square, mixed = jacobian.T @ jacobian, point.columns.T @ jacobian
        curvature = square - mixed.T @ point.matrix @ mixed + point.ridge * np.eye(len(square))
        unit = _unit(np.diag(square) + point.ridge)
        return slope, lambda damping: np.linalg.solve(curvature + damping * np.diag(unit), slope)

    def _step_by_rows(self, point: _Point, jacobian: Float64[np.ndarray, "n terms"], slope: PerTerm) -> Step:
        """The same step: with J and M the point's, H is J' M^-1 J + ridge."""
        unit = _unit((jacobian**2).sum(0) + point.ridge)

        def step_at(damping: float) -> PerTerm:
            diagonal = point.ridge + damping * unit
            light = jacobian / diagonal
            return (slope - jacobian.T @ np.linalg.solve(light @ jacobian.T + point.matrix, light @ slope)) / diagonal

        return step_at

    def error(self, point: _Point, other: Sample) -> float:
        """Standard deviation of another sample from the point's fit, in this one's units."""
        terms = self._terms(other)
        missed = (other.values - self.sample.level) / self.scale - terms @ point.numerator / (terms @ point.weight)
        return other.deviation(missed)

    def fitted(self, point: _Point) -> Fitted:
        """The point in the sample's own units."""
        importance = np.log(point.weight)
        value = self.sample.level + self.scale * point.numerator / point.weight
        if not self.fixed:
            return Fitted(importance, value, -np.inf, 0.0, point.ridge)
        return Fitted(importance[1:], value[1:], float(importance[0]), float(value[0]), point.ridge)


def _unit(steepness: PerTerm) -> PerTerm:
    """What damping is measured in: how steep each term's direction is, and never nothing."""
    return np.maximum(steepness, 1e-6 * steepness.max())
