"""The SLALOM surrogate on arrays: recovery of known models, hand-computed fidelity, laws, what is refused."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games.exact.ratio_games import make_game
from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.surrogate import slalom, softmax_fit
from heedful.games.surrogate.softmax_fit import Sample, best_fit

relaxed = settings(deadline=None, max_examples=12)


class Recorded:
    """Any function of masks as a game that remembers what it was asked."""

    def __init__(self, n_units: int, function) -> None:
        self.n_units, self.n_forward, self._function, self.masks = n_units, 0, function, np.zeros((0, n_units), bool)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.masks = np.concatenate([self.masks, masks])
        return np.asarray(self._function(masks), dtype=np.float64)


def known(seed: int, units: int, fixed: bool, spread: float = 1.0) -> tuple[RatioGame, np.ndarray, np.ndarray]:
    """A SLALOM game, the shares of its terms in the whole text, and their values; the fixed term last, if any."""
    rng = np.random.default_rng(seed)
    s, v = spread * rng.normal(size=units + fixed), rng.normal(3.0, 2.0, size=units + fixed)
    stays = Terms(s[units:], v[units:]) if fixed else Terms.none(1)
    game = RatioGame(Terms(s[None, :units], v[None, :units]), Terms.none(1, units), stays, None if fixed else 0.3)
    return game, np.exp(s) / np.exp(s).sum(), v


def tanh_game(units: int, seed: int = 0) -> Recorded:
    """No SLALOM game."""
    weights = np.random.default_rng(seed).normal(size=units)
    return Recorded(units, lambda masks: np.tanh(masks @ weights))


@given(st.integers(0, 10**6), st.integers(3, 30), st.booleans(), st.sampled_from([0.5, 1.0]))
@relaxed
def test_a_slalom_game_is_recovered_and_so_are_its_exact_values(
    seed: int, units: int, fixed: bool, spread: float
) -> None:
    game, share, value = known(seed, units, fixed, spread)
    found = slalom.fit(game, 400, fixed=fixed, seed=seed)
    shares, values = found.share, found.value
    if fixed:
        shares, values = np.append(shares, math.exp(found.fixed_importance)), np.append(values, found.fixed_value)
    assert np.allclose(shares, share, rtol=1e-6, atol=0)
    assert np.allclose(values, value, rtol=1e-6, atol=1e-6)
    assert found.fidelity == pytest.approx(1.0, abs=1e-12)
    assert found.empty == pytest.approx(value[-1] if fixed else 0.3, abs=1e-6)
    for of in (exact.shapley, exact.lime):
        # values of size 2, recovered to some 1e-10 and integrated to 1e-9
        assert of(found.game).values == pytest.approx(of(game).values, abs=1e-8)


def test_what_replacements_weigh_goes_to_the_fixed_term() -> None:
    """D = D0 + sum b + sum over kept (a - b), N likewise: exact while every unit outweighs its replacement."""
    rng = np.random.default_rng(5)
    b, gain = rng.uniform(0.5, 2, 8), rng.uniform(0.5, 3, 8)
    v, w = rng.normal(size=(2, 8))
    game = RatioGame(Terms(np.log(b + gain)[None], v[None]), Terms(np.log(b)[None], w[None]), Terms(np.zeros(1), v[:1]))
    found = slalom.fit(game)
    total = 1 + (b + gain).sum()
    assert found.share == pytest.approx(gain / total, rel=1e-6)
    assert found.value == pytest.approx(((b + gain) * v - b * w) / gain, abs=1e-6)
    assert exact.shapley(found.game).values == pytest.approx(exact.shapley(game).values, abs=1e-9)


def test_an_additive_game_is_the_limit_of_light_units() -> None:
    weights = np.random.default_rng(2).normal(size=15)
    found = slalom.fit(Recorded(15, lambda masks: masks @ weights + 3))
    # 1e-9 of weight makes values of 1e9: a product of the two is good to 1e-7
    assert exact.shapley(found.game).values == pytest.approx(weights, abs=1e-6)
    assert found.fidelity == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("units", [1, 6, 15])
@pytest.mark.parametrize("constant", [0.0, 2.5, -1e-200])
def test_a_constant_game_has_a_constant_surrogate(units: int, constant: float) -> None:
    found = slalom.fit(Recorded(units, lambda masks: np.full(len(masks), constant)), 200)
    assert found.fidelity == 1.0
    assert found.value == pytest.approx(np.full(units, constant), abs=1e-12)


def test_a_single_unit_leaves_nothing_open() -> None:
    for fixed in (True, False):
        found = slalom.fit(Recorded(1, lambda masks: np.where(masks[:, 0], 2.0, -1.0)), fixed=fixed)
        assert exact.shapley(found.game).values == pytest.approx([3.0])
        assert (found.fidelity, found.n_held_out, found.n_evaluations) == (pytest.approx(1.0), 0, 2)


@given(st.integers(0, 10**6), st.integers(20, 60), st.booleans(), st.sampled_from([1e-1, 1e-3, 1e-5]))
@relaxed
def test_an_equation_a_row_or_an_equation_a_term_give_the_same_fit(
    seed: int, units: int, fixed: bool, ridge: float
) -> None:
    game, _, _ = known(seed, units, fixed)
    masks = np.random.default_rng(seed).random((units, units)) < 0.5
    masks[:, 0] = True
    sample = Sample(masks, game(masks), np.ones(units))
    start, found = np.random.default_rng(seed).normal(size=units + fixed), []
    for few_rows in (True, False):
        problem = softmax_fit._Problem(sample, fixed)
        problem._few_rows = few_rows
        point = problem.at(start, ridge)
        found.append([point.numerator, *map(problem._derivatives(point)[1], (1e-6, 1e-2, 10.0))])
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-7 * np.abs(other).max())


def test_a_long_text_needs_no_matrix_of_units_by_units() -> None:
    game, _, _ = known(0, 3000, True, 0.3)
    sample_of = slalom.draw(3000, 60, "mixed", np.random.default_rng(0))
    values = game(sample_of)
    tracemalloc.start()
    try:
        best_fit(Sample(sample_of, values, np.ones(60)), None, fixed=True)
        assert tracemalloc.get_traced_memory()[1] < 8 * 3000 * 3000 / 2
    finally:
        tracemalloc.stop()


class TestFidelity:
    @pytest.mark.parametrize("fixed", [True, False])
    def test_is_the_share_explained_of_masks_not_seen(self, fixed: bool) -> None:
        game = tanh_game(14)
        found = slalom.fit(game, 500, fixed=fixed)
        asked, held = game.masks[: -found.n_held_out], game.masks[-found.n_held_out :]
        assert 50 < found.n_held_out <= 100
        assert not {row.tobytes() for row in held} & {row.tobytes() for row in asked}
        assert set(held.sum(1).tolist()) >= set(range(3, 12))
        true = game(held)
        missed = ((true - found.game(held)) ** 2).sum() / ((true - true.mean()) ** 2).sum()
        assert found.fidelity == pytest.approx(1 - missed, abs=1e-12)
        assert 0.3 < found.fidelity < 0.99

    def test_is_over_all_masks_with_sizes_alike_where_all_are_evaluated(self) -> None:
        game = tanh_game(7)
        found = slalom.fit(game, 128)
        assert (len(game.masks), found.n_held_out, found.n_evaluations) == (128, 0, 128)
        weight = np.array([1 / math.comb(7, k) for k in game.masks.sum(1).tolist()])
        true = game(game.masks)
        missed, mean = true[:128] - found.game(game.masks[:128]), weight @ true / weight.sum()
        assert found.fidelity == pytest.approx(1 - weight @ missed**2 / (weight @ (true - mean) ** 2), abs=1e-12)

    def test_a_surrogate_no_better_than_a_constant_is_refused(self) -> None:
        """Whether an even or an odd number of words is left tells nothing about any one of them."""
        parity = Recorded(12, lambda masks: masks.sum(1) % 2)
        with pytest.raises(SettingError, match=r"no better than a constant \(R2 -0\.\d.*masks\).*use permutation-shap"):
            slalom.fit(parity, 200)

    def test_many_units_and_few_masks_need_the_ridge(self) -> None:
        """Twice as many parameters as masks fitted: a fit without ridge is of no use on others."""
        found = slalom.fit(tanh_game(60), 150)
        assert found.ridge > 0
        assert found.fidelity > 0.1


@given(st.integers(0, 10**6), st.booleans(), st.floats(0.1, 100), st.floats(-50, 50))
@relaxed
def test_scale_and_offset_of_the_output_go_to_the_values(seed: int, fixed: bool, scale: float, offset: float) -> None:
    """Two heads, so that the fit has something to miss."""
    game = make_game(seed % 1000, 6, 2, 1.0, "ignore" if fixed else "nothing left")
    try:
        plain = slalom.fit(game, fixed=fixed)
    except SettingError:
        return  # no better than a constant
    moved = slalom.fit(Recorded(6, lambda masks: scale * game(masks) + offset), fixed=fixed)
    # descents of rounded copies may stop at different steps, within 1e-9 of the loss: 1e-4 of its arguments
    assert moved.fidelity == pytest.approx(plain.fidelity, abs=1e-6)
    masks = np.eye(6, dtype=bool)
    spread = np.std(game(masks)) + 1e-9
    assert (moved.game(masks) - offset) / scale == pytest.approx(plain.game(masks), abs=1e-3 * spread)


def test_equal_seeds_give_equal_bits_and_global_randomness_is_left_alone() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    one, same, other = (slalom.fit(tanh_game(20), 200, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.importance, same.importance)
    assert np.array_equal(one.value, same.value)
    assert not np.array_equal(one.value, other.value)
    assert np.array_equal(before, np.random.get_state()[1])


def test_scores_by_hand() -> None:
    kept = Terms(np.log([[1.0, 3.0, 4.0]]), np.array([[2.0, -2.0, 0.5]]))
    found = slalom.fit(RatioGame(kept, Terms.none(1, 3), Terms(np.log([2.0]), np.ones(1))))
    # weights 1, 3, 4 and 2: the whole text is worth (2 - 6 + 2 + 2) / 10 = 0
    assert found.linear == pytest.approx([0.2, -0.6, 0.2], abs=1e-9)
    assert found.base == pytest.approx(0.2, abs=1e-9)
    assert found.removal == pytest.approx([0 + 2 / 9, 0 - 6 / 7, 0 + 2 / 6], abs=1e-9)
    plain = slalom.fit(RatioGame(kept, Terms.none(1, 3), Terms.none(1), empty=9.0), fixed=False)
    assert plain.base == 0.0
    assert plain.linear.sum() == pytest.approx(-2 / 8, abs=1e-9)
    assert plain.game(np.zeros((1, 3), dtype=bool)) == pytest.approx([9.0])


class TestMasks:
    @pytest.mark.parametrize(
        ("sampling", "least", "most"), [("short", 1, 3), ("deletions", 15, 19), ("sizes", 1, 19), ("mixed", 1, 19)]
    )
    def test_sizes(self, sampling: str, least: int, most: int) -> None:
        kept = slalom.draw(20, 400, sampling, np.random.default_rng(0)).sum(1)
        assert (len(kept), kept.min(), kept.max()) == (400, least, most)
        assert set(kept.tolist()) == set(range(least, most + 1))

    def test_short_texts_and_deletions_are_a_quarter_each_of_mixed_ones(self) -> None:
        kept = slalom.draw(40, 400, "mixed", np.random.default_rng(0)).sum(1)
        # beside them, 200 of sizes 1 to 39: 15.4 and 25.6 are expected to be as short or as long, deviation below 5
        assert 100 < (kept <= 3).sum() < 135
        assert 100 < (kept >= 35).sum() < 145

    @pytest.mark.parametrize("d", [6, 50, 150])
    def test_every_unit_comes_alone_if_half_of_the_masks_allow(self, d: int) -> None:
        masks = slalom.draw(d, 300, "mixed", np.random.default_rng(0))
        assert masks[masks.sum(1) == 1].any(0).all()
        if d < 75:
            assert (~masks[masks.sum(1) == d - 1]).any(0).all()

    def test_the_budget_is_kept_and_both_ends_are_in(self) -> None:
        game = tanh_game(20)
        found = slalom.fit(game, 100)
        assert 80 < len(game.masks) == found.n_evaluations <= 102
        assert not game.masks[0].any()
        assert game.masks[1].all()


class TestLeastSquares:
    @pytest.mark.parametrize("fixed", [True, False])
    @pytest.mark.parametrize("ridge", [0.0, 1e-2, 1.0])
    def test_no_neighbour_is_better(self, monkeypatch: pytest.MonkeyPatch, fixed: bool, ridge: float) -> None:
        """Weighted, on data that no such game has; the minimum is a local one, so small steps."""
        monkeypatch.setattr(softmax_fit, "RIDGES", (ridge,))
        rng = np.random.default_rng(1)
        masks = rng.random((300, 5)) < 0.5
        masks = masks[masks.any(1)]
        values = np.tanh(masks @ rng.normal(size=5)) + 0.3 * rng.normal(size=len(masks))
        weights = rng.uniform(0.1, 2, len(masks))
        sample = Sample(masks, values, weights)
        found = best_fit(sample, None, fixed)
        s, v = found.importance, found.value
        if fixed:
            s, v = np.append(s, found.fixed_importance), np.append(v, found.fixed_value)
        terms = np.column_stack([masks, np.ones(len(masks))])[:, : len(s)]

        def loss(s: np.ndarray, v: np.ndarray) -> float:
            weight = terms * np.exp(s)
            missed = weights @ (values - weight @ v / weight.sum(1)) ** 2 / weights.sum() / sample.spread**2
            numerator = np.exp(s) / np.exp(s).sum() * (v - sample.level) / sample.spread
            return missed + ridge * (len(s) * numerator @ numerator + ((s - s.mean()) ** 2).sum())

        least = loss(s, v)
        for _ in range(200):
            ds, dv = 1e-3 * rng.normal(size=(2, len(s)))
            for step in ((ds, 0 * dv), (0 * ds, dv), (ds, dv)):
                # the descent stops when a step gains 1e-9 of the loss
                assert loss(s + step[0], v + step[1]) > least * (1 - 1e-8)

    def test_validation_chooses_the_ridge(self) -> None:
        rng = np.random.default_rng(3)
        masks = rng.random((80, 30)) < 0.5
        values = masks @ rng.normal(size=30) + rng.normal(size=80)
        first, second = (Sample(masks[rows], values[rows], np.ones(40)) for rows in (slice(40), slice(40, None)))
        assert best_fit(first, second, True).ridge > best_fit(first, first, True).ridge  # on masks fitted, none is best

    def test_validation_is_fitted_too_in_the_end(self) -> None:
        """Eight masks cannot tell the weights and values of six units; the others can."""
        game, _, value = known(4, 6, fixed=False)
        masks = slalom.draw(6, 60, "mixed", np.random.default_rng(0))
        few, rest = (Sample(some, game(some), np.ones(len(some))) for some in (masks[-8:], masks[:-8]))
        assert np.abs(best_fit(few, None, False).value - value).max() > 1
        assert best_fit(few, rest, False).value == pytest.approx(value, abs=1e-6)

    def test_numbers_of_any_size(self) -> None:
        game, _, value = known(0, 6, fixed=True)
        for scale in (1e-200, 1e200):
            found = slalom.fit(Recorded(6, lambda masks, scale=scale: scale * game(masks)))
            assert found.value / scale == pytest.approx(value[:6], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 49}, "at least 50, got 49"),
        ({"sampling": "long"}, "unknown sampling 'long': use one of mixed, short"),
    ],
)
def test_settings_out_of_range(arguments: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        slalom.fit(tanh_game(8), **arguments)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_values_that_are_not_finite(broken: float) -> None:
    with pytest.raises(SettingError, match="NaN or infinite"):
        slalom.fit(Recorded(4, lambda masks: np.where(masks.sum(1) == 2, broken, 1.0)))


def test_too_few_masks_to_measure_on() -> None:
    """62 masks but for the ends: 30 draws hit some half of them, so that of the last 10 draws some 5 are new."""
    with pytest.raises(SettingError, match="50 masks leave too few to measure the surrogate on: raise n_samples"):
        slalom.fit(tanh_game(6), 50)
