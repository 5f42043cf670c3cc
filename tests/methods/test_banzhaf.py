"""Sampled Banzhaf values: games by hand, enumeration, the exact engine and shapiq are the oracles; rates, coverage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import shapiq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

import heedful
import zoo
from heedful.classifier import Classifier
from heedful.errors import SettingError, TextError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import enumeration
from heedful.games.sampled.banzhaf import banzhaf_sampled
from heedful.games.sampled.stopping import Sampled
from heedful.methods import Banzhaf
from played import Played, pooled, table

TEXT = "the plot was not good but the acting was very good and the end was never dull what a film"
Estimate = Callable[..., Sampled]
WAYS: dict[str, Estimate] = {
    "regression": banzhaf_sampled,
    "regression, single": partial(banzhaf_sampled, paired=False),
    "msr": partial(banzhaf_sampled, estimator="msr"),
    "msr, single": partial(banzhaf_sampled, estimator="msr", paired=False),
}
all_ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class TestEstimates:
    @all_ways
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 6))
    @settings(deadline=None, max_examples=10)
    def test_converge_to_enumeration(self, way: Estimate, seed: int, n_units: int) -> None:
        game = table(seed, n_units)
        result = way(game, 20_000, seed=seed)
        # Student's quantile for 6 units in 10 games each way: beyond 5 standard errors once in some 30,000 runs
        assert (np.abs(result.values - enumeration.banzhaf(game.value, n_units)) < 5 * result.std_error + 1e-12).all()
        assert result.std_error.max() < 0.05

    @pytest.mark.parametrize("way", ["regression", "regression, single"])
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 30))
    @settings(deadline=None, max_examples=10)
    def test_an_additive_game_is_exact_from_any_sample(self, way: str, seed: int, n_units: int) -> None:
        effects = np.random.default_rng(seed).normal(size=n_units)
        game = Played(n_units, lambda masks: 7.0 + masks @ effects)
        result = WAYS[way](game, 8 * n_units + 20, seed=seed)
        assert result.values == pytest.approx(effects, abs=1e-10)
        assert not (result.std_error > 1e-10).any()
        assert result.base_value == 7.0

    @all_ways
    @pytest.mark.parametrize("shift", [0.0, 1e6])
    def test_a_constant_added_to_all_values_does_not_matter(self, way: Estimate, shift: float) -> None:
        base = table(0, 8)
        plain, moved = (way(Played(8, lambda z, s=s: base.value(z) + s), 500) for s in (0.0, shift))
        assert moved.values == pytest.approx(plain.values, abs=1e-7)
        assert moved.std_error == pytest.approx(plain.std_error, abs=1e-7)

    def test_pairs_cancel_interactions_of_two(self) -> None:
        pairs = np.triu(np.random.default_rng(0).normal(size=(8, 8)))
        game = Played(8, lambda z: ((z @ pairs) * z).sum(1))
        truth = enumeration.banzhaf(game.value, 8)
        assert banzhaf_sampled(game, 60).values == pytest.approx(truth, abs=1e-10)
        assert np.abs(WAYS["regression, single"](game, 60).values - truth).max() > 0.01

    def test_msr_by_hand(self) -> None:
        """Means of the drawn values with and without each unit, and Welch's error of their difference."""
        game = table(4, 5)
        result = WAYS["msr, single"](game, 41, seed=2)
        (empty,), masks = game.calls[0], np.concatenate(game.calls[1:])
        assert not empty.any()
        assert len(masks) == 40
        values = game.value(masks)
        for j in range(5):
            there, gone = values[masks[:, j]], values[~masks[:, j]]
            assert result.values[j] == pytest.approx(there.mean() - gone.mean(), abs=1e-12)
            welch = np.sqrt(there.var(ddof=1) / len(there) + gone.var(ddof=1) / len(gone))
            assert result.std_error[j] == pytest.approx(welch, rel=1e-9)

    def test_msr_in_pairs_by_hand(self) -> None:
        game = table(4, 5)
        result = WAYS["msr"](game, 41, seed=2)
        ahead, behind = np.split(np.concatenate(game.calls[1:]), 2)
        assert np.array_equal(ahead, ~behind)
        signed = (2 * ahead - 1) * (game.value(ahead) - game.value(behind))[:, None]
        assert result.values == pytest.approx(signed.mean(0), abs=1e-12)
        assert result.std_error == pytest.approx(signed.std(0, ddof=1) / np.sqrt(20), rel=1e-9)

    def test_the_fit_is_ordinary_least_squares(self) -> None:
        game = table(4, 5)
        result = WAYS["regression, single"](game, 41, seed=2)
        masks = np.concatenate(game.calls[1:])
        design = np.column_stack([np.ones(len(masks)), masks])
        expected = np.linalg.lstsq(design, game.value(masks), rcond=None)[0][1:]
        assert result.values == pytest.approx(expected, abs=1e-12)
        hat = design @ np.linalg.pinv(design)
        residual = game.value(masks) - hat @ game.value(masks)
        bread = np.linalg.inv(design.T @ design)
        meat = (design * (residual**2 / (1 - np.diag(hat)))[:, None]).T @ design
        assert result.std_error == pytest.approx(np.sqrt(np.diag(bread @ meat @ bread))[1:], rel=1e-9)


class TestErrors:
    @pytest.mark.parametrize(
        ("way", "n", "spread"),
        [("regression", 301, 1.0), ("regression", 301, 4.0), ("regression, single", 301, 1.0), ("msr", 301, 1.0),
         ("msr, single", 301, 4.0)],
    )  # fmt: skip
    def test_intervals_cover(self, way: str, n: int, spread: float) -> None:
        """95 % intervals hold the exact value in 93 to 97 % of 300 runs, all 15 units pooled."""
        game = pooled(2, 15, spread)
        truth = exact.banzhaf(game).values
        runs = [WAYS[way](game, n, seed=seed) for seed in range(300)]
        quantile = student.ppf(0.975, runs[0].degrees_of_freedom)
        assert 0.93 < np.mean([np.abs(run.values - truth) < quantile * run.std_error for run in runs]) < 0.97

    def test_fits_have_less_noise_than_means(self) -> None:
        game = pooled(1, 20)
        truth = exact.banzhaf(game).values
        error = {
            name: np.sqrt(np.mean([(way(game, 401, seed=seed).values - truth) ** 2 for seed in range(20)]))
            for name, way in WAYS.items()
        }
        assert error["regression"] < 0.5 * error["regression, single"] < 0.5 * error["msr, single"]
        assert error["regression"] < 0.5 * error["msr"]

    def test_few_masks(self) -> None:
        game = table(0, 10)
        with pytest.raises(SettingError, match="15 samples cannot tell 10 units apart: give n_samples of at least 29"):
            banzhaf_sampled(game, 15)
        with pytest.raises(SettingError, match="2 samples cannot tell 10 units apart"):
            WAYS["msr"](game, 2)
        with pytest.raises(SettingError, match="3 samples cannot tell 10 units apart"):
            WAYS["msr, single"](game, 3)  # two masks, most units in both or in neither
        assert not game.calls  # nothing was spent
        assert np.isnan(WAYS["msr"](game, 3).std_error).all()

    def test_a_precision_that_means_nothing_is_refused_before_anything_is_spent(self) -> None:
        game = table(0, 5)
        with pytest.raises(SettingError, match="precision must be"):
            banzhaf_sampled(game, 100, precision=0.0)
        assert not game.calls

    @pytest.mark.parametrize(
        ("way", "fitted"), [("regression", 5), ("regression, single", 6), ("msr", 1), ("msr, single", 2)]
    )
    def test_degrees_of_freedom_are_draws_less_what_is_fitted(self, way: str, fitted: int) -> None:
        draws = 100 if "single" in way else 50
        assert WAYS[way](table(0, 5), 101).degrees_of_freedom == draws - fitted


class TestMethod:
    @pytest.mark.parametrize("estimator", ["regression", "msr"])
    @pytest.mark.parametrize("paired", [True, False])
    def test_agrees_with_the_exact_engine(self, classifier: Classifier, estimator: str, paired: bool) -> None:
        method = Banzhaf(2001, estimator, paired)
        sampled, truth = (heedful.explain(classifier, TEXT, m, masking="unk") for m in (method, "banzhaf-exact"))
        assert sampled.details["enumerated"] == 0
        assert (np.abs(sampled.scores - truth.scores) < 5 * sampled.std_error).all()
        assert sampled.base_value == pytest.approx(truth.base_value, abs=1e-12)
        assert sampled.details["n_evaluations"] == 2001
        expected = banzhaf_sampled(
            heedful.games.from_text(classifier, TEXT), 2001, estimator=estimator, paired=paired, seed=0
        )
        assert np.array_equal(sampled.scores, expected.values)

    def test_enumerated_is_shapiqs_exact_value(self) -> None:
        classifier, text = zoo.make("roberta"), "what a dull plot"
        ours = heedful.explain(classifier, text, "banzhaf")
        handed = heedful.games.from_text(classifier, text).to_shapiq()
        theirs = shapiq.ExactComputer(handed)("BV", order=1).get_n_order_values(1)
        assert ours.scores == pytest.approx(theirs, abs=1e-12)
        assert ours.n_forward == 2 ** len(ours) + 1

    @pytest.mark.parametrize("name", zoo.NAMES)
    def test_samples_converge_on_every_architecture(self, name: str) -> None:
        classifier, text = zoo.make(name), "what a dull film it was not good"
        truth = heedful.explain(classifier, text, "banzhaf")
        sampled = heedful.explain(classifier, text, Banzhaf(200), seed=1)
        assert truth.details["enumerated"] == 1 - sampled.details["enumerated"] == 1
        assert (np.abs(sampled.scores - truth.scores) < 6 * sampled.std_error + 1e-12).all()

    def test_same_seed_same_bits(self, classifier: Classifier) -> None:
        first, second, other = (heedful.explain(classifier, TEXT, Banzhaf(500), seed=s) for s in (1, 1, 2))
        assert np.array_equal(first.scores, second.scores)
        assert np.array_equal(first.std_error, second.std_error)
        assert not np.array_equal(first.scores, other.scores)

    @pytest.mark.parametrize(
        ("call", "named"),
        [
            (lambda: Banzhaf(1), "n_samples must be at least 2, got 1"),
            (lambda: Banzhaf(estimator="mean"), "use one of regression, msr"),
        ],
    )
    def test_refuses(self, call: Callable[[], object], named: str) -> None:
        with pytest.raises(SettingError, match=named):
            call()

    def test_refuses_what_is_no_game(self, classifier: Classifier) -> None:
        with pytest.raises(TextError, match="nothing to explain"):
            heedful.explain(classifier, "!", "banzhaf")
        two = Terms(np.zeros((1, 3)), np.ones((1, 3, 2)))
        with pytest.raises(SettingError, match="one output at a time"):
            banzhaf_sampled(RatioGame(two, Terms.none(1, 3), Terms(np.zeros(1), np.zeros((1, 2)))), 100)
