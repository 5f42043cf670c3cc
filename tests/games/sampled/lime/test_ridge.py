"""Weighted ridge: scikit-learn is the oracle, refits one by one the reference of forward selection."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.games.sampled.lime.ridge import Fit, WeightedMasks

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is in the extra 'bench'")


def problem(seed: int, n: int = 60, d: int = 5):
    rng = np.random.default_rng(seed)
    masks = rng.random((n, d)) < rng.random((n, 1))
    return masks, rng.random(n) + 0.01, masks @ rng.normal(size=d) + 0.3 * rng.normal(size=n)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 1.0, 30.0]))
def test_equals_scikit_learn(seed: int, ridge: float) -> None:
    masks, weights, values = problem(seed)
    theirs = linear_model.Ridge(alpha=ridge).fit(masks.astype(float), values, sample_weight=weights)
    ours = WeightedMasks(masks, weights, values).fit(np.arange(5), ridge)
    assert ours.coefficients == pytest.approx(theirs.coef_, rel=1e-8, abs=1e-10)
    assert ours.intercept == pytest.approx(theirs.intercept_, rel=1e-8, abs=1e-10)
    assert ours.r2 == pytest.approx(theirs.score(masks.astype(float), values, weights), rel=1e-8, abs=1e-10)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_forward_selection_equals_refitting_every_candidate(seed: int, n_features: int) -> None:
    masks, weights, values = problem(seed, n=80, d=8)
    x, chosen = masks.astype(float), []
    for _ in range(n_features):
        scores = {}
        for j in set(range(8)) - set(chosen):
            columns = x[:, [*chosen, j]]
            fit = linear_model.Ridge(alpha=0).fit(columns, values, sample_weight=weights)
            scores[j] = fit.score(columns, values, sample_weight=weights)
        chosen.append(max(scores, key=scores.__getitem__))
    assert WeightedMasks(masks, weights, values).forward_selection(n_features).tolist() == chosen


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_highest_weights_are_those_of_a_hardly_penalised_fit(seed: int, n_features: int) -> None:
    masks, weights, values = problem(seed)
    coefficients = linear_model.Ridge(alpha=0.01).fit(masks.astype(float), values, sample_weight=weights).coef_
    expected = np.argsort(-np.abs(coefficients))[:n_features]
    assert WeightedMasks(masks, weights, values).highest_weights(n_features).tolist() == expected.tolist()


def test_a_duplicated_unit_is_chosen_last_and_breaks_nothing() -> None:
    masks, weights, values = problem(0, d=3)
    doubled = np.concatenate([masks, masks[:, :1]], axis=1)
    moments = WeightedMasks(doubled, weights, values)
    chosen = moments.forward_selection(4).tolist()
    assert sorted(chosen) == [0, 1, 2, 3]
    assert chosen[-1] in (0, 3)
    assert np.isfinite(moments.fit(np.arange(4), 0.0).coefficients).all()


def test_constant_values_are_fitted_perfectly() -> None:
    masks, weights, _ = problem(1)
    fit = WeightedMasks(masks, weights, np.full(len(masks), 2.0)).fit(np.arange(5), 1.0)
    assert fit.r2 == 1.0
    assert fit.coefficients == pytest.approx(np.zeros(5), abs=1e-14)
    assert fit.intercept == pytest.approx(2.0)


def standard_errors(fit: Fit, masks: np.ndarray, weights: np.ndarray, values: np.ndarray, ridge: float) -> np.ndarray:
    """Of a fit on all units, by the formula, row by row."""
    n, d = masks.shape
    centred = masks - weights @ masks / weights.sum()
    bread = np.linalg.inv((centred.T * weights) @ centred + ridge * np.eye(d))
    residuals = values - fit.intercept - masks @ fit.coefficients
    meat = sum((weights[i] * residuals[i]) ** 2 * np.outer(centred[i], centred[i]) for i in range(1, n))
    return np.sqrt(np.diag(bread @ meat @ bread) * n / (n - d - 1))


def test_standard_errors_against_the_formula_row_by_row() -> None:
    masks, weights, values = problem(2)
    fit = WeightedMasks(masks, weights, values).fit(np.arange(5), 0.7)
    assert fit.std_error == pytest.approx(standard_errors(fit, masks, weights, values, 0.7), rel=1e-9)


@pytest.mark.parametrize("n", [257, 1000, 5000])
def test_rows_that_share_their_residual_hardly_move_standard_errors(n: int) -> None:
    masks, weights, values = problem(4, n, 12)
    values = values + np.random.default_rng(0).standard_t(2, n)  # a few residuals far larger than the others
    fit = WeightedMasks(masks, weights, values).fit(np.arange(12), 1.0)
    assert fit.std_error == pytest.approx(standard_errors(fit, masks, weights, values, 1.0), rel=1e-2)


@pytest.mark.parametrize(("n", "d"), [(300, 301), (300, 300), (40, 700), (2, 3)])
@pytest.mark.parametrize("ridge", [1.0, 1e-3])
def test_more_units_than_masks_have_the_same_coefficients(n: int, d: int, ridge: float) -> None:
    masks, weights, values = problem(6, n, d)
    weights[1] = 0.0
    theirs = linear_model.Ridge(alpha=ridge, solver="cholesky").fit(masks.astype(float), values, sample_weight=weights)
    ours = WeightedMasks(masks, weights, values).fit(np.arange(d), ridge)
    assert ours.coefficients == pytest.approx(theirs.coef_, rel=1e-8, abs=1e-10)
    assert ours.intercept == pytest.approx(theirs.intercept_, rel=1e-8, abs=1e-10)
    assert np.isnan(ours.std_error).all()


def test_more_units_than_masks_without_a_penalty_have_the_shortest_coefficients() -> None:
    masks, weights, values = problem(6, 20, 40)
    fit = WeightedMasks(masks, weights, values).fit(np.arange(40), 0.0)
    root, mean = np.sqrt(weights), weights @ masks / weights.sum()
    shortest = np.linalg.pinv((masks - mean) * root[:, None]) @ (root * (values - weights @ values / weights.sum()))
    assert fit.coefficients == pytest.approx(shortest, rel=1e-6, abs=1e-8)


def test_more_units_than_masks_need_no_matrix_of_units_by_units() -> None:
    masks, weights, values = problem(7, 100, 3000)
    tracemalloc.start()
    try:
        WeightedMasks(masks, weights, values).fit(np.arange(3000), 1.0)
        assert tracemalloc.get_traced_memory()[1] < 3000 * 3000  # an eighth of one
    finally:
        tracemalloc.stop()


def test_too_few_rows_for_standard_errors() -> None:
    masks, weights, values = problem(3, n=4)
    assert np.isnan(WeightedMasks(masks, weights, values).fit(np.arange(5), 1.0).std_error).all()
