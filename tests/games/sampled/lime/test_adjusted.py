"""LIME adjusted by a regression: known sums, refits without each mask, and the mean and spread of many runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb

import heedful
from factory import make_bert, make_classifier
from heedful.errors import SettingError
from heedful.games.exact.enumeration import subsets
from heedful.games.sampled.lime import adjusted
from heedful.games.sampled.lime.adjusted import AdjustedMasks
from heedful.games.sampled.lime.neighbourhood import draw_all, draw_by_gain, sample, weigh
from heedful.games.sampled.lime.ridge import WeightedMasks
from heedful.methods import Lime

TEXT = "the plot was not good but the acting was very good and the end was never dull what a film"
D = 13  # few enough to list all masks, too many for `lime` to list them by itself

Game = Callable[[np.ndarray], np.ndarray]


def games() -> dict[str, Game]:
    generator = np.random.default_rng(0)
    slopes, values, logs = generator.normal(size=(3, D))
    weights = np.exp(2 * logs)
    return {
        "a maximum": lambda m: np.where(m, slopes, -9.0).max(1),
        "a ratio": lambda m: (m @ (weights * values) + 1) / (m @ weights + 1),
        "noise": lambda m: np.sin(1e4 * (m @ slopes)),
        "linear": lambda m: m @ slopes,
        "a constant": lambda m: np.full(len(m), 0.3),
    }


def in_expectation(game: Game, n_samples: int, kernel_width: float, ridge: float) -> np.ndarray:
    """The fit to the normal equations that so many samples of LIME's have in expectation."""
    masks, weights = draw_all(n_samples, D, kernel_width)
    return WeightedMasks(masks, weights, game(masks)).fit(np.arange(D), ridge).coefficients


@settings(deadline=None)
@given(st.integers(1, 9), st.sampled_from([0.1, 0.25, np.inf]), st.integers(0, 1000))
def test_sums_over_all_masks_are_those_of_enumeration(d: int, kernel_width: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    h = adjusted._Regression(
        generator.normal(size=d + 1), generator.normal(size=(d, d + 1)), generator.normal(size=d - 1),
        generator.random((4, d)) < 0.5, generator.normal(size=4), generator.random(d),
    )  # fmt: skip
    masks = subsets(d)
    kept = masks.sum(1)
    weight = np.where(kept < d, weigh(masks, kernel_width) / d / comb(d, kept), 0.0)
    z = masks.astype(float)
    far = (h.decay * (z[:, None] != h.centres)).sum(-1)
    lines = h.level[kept] + (z * h.line.T[kept]).sum(1)
    values = lines + (z[:, 1:] * z[:, :-1]) @ h.pair + np.exp(-far) @ h.bump
    assert h(masks) == pytest.approx(values, rel=1e-12, abs=1e-12)
    total, each = h.sums(adjusted._Sizes.of(d, kernel_width))
    assert total == pytest.approx(weight @ values, abs=1e-12)
    assert each == pytest.approx((weight * values) @ z, abs=1e-12)


@pytest.mark.parametrize("most", [3000, 25])
def test_each_mask_is_left_out_of_its_own_regression(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By solving again without each one; beyond `most` masks, the regression has seen none of the others."""
    monkeypatch.setattr(adjusted, "_MOST", most)
    masks, weights = draw_by_gain(41, 6, 1, 0.25)
    masks, weights = masks[1:], weights[1:]
    off = np.tanh(masks @ np.arange(-2.0, 4.0))
    rows = adjusted._Rows.of(masks[:most], weights[:most], off[:most], 0.6)
    noise = min(adjusted._NOISE, key=lambda one: rows.solve(one).loss)
    n = len(rows.z)
    kernel = np.array([rows.regression(one)(masks) for one in np.eye(n)])  # (n, all masks)
    heavy = np.maximum(rows.weights / rows.weights.mean(), adjusted._LIGHTEST)
    duals = np.zeros((len(masks), n))
    for i in range(len(masks)):
        others = np.flatnonzero(np.arange(n) != i)
        duals[i, others] = np.linalg.solve(kernel[np.ix_(others, others)] + np.diag(noise / heavy[others]), off[others])
    left, mean = adjusted._regress(masks, weights, off, 0.6)
    assert left == pytest.approx(off - (duals * kernel.T).sum(1), abs=1e-9)
    fresh = subsets(6)
    expected = np.mean([rows.regression(dual)(fresh) for dual in duals], axis=0)
    assert mean(fresh) == pytest.approx(expected, abs=1e-9)


def test_a_regression_that_knows_nothing_leaves_the_sampled_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected normal equations on the left, sums over the samples on the right, the intercept among them."""
    monkeypatch.setattr(adjusted, "_regress", lambda _m, _w, off, _s: (off, adjusted._Regression.none(D)))
    n, ridge, game = 70, 0.7, games()["a maximum"]
    masks, weights = draw_by_gain(n, D, 3, 0.25)
    every, mass = draw_all(n, D, 0.25)
    design, ours = (np.column_stack([np.ones(len(m)), m]) for m in (every, masks))
    off = game(masks) - game(masks[:1])
    normal = design.T @ (mass[:, None] * design) + np.diag([0.0, *[ridge] * D])
    intercept, *slopes = np.linalg.solve(normal, ours.T @ (weights * off))
    fit = AdjustedMasks(masks, weights, game(masks), 0.25).fit(np.arange(D), ridge)
    assert fit.coefficients == pytest.approx(np.array(slopes), abs=1e-9)
    assert fit.intercept == pytest.approx(intercept + game(masks[:1])[0], abs=1e-9)


@pytest.mark.parametrize("name", games())
@pytest.mark.parametrize(("n_samples", "most", "kernel_width"), [(60, 3000, 0.25), (150, 50, 0.5)])
def test_many_runs_have_the_expected_mean_and_the_stated_spread(
    name: str, n_samples: int, most: int, kernel_width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adjusted, "_MOST", most)
    game, runs, ridge = games()[name], 150, 0.7
    fits = []
    for seed in range(runs):
        masks, weights = draw_by_gain(n_samples, D, seed, kernel_width)
        fits.append(AdjustedMasks(masks, weights, game(masks), kernel_width).fit(np.arange(D), ridge))
    found = np.array([fit.coefficients for fit in fits])
    expected = in_expectation(game, n_samples, kernel_width, ridge)
    if name == "a constant":
        assert found == pytest.approx(0.0, abs=1e-12)
        return
    spread = found.std(axis=0, ddof=1)
    assert (np.abs(found.mean(0) - expected) / spread * np.sqrt(runs)).max() < 4.5
    stated = np.sqrt(np.mean([fit.std_error**2 for fit in fits], axis=0))
    # 150 runs give a standard deviation to 6 %: four of these, for the worst of 13 units
    assert np.abs(stated / spread - 1).max() < 0.25


def test_errors_are_smaller_than_without_it() -> None:
    """Against the expected fit, at equal numbers of samples: a half at least, where there is something to know."""
    for name, least in {"a maximum": 2.0, "a ratio": 2.0, "noise": 0.9}.items():
        game, errors = games()[name], {}
        expected = in_expectation(game, 300, 0.25, 1.0)
        for sampler in ("fast", "adjusted"):
            runs = []
            for seed in range(40):
                masks, weights = sample(sampler, 300, D, seed, 0.25)
                moments = (
                    AdjustedMasks(masks, weights, game(masks), 0.25)
                    if sampler == "adjusted"
                    else WeightedMasks(masks, weights, game(masks))
                )
                runs.append(moments.fit(np.arange(D), 1.0).coefficients)
            errors[sampler] = np.sqrt(np.mean((np.array(runs) - expected) ** 2))
        assert errors["fast"] > least * errors["adjusted"], name


@pytest.mark.parametrize("n_samples", [90, 150])
def test_few_samples_a_unit_do_not_shrink_the_coefficients(n_samples: int) -> None:
    """Of a line with noise: a regression that has seen a mask's own value would take too much from it."""
    d, runs, shares, stated, spread = 60, 150, [], [], []
    slopes = np.random.default_rng(0).standard_t(2, size=d)
    for seed in range(runs):
        masks, weights = draw_by_gain(n_samples, d, seed, 0.25)
        noise = np.random.default_rng(10_000 + seed).normal(size=n_samples)
        noise[0] = 0.0
        fit = AdjustedMasks(masks, weights, masks @ slopes + noise, 0.25).fit(np.arange(d), 0.0)
        shares.append(fit.coefficients @ slopes / (slopes @ slopes))
        stated.append(fit.std_error**2)
        spread.append((fit.coefficients - slopes) ** 2)
    assert abs(np.mean(shares) - 1.0) < 4.0 * np.std(shares) / np.sqrt(runs)
    # the mean of 60 units over 150 runs is known to 1 %; with the influence in the slopes it is off by 5 to 10 %
    assert np.sqrt(np.mean(stated) / np.mean(spread)) == pytest.approx(1.0, abs=0.05)


def test_the_length_of_what_is_left_is_known() -> None:
    masks, weights = draw_by_gain(400, 60, 0, 0.25)
    values = np.sqrt(masks.sum(1))
    plain, ours = WeightedMasks(masks, weights, values), AdjustedMasks(masks, weights, values, 0.25)
    sampled, known = (fit.fit(np.arange(60), 1.0).std_error.mean() for fit in (plain, ours))
    assert known < sampled / 8  # a thirteenth; a fifth where lines are the same for all lengths


def test_lime_with_it_agrees_with_lime_without() -> None:
    classifier = make_bert()
    many = heedful.explain(classifier, TEXT, Lime(8000, ridge=1.6), seed=1)
    few = heedful.explain(classifier, TEXT, Lime(5000, sampler="adjusted"), seed=2)
    assert (np.abs(many.scores - few.scores) / np.hypot(many.std_error, few.std_error)).max() < 4.5
    assert (few.std_error < 0.7 * many.std_error).all()
    assert few.base_value == pytest.approx(many.base_value, abs=10 * many.std_error.max())
    again = heedful.explain(classifier, TEXT, Lime(5000, sampler="adjusted"), seed=2)
    assert np.array_equal(again.scores, few.scores)


def test_precision_is_reached_sooner() -> None:
    classifier = make_classifier(4, texts=(TEXT,))
    drawn = {
        sampler: heedful.explain(classifier, TEXT, Lime(50_000, sampler=sampler, precision=0.02)).details
        for sampler in ("fast", "adjusted")
    }
    assert all(details["precision_reached"] for details in drawn.values())
    assert drawn["adjusted"]["n_evaluations"] < drawn["fast"]["n_evaluations"]


def test_some_features_alone() -> None:
    result = heedful.explain(make_bert(), TEXT, Lime(400, n_features=3, sampler="adjusted"))
    assert (result.scores != 0).sum() == 3
    assert np.isfinite(result.std_error[result.scores != 0]).all()
    assert np.isnan(result.std_error[result.scores == 0]).all()


@pytest.mark.parametrize("n_samples", [1, 2, 3, 5])
def test_too_few_samples_are_no_error(n_samples: int) -> None:
    result = heedful.explain(make_bert(), TEXT, Lime(n_samples, sampler="adjusted"))
    assert np.isfinite(result.scores).all()
    assert np.isnan(result.std_error).all() == (n_samples < 3)


def test_a_width_that_leaves_no_weight_is_refused() -> None:
    with pytest.raises(SettingError, match="use a larger one"):
        heedful.explain(make_bert(), TEXT, Lime(400, kernel_width=1e-4, sampler="adjusted"))
