"""The three approximations and what they claim to miss: exponential sums, mixtures of binomials, Gauss-Legendre."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ratio_games import make_game, recipes

from heedful.errors import PrecisionError
from heedful.games import exact
from heedful.games.exact import compiled, rules
from heedful.games.exact.bounds import first_scale
from heedful.games.exact.laplace import exponential_sum
from heedful.games.exact.lime import weights
from heedful.games.exact.prepared import prepare
from heedful.games.exact.rules import Allowance
from heedful.games.exact.sizes import Beta, density_sizes, mixture
from heedful.games.exact.tables import all_nodes, split, tables

relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call


class TestExponentialSum:
    @pytest.mark.parametrize("decades", [0.0, 1.0, 25.0, 200.0])
    @pytest.mark.parametrize("target", [1e-4, 1e-8, 1e-12])
    def test_error_slope_and_curve_stay_below_their_bounds(self, target: float, decades: float) -> None:
        recipe = exponential_sum(target)
        low, high = -3.0, -3.0 + decades * math.log(10)
        log_u, share = recipe.nodes(low, high)
        z = np.exp(np.minimum(log_u[:, None] + np.linspace(low, high, 3001), 10.0))  # exp(-exp(10)) is 0
        error = share @ (z * np.exp(-z)) - 1
        slope = share @ (z * (1 - z) * np.exp(-z))
        curve = share @ (z * (1 - 3 * z + z**2) * np.exp(-z))
        # sums of some hundred terms of size 1 round at 1e-14
        assert np.abs(error).max() <= recipe.relative + 1e-14
        assert np.abs(slope).max() <= recipe.slope + 1e-13 <= target + 1e-13
        assert np.abs(curve).max() <= recipe.curve + 1e-12

    def test_the_bound_is_not_idle(self) -> None:
        recipe = exponential_sum(1e-4)
        log_u, share = recipe.nodes(0.0, 30.0)
        z = np.exp(log_u[:, None] + np.linspace(0.0, 30.0, 3001))
        assert np.abs(share @ (z * np.exp(-z)) - 1).max() > 0.3 * recipe.relative

    def test_nodes_grow_with_the_range_and_the_digits_only(self) -> None:
        few, many, precise = (
            len(exponential_sum(target).nodes(0.0, range_)[0])
            for target, range_ in ((1e-9, 5.0), (1e-9, 60.0), (1e-13, 60.0))
        )
        assert few < 50 < many < precise < 300


class TestSizes:
    def test_binomials(self) -> None:
        p = np.array([1e-6, 0.3, 0.5, 1 - 1e-6])
        table = compiled.binomial(40, p)
        expected = [[math.comb(40, k) * q**k * (1 - q) ** (40 - k) for q in p] for k in range(41)]
        assert table == pytest.approx(np.array(expected), rel=1e-13, abs=1e-300)

    @pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 5), (0.5, 0.5), (30, 0.1), (1e4, 2e4)])
    def test_beta_binomial(self, a: float, b: float) -> None:
        found = Beta(a, b).sizes(12)
        beta = partial(lambda x, y: math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y))
        expected = [math.comb(12, k) * math.exp(beta(k + a, 12 - k + b) - beta(a, b)) for k in range(13)]
        assert found == pytest.approx(expected, rel=1e-10)  # the gamma functions of 1e4 lose digits, the ratios do not
        assert found.sum() == pytest.approx(1, abs=1e-15)

    def test_a_density_gives_the_sizes_of_its_beta(self) -> None:
        found, error = density_sizes(lambda p: 30 * p * (1 - p) ** 4, 50)
        assert found == pytest.approx(Beta(2, 5).sizes(50), abs=1e-14)
        assert error < 1e-12

    def test_a_peak_that_no_panel_sees_is_in_the_bound(self) -> None:
        def density(p: np.ndarray) -> np.ndarray:
            peak = np.exp(-0.5 * ((p - 0.3337) / 1e-5) ** 2) / (1e-5 * math.sqrt(2 * math.pi))
            return (1 - 9e-7) + 9e-7 * peak

        found, error = density_sizes(density, 5)
        true = (1 - 9e-7) / 6 + 9e-7 * np.array([math.comb(5, k) * 0.3337**k * 0.6663 ** (5 - k) for k in range(6)])
        assert 1e-8 < np.abs(found - true).sum() <= error

    def test_a_density_with_a_pole_is_too_rough(self) -> None:
        with pytest.raises(PrecisionError, match="rough"):
            density_sizes(lambda p: 0.5 * p**-0.5, 5)

    @pytest.mark.parametrize("n", [0, 1, 2, 10, 119, 1000])
    @pytest.mark.parametrize("beta", [Beta(1, 1), Beta(4, 1), Beta(0.5, 2)])
    def test_mixtures_reproduce_beta_binomials(self, beta: Beta, n: int) -> None:
        sizes = beta.sizes(n)[:, None]
        found = mixture(sizes, 1e-12)
        difference = np.abs(compiled.binomial(n, found.p) @ found.weight - sizes).sum()
        assert difference <= found.missed[0] <= 1e-12
        assert len(found.p) <= 10 * math.sqrt(n) + 20
        assert found.total[0] < 2  # no cancellation

    @pytest.mark.parametrize("width", [0.1, 0.25, math.inf])
    @pytest.mark.parametrize("d", [1, 2, 3, 30, 250])
    def test_mixtures_reproduce_the_weights_of_lime(self, d: int, width: float) -> None:
        if d == 2 and width == 0.1:
            width = 0.15  # one size has all the weight but 1e-20
        sizes = weights(d, width).sizes[:, : min(d, 2)]
        found = mixture(sizes, 1e-12, ends=True)
        rebuilt = compiled.binomial(d, found.p) @ found.weight
        rebuilt[[0, -1]] += found.ends
        assert (np.abs(rebuilt - sizes).sum(0) <= found.missed).all()
        assert (found.missed <= 1e-12 * np.abs(sizes).sum(0)).all()

    def test_a_mixture_too_small_says_what_it_misses(self) -> None:
        jagged = np.zeros((41, 1))
        jagged[::2] = 1 / 21  # every other size: no mixture of binomials of moderate weights comes near
        found = mixture(jagged, 1e-12)
        rebuilt = compiled.binomial(40, found.p) @ found.weight
        assert 1e-12 < np.abs(rebuilt - jagged).sum() <= found.missed[0]


class TestRules:
    @given(recipes, st.sampled_from([1e-3, 1e-6, 1e-10]), st.integers(1, 60))
    @relaxed
    def test_gauss_legendre_misses_no_more_than_it_says(
        self, recipe: dict[str, object], share: float, units: int
    ) -> None:
        game = prepare(make_game(**(recipe | {"units": units})))  # type: ignore[arg-type]
        allow = Allowance(first_scale(game), first_scale(game), share)
        for part in split(all_nodes(game, exponential_sum(1e-10)), game):
            block = tables(game, part)
            rule = rules.uniform(block, allow)
            slope, _ = compiled.marginals(block.arrays, rule.arrays, 1)
            expected, _ = compiled.marginals(block.arrays, complete(units, len(part)), 1)
            error = np.abs(slope - expected).max((1, 2))
            assert (error <= rule.missed + 1e-13).all()
            assert (rule.missed <= 1.2 * share * len(part) * allow.difference + 1e-300).all()

    def test_fewer_nodes_suffice_for_less(self) -> None:
        game = prepare(make_game(1, 100, 2, 3.0))
        block = tables(game, all_nodes(game, exponential_sum(1e-10))[:100])
        counts = [
            rules.uniform(block, Allowance(first_scale(game), first_scale(game), share)).points
            for share in (1e-4, 1e-9, 1e-14)
        ]
        assert counts[0] < counts[1] < counts[2] < 50 * 100

    def test_the_bound_is_not_idle(self) -> None:
        game = prepare(make_game(1, 100, 2, 3.0))
        block = tables(game, all_nodes(game, exponential_sum(1e-10))[:100])
        rule = rules.uniform(block, Allowance(first_scale(game), first_scale(game), 1e-3))
        expected, _ = compiled.marginals(block.arrays, complete(100, 100), 1)
        error = np.abs(compiled.marginals(block.arrays, rule.arrays, 1)[0] - expected).max()
        assert 1e-9 < error <= rule.missed.max()

    @given(recipes)
    @relaxed
    def test_leaving_out_negligible_products_misses_no_more_than_it_says(self, recipe: dict[str, object]) -> None:
        game = prepare(make_game(**(recipe | {"units": 40})))  # type: ignore[arg-type]
        x, weight = np.polynomial.legendre.leggauss(25)
        chances = rules.Chances(0.5 + 0.5 * x, 0.5 * weight)
        allow = Allowance(first_scale(game), game.bounds.swing.mean(0), 1e-5)
        everything = replace(allow, share=1e-300)
        for part in split(all_nodes(game, exponential_sum(1e-10)), game):
            block = tables(game, part)
            some, all_ = rules.mixed(block, allow, chances), rules.mixed(block, everything, chances)
            slopes, means = zip(
                *(compiled.marginals(block.arrays, rule.arrays, 1) for rule in (some, all_)), strict=True
            )
            assert (np.abs(slopes[0] - slopes[1]).max((1, 2)) <= some.missed + 1e-14).all()
            of_means = rules.support(block, allow)[2] @ block.mass
            assert (np.abs(means[0] - means[1]).max(1) <= of_means + 1e-14).all()

    @given(recipes)
    @relaxed
    def test_chances_by_themselves_are_parts_of_the_whole(self, recipe: dict[str, object]) -> None:
        game = prepare(make_game(**(recipe | {"units": 20})))  # type: ignore[arg-type]
        chances = rules.Chances(np.array([0.1, 0.3, 0.4, 0.9]), np.array([1.0, -2.0, 0.5, 3.0]))
        block = tables(game, all_nodes(game, exponential_sum(1e-6)))
        rule = rules.mixed(block, Allowance(first_scale(game), game.bounds.swing.mean(0), 1e-5), chances)
        whole, means = compiled.marginals(block.arrays, rule.arrays, 1)
        parts = [compiled.marginals(block.arrays, rule.part(some), 2) for some in (slice(0, 2), slice(2, 4))]
        rows = np.concatenate([rows for rows, _ in parts], axis=1)
        assert np.einsum("i,cij->cj", chances.weight, rows) == pytest.approx(whole[:, 0], rel=1e-12, abs=1e-13)
        assert (np.concatenate([mean for _, mean in parts], axis=1) == means).all()


@pytest.mark.parametrize(
    ("rule", "method"),
    [
        ("uniform", exact.shapley),
        ("uniform", exact.shapley_interactions),
        ("mixed", exact.banzhaf),
        ("mixed", exact.banzhaf_interactions),
        ("mixed", partial(exact.semivalue, density=Beta(2, 3))),
        ("mixed", exact.lime),
    ],
)
def test_what_rules_miss_is_part_of_the_bound(
    rule: str, method: partial[exact.Semivalue], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(rules, rule)

    def worse(*args: object, **kwargs: object) -> rules.Rule:
        found = right(*args, **kwargs)
        return replace(found, missed=found.missed + 1.0)

    monkeypatch.setattr(rules, rule, worse)
    assert method(make_game(), tolerance=1e6).error_bound > 0.9


def complete(units: int, nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The Gauss-Legendre rule that is exact for polynomials of degree units - 1, at every node."""
    x, weight = np.polynomial.legendre.leggauss((units + 1) // 2)
    p, weight = (np.repeat(row[None], nodes, axis=0) for row in (0.5 + 0.5 * x, 0.5 * weight))
    return p, weight, np.zeros(nodes, np.int64), np.full(nodes, len(x))
