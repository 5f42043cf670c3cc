"""Sampled Shapley values: games by hand, enumeration and the exact engine are the oracles; then rates and coverage."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import enumeration
from heedful.games.sampled import permutations
from heedful.games.sampled.kernel_regression import kernel_shapley
from heedful.games.sampled.permutations import permutation_shapley
from heedful.games.sampled.stopping import Sampled
from played import Played, pooled, table

# Sums of at most a few thousand products of numbers of size 1, and a solve of condition below 1e4: far below 1e-10.
EXACT = 1e-10

KERNEL_WAYS = {
    "kernel": kernel_shapley,
    "leverage": partial(kernel_shapley, sampling="leverage"),
    "kernel, single": partial(kernel_shapley, paired=False),
    "leverage, single": partial(kernel_shapley, sampling="leverage", paired=False),
}
PERMUTATION_WAYS = {
    "permutations": permutation_shapley,
    "permutations, single": partial(permutation_shapley, antithetic=False),
    "permutations, part of the reverse": partial(permutation_shapley, antithetic=0.4),
}
kernel_ways = pytest.mark.parametrize("way", KERNEL_WAYS.values(), ids=KERNEL_WAYS)
permutation_ways = pytest.mark.parametrize("way", PERMUTATION_WAYS.values(), ids=PERMUTATION_WAYS)
all_ways = pytest.mark.parametrize(
    "way", [*KERNEL_WAYS.values(), *PERMUTATION_WAYS.values()], ids=[*KERNEL_WAYS, *PERMUTATION_WAYS]
)
Estimate = Callable[..., Sampled]


def polynomial(seed: int, n_units: int, order: int) -> tuple[Played, np.ndarray]:
    """A constant, additive effects and, with order 2, interactions of pairs; and its Shapley values."""
    rng = np.random.default_rng(seed)
    constant, effects, pairs = rng.normal(), rng.normal(size=n_units), np.triu(rng.normal(size=(n_units, n_units)), 1)
    pairs *= order == 2
    # an interaction of two is shared by the two
    truth = effects + (pairs + pairs.T).sum(1) / 2
    return Played(n_units, lambda z: constant + z @ effects + ((z @ pairs) * z).sum(1)), truth


def glove(masks: np.ndarray) -> np.ndarray:
    """Unit 0 is a left glove, 1 and 2 are right ones: a pair is worth 1. Shapley values 2/3, 1/6, 1/6."""
    return masks[:, 0] & (masks[:, 1] | masks[:, 2])


def estimate_or_assume(way: Estimate, game: Played, n: int, seed: int) -> Sampled:
    """An estimate, leaving out the rare coalitions that do not tell all units apart, and odd permutations."""
    try:
        return way(game, n + n % 2, seed=seed)
    except SettingError as error:
        assume("cannot tell" not in str(error))
        raise


class TestKnownAnswers:
    @kernel_ways
    def test_gloves(self, way: Estimate) -> None:
        result = way(Played(3, glove), 8)
        assert result.values == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=EXACT)
        assert result.base_value == 0
        assert result.n_evaluations == 8

    # unit 0 gets 1 in 4 of 6 orders, 0 in the others: variance 2/9; in pairs with the reverse 1/2 or 1: 1/18
    @pytest.mark.parametrize(("antithetic", "variance"), [(False, 2 / 9 / 20_000), (True, 1 / 18 / 10_000)])
    def test_gloves_by_permutations(self, antithetic: bool, variance: float) -> None:
        result = permutation_shapley(Played(3, glove), 20_000, antithetic=antithetic)
        assert (np.abs(result.values - [2 / 3, 1 / 6, 1 / 6]) < 4.5 * result.std_error).all()
        assert result.std_error[0] ** 2 == pytest.approx(variance, rel=0.03)

    @all_ways
    @pytest.mark.parametrize("n", [6, 1000])
    def test_one_unit(self, way: Estimate, n: int) -> None:
        result = way(Played(1, lambda masks: np.where(masks[:, 0], 5.0, 2.0)), n)
        assert np.array_equal(result.values, [3.0])
        assert np.array_equal(result.std_error, [0.0])
        assert result.base_value == 2.0
        assert result.n_evaluations == 2

    @pytest.mark.parametrize("way", [*KERNEL_WAYS.values(), permutation_shapley])
    def test_two_units(self, way: Estimate) -> None:
        # f = 1, 3, 4, 10 for none, unit 0, unit 1, both: (2 + 6) / 2 and (3 + 7) / 2
        result = way(Played(2, lambda masks: 1 + 2 * masks[:, 0] + 3 * masks[:, 1] + 4 * masks.all(1)), 4)
        assert result.values == pytest.approx([4, 5], abs=EXACT)
        assert result.std_error == pytest.approx([0, 0], abs=EXACT)
        assert result.base_value == 1

    @kernel_ways
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 9), more=st.integers(0, 500))
    @settings(deadline=None, max_examples=10)
    def test_enumerates_when_the_budget_covers_all(self, way: Estimate, seed: int, n_units: int, more: int) -> None:
        game = table(seed, n_units)
        result = way(game, (1 << n_units) + more)
        assert np.abs(result.values - enumeration.shapley(game.value, n_units)).max() < EXACT
        assert np.array_equal(result.std_error, np.zeros(n_units))
        assert result.n_evaluations == 1 << n_units


class TestLaws:
    @all_ways
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 9), share=st.floats(0, 1))
    @settings(deadline=None, max_examples=10)
    def test_efficiency(self, way: Estimate, seed: int, n_units: int, share: float) -> None:
        game = table(seed, n_units)
        least = min(1 << n_units, 4 * n_units + 2)
        result = estimate_or_assume(way, game, least + 2 * int(share * 100), seed)
        nothing, everything = game(np.repeat([[False], [True]], n_units, axis=1))
        assert result.base_value == nothing
        # rounding of sums of at most 9 numbers of size 1
        assert result.base_value + result.values.sum() == pytest.approx(everything, abs=1e-12)

    @pytest.mark.parametrize("way", [permutation_shapley, PERMUTATION_WAYS["permutations, single"]])
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 9), null=st.integers(0, 9))
    @settings(deadline=None, max_examples=10)
    def test_a_null_unit_gets_exactly_nothing(self, way: Estimate, seed: int, n_units: int, null: int) -> None:
        others = table(seed, n_units)
        game = Played(n_units + 1, lambda masks: others(np.delete(masks, null % (n_units + 1), axis=1)))
        result = way(game, 8, seed=seed)
        assert result.values[null % (n_units + 1)] == 0
        assert result.std_error[null % (n_units + 1)] == 0

    @kernel_ways
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 40), more=st.integers(0, 60))
    @settings(deadline=None, max_examples=10)
    def test_an_additive_game_is_exact_from_any_sample(self, way: Estimate, seed: int, n_units: int, more: int) -> None:
        game, truth = polynomial(seed, n_units, 1)
        result = estimate_or_assume(way, game, min(1 << n_units, 4 * n_units + 2) + more, seed)
        assert np.abs(result.values - truth).max() < EXACT
        assert not (result.std_error > EXACT).any()  # none, or unknown where a row alone decides on a coefficient

    @pytest.mark.parametrize("way", [kernel_shapley, KERNEL_WAYS["leverage"], permutation_shapley])
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 30), more=st.integers(0, 30))
    @settings(deadline=None, max_examples=10)
    def test_pairs_solve_interactions_of_two(self, way: Estimate, seed: int, n_units: int, more: int) -> None:
        game, truth = polynomial(seed, n_units, 2)
        result = estimate_or_assume(way, game, min(1 << n_units, 4 * n_units + 2) + 2 * more + 2, seed)
        assert np.abs(result.values - truth).max() < EXACT
        assert not (result.std_error > EXACT).any()  # none, or unknown where a row alone decides on a coefficient

    @pytest.mark.parametrize("way", ["kernel, single", "permutations, single"])
    def test_single_coalitions_do_not(self, way: str) -> None:
        game, truth = polynomial(0, 12, 2)
        result = (KERNEL_WAYS | PERMUTATION_WAYS)[way](game, 200)
        assert np.abs(result.values - truth).max() > 0.01
        assert result.std_error.min() > 0.01

    @all_ways
    def test_alike_units_get_the_same_in_expectation(self, way: Estimate) -> None:
        game = Played(8, lambda masks: (masks[:, :3].sum(1) >= 2) * (1 + masks[:, 3:] @ np.arange(1.0, 6.0) ** 2))
        runs = np.array([way(game, 60, seed=seed).values for seed in range(200)])
        for one, other in ((0, 1), (1, 2)):
            gap = runs[:, one] - runs[:, other]
            assert gap.std() > 0
            assert abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(gap))

    @permutation_ways
    def test_permutations_are_unbiased(self, way: Estimate) -> None:
        game = table(3, 5)
        runs = np.array([way(game, 2, seed=seed).values for seed in range(1000)])
        error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
        assert (np.abs(runs.mean(0) - enumeration.shapley(game.value, 5)) < 4 * error).all()


def _unknown(game: RatioGame, seed: int) -> bool:
    try:
        error = kernel_shapley(game, 24, seed=seed).std_error
    except SettingError:
        return False
    assert np.isnan(error).all() or np.isfinite(error).all()
    return bool(np.isnan(error).any())


class TestErrors:
    """Rates and standard errors, against the exact engine."""

    def error(self, way: Estimate, game: RatioGame, n: int, runs: int) -> float:
        truth = exact.shapley(game).values
        return float(np.sqrt(np.mean([(way(game, n, seed=seed).values - truth) ** 2 for seed in range(runs)])))

    @all_ways
    def test_errors_shrink_with_the_root_of_the_evaluations(self, way: Estimate) -> None:
        d, budgets = 30, [200 * 2**k for k in range(7)]
        # a permutation is d - 1 evaluations
        walked = {n: 2 * (n // (2 * (d - 1))) for n in budgets} if way in PERMUTATION_WAYS.values() else {}
        errors = [self.error(way, pooled(1, d), walked.get(n, n), 4) for n in budgets]
        # 4 runs of 30 units give each error to about 10 %: the slope over 6 doublings is good to 0.03
        slope = np.polyfit(np.log(budgets), np.log(errors), 1)[0]
        assert -0.65 < slope < -0.35

    @pytest.mark.parametrize(
        ("way", "n", "n_units", "spread"),
        [
            ("kernel", 300, 15, 1.0),
            ("kernel", 300, 15, 4.0),
            ("kernel", 800, 10, 1.0),  # of 1024 coalitions: the share not drawn is what counts
            ("leverage", 300, 15, 1.0),
            ("kernel, single", 300, 15, 4.0),
            ("permutations", 200, 15, 1.0),
            ("permutations", 200, 15, 4.0),
            ("permutations, single", 200, 15, 1.0),
            ("permutations, part of the reverse", 200, 15, 1.0),
        ],
    )
    def test_intervals_cover(self, way: str, n: int, n_units: int, spread: float) -> None:
        """95 % intervals hold the exact value in 93 to 97 % of 500 runs, all units pooled.

        The binomial error of the share is 0.25 % if 15 units erred independently and 1 % if all erred together.
        """
        game = pooled(2, n_units, spread)
        truth = exact.shapley(game).values
        runs = [(KERNEL_WAYS | PERMUTATION_WAYS)[way](game, n, seed=seed) for seed in range(500)]
        quantile = student.ppf(0.975, runs[0].degrees_of_freedom)
        covered = np.mean([np.abs(run.values - truth) < quantile * run.std_error for run in runs])
        assert 0.93 < covered < 0.97

    def test_few_samples_for_many_units_cover_too(self) -> None:
        """60 units from 75 pairs: without the leverages, errors would be stated as half of what they are."""
        game = pooled(3, 60)
        truth = exact.shapley(game).values
        runs = [kernel_shapley(game, 152, seed=seed) for seed in range(100)]
        assert runs[0].degrees_of_freedom == 16
        quantile = student.ppf(0.975, 16)
        assert 0.93 < np.mean([np.abs(run.values - truth) < quantile * run.std_error for run in runs]) < 0.97

    @pytest.mark.parametrize(("pairs", "single"), [("kernel", "kernel, single"), ("leverage", "leverage, single")])
    def test_complements_help(self, pairs: str, single: str) -> None:
        game = pooled(4, 20)
        assert self.error(KERNEL_WAYS[pairs], game, 500, 20) < 0.5 * self.error(KERNEL_WAYS[single], game, 500, 20)

    def test_reverses_help(self) -> None:
        ways = permutation_shapley, PERMUTATION_WAYS["permutations, single"]
        paired, single = (self.error(way, pooled(4, 20), 40, 20) for way in ways)
        assert paired < 0.5 * single

    def test_nothing_is_known_of_the_error_of_one_permutation(self) -> None:
        for way, n in ((permutation_shapley, 2), (PERMUTATION_WAYS["permutations, single"], 1)):
            result = way(pooled(0, 4), n)
            assert np.isnan(result.std_error).all()
            assert result.degrees_of_freedom == 0

    def test_nothing_is_known_of_the_error_where_the_fit_follows_a_coalition(self) -> None:
        """With 11 pairs for 10 units some rows alone decide on a coefficient: they leave no residual to judge by."""
        unknown = [_unknown(pooled(0, 10), seed) for seed in range(40)]
        assert 0 < sum(unknown) < 40


class TestDraws:
    @kernel_ways
    @given(seed=st.integers(0, 10**6), n_units=st.integers(2, 12), n=st.integers(10, 300))
    @settings(deadline=None, max_examples=10)
    def test_every_coalition_once_and_never_over_budget(self, way: Estimate, seed: int, n_units: int, n: int) -> None:
        game = table(seed, n_units)
        result = estimate_or_assume(way, game, max(n, min(1 << n_units, 2 * n_units + 2)), seed)
        masks = np.concatenate(game.calls)
        assert len(np.unique(masks, axis=0)) == len(masks) == result.n_evaluations
        assert min(n, 1 << n_units) - 1 <= len(masks) <= max(n + n % 2, 2 * n_units + 2)
        if way in (kernel_shapley, KERNEL_WAYS["leverage"]):
            seen = {row.tobytes() for row in masks}
            assert all((~row).tobytes() in seen for row in masks)

    def test_tells_when_the_coalitions_do_not_tell_the_units_apart(self) -> None:
        game, truth = polynomial(0, 10, 1)
        refused = []
        for seed in range(40):
            game.calls.clear()
            try:
                result = kernel_shapley(game, 22, seed=seed)
            except SettingError:
                assert not game.calls  # nothing was spent
                refused.append(seed)
            else:
                assert np.abs(result.values - truth).max() < 1e-8  # barely told apart: ill-conditioned
        assert 0 < len(refused) < 40
        for seed in refused:
            with pytest.raises(SettingError, match="cannot tell 10 units apart: give n_samples of at least") as error:
                kernel_shapley(game, 22, seed=seed)
            enough = int(str(error.value).rpartition(" ")[2])
            assert enough <= 44
            assert np.abs(kernel_shapley(game, enough, seed=seed).values - truth).max() < 1e-8


class TestCalls:
    @all_ways
    def test_same_seed_same_bits_and_no_one_elses_randomness(self, way: Estimate) -> None:
        game = pooled(5, 12)
        before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
        first, second, other = (way(game, 100, seed=seed) for seed in (7, 7, 8))
        assert np.array_equal(first.values, second.values)
        assert np.array_equal(first.std_error, second.std_error)
        assert not np.array_equal(first.values, other.values)
        assert np.array_equal(before, np.random.get_state()[1])
        assert torch.equal(torch_before, torch.get_rng_state())

    # a permutation of 7 units takes 6 evaluations, at each end of its reverse 0.4 * 6 / 2 make 2
    @pytest.mark.parametrize(
        ("way", "each"), [*zip(PERMUTATION_WAYS.values(), (6, 6, (6 + 4) / 2), strict=True)], ids=PERMUTATION_WAYS
    )
    def test_memory_is_bounded_and_blocks_do_not_matter(
        self, way: Estimate, each: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        game, whole = table(1, 7), way(table(1, 7), 50, seed=2)
        monkeypatch.setattr(permutations, "_CELLS", 21)
        blocks = way(game, 50, seed=2)
        assert max(masks.size for masks in game.calls) <= 21
        assert sum(map(len, game.calls)) == whole.n_evaluations == 2 + 50 * each
        # the same permutations; sums in another order
        assert blocks.values == pytest.approx(whole.values, abs=1e-13)
        assert blocks.std_error == pytest.approx(whole.std_error, abs=1e-13)

    @permutation_ways
    def test_memory_does_not_grow_with_the_permutations(self, way: Estimate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(permutations, "_CELLS", 1 << 12)
        game, peaks = pooled(0, 8), []
        for n in (200, 10_000):
            way(game, n)
            tracemalloc.start()
            way(game, n)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.2 * peaks[0]  # all at once they would be some 50 times as large

    @pytest.mark.parametrize(
        ("call", "named"),
        [
            (lambda: permutation_shapley(pooled(0, 3), 3), "even, got 3"),
            (lambda: permutation_shapley(pooled(0, 3), 3, antithetic=0.25), "even, got 3"),
            (lambda: permutation_shapley(pooled(0, 3), 2, antithetic=-0.1), "share between 0 and 1, got -0.1"),
            (lambda: permutation_shapley(pooled(0, 3), 2, antithetic=np.nan), "share between 0 and 1, got nan"),
            (lambda: kernel_shapley(pooled(0, 3), 100, sampling="none"), "unknown sampling"),
            (lambda: kernel_shapley(pooled(0, 20), 41), "41 samples cannot tell 20 units apart: .* at least 42"),
            (lambda: kernel_shapley(pooled(0, 2), 3), "at least 4"),
        ],
    )
    def test_refuses(self, call: Callable[[], object], named: str) -> None:
        with pytest.raises(SettingError, match=named):
            call()

    @all_ways
    def test_refuses_several_outputs(self, way: Estimate) -> None:
        two = Terms(np.zeros((1, 3)), np.ones((1, 3, 2)))
        game = RatioGame(two, Terms.none(1, 3), Terms(np.zeros(1), np.zeros((1, 2))))
        with pytest.raises(SettingError, match="one output at a time"):
            way(game, 10)
