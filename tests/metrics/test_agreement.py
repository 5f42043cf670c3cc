import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.errors import InputError, SettingError
from heedful.explanation import Comparison, Explanation
from heedful.metrics import kendall_tau_b, pairwise, sign_agreement, spearman, top_k_overlap

MEASURES = ["kendall", "spearman", "top5", "sign"]
# Few distinct values, so that ties are the rule; two kinds of zero and infinities included.
VALUES = st.sampled_from([-math.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, math.inf])
VECTORS = st.integers(0, 12).flatmap(
    lambda n: st.tuples(st.lists(VALUES, min_size=n, max_size=n), st.permutations(range(n)))
)
PAIRS = st.integers(1, 12).flatmap(lambda n: st.tuples(*[st.lists(VALUES, min_size=n, max_size=n)] * 2))


def array(values):
    return np.array(values, dtype=np.float64)


def explanation(scores, signed=True, method="lime"):
    units = tuple(f"w{j}" for j in range(len(scores)))
    text = " ".join(units)
    starts = [text.index(unit) for unit in units]
    return Explanation(
        text=text,
        units=units,
        spans=tuple(((start, start + len(unit)),) for start, unit in zip(starts, units, strict=True)),
        scores=array(scores),
        target=1,
        target_name="positive",
        output="logit",
        prediction=0.5,
        base_value=None,
        method=method,
        settings={},
        signed=signed,
        additive=False,
        unit="word",
        masking=None,
        std_error=None,
        error_bound=None,
        n_forward=1,
        seconds=0.0,
        seed=None,
        versions={},
        model="m",
    )


def tau_b_by_definition(a, b):
    """Kendall 1945, pair by pair."""
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    x = [(a[i] > a[j]) - (a[i] < a[j]) for i, j in pairs]
    y = [(b[i] > b[j]) - (b[i] < b[j]) for i, j in pairs]
    product = sum(p * q for p, q in zip(x, y, strict=True))
    untied = sum(map(abs, x)) * sum(map(abs, y))
    return product / math.sqrt(untied) if untied else math.nan


@pytest.mark.parametrize(
    ("a", "b", "tau"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4], [2, 1, 3, 4], 4 / 6),  # one of six pairs out of order
        ([1, 2, 2, 3], [1, 3, 2, 3], 4 / 5),  # five pairs untied in each, four of them in both, all concordant
        ([1, 1, 2, 2], [1, 2, 1, 2], 0.0),
        ([0, 0, 0], [1, 2, 3], math.nan),
        ([1], [1], math.nan),
        ([], [], math.nan),
        ([1, math.nan], [1, 2], math.nan),
    ],
)
def test_kendall_known_answers(a, b, tau):
    assert kendall_tau_b(array(a), array(b)) == pytest.approx(tau, abs=1e-15, nan_ok=True)


@given(PAIRS)
def test_kendall_is_its_definition(pair):
    a, b = pair
    # Both sides are one integer over one square root: equal but for its rounding.
    assert kendall_tau_b(array(a), array(b)) == pytest.approx(tau_b_by_definition(a, b), abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("levels", [3, 40, 10**9])
def test_rank_correlations_agree_with_scipy(levels):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(levels)
    a = rng.integers(0, levels, 1000).astype(float)
    b = a * rng.integers(0, 2, 1000) + rng.integers(0, levels, 1000)
    # scipy divides by two square roots in turn, and takes Pearson's correlation through other sums: a few roundings.
    assert kendall_tau_b(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-14)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "rho"),
    [
        ([1, 2, 3], [10, 20, 1000], 1.0),
        ([1, 2, 3, 4], [2, 1, 3, 4], 1 - 6 * 2 / (4 * 15)),  # 1 - 6 sum d^2 / (n (n^2 - 1))
        ([1, 1, 2], [1, 2, 3], math.sqrt(3) / 2),  # ranks 1.5, 1.5, 3
        ([2, 2], [1, 2], math.nan),
        ([1, math.nan], [1, 2], math.nan),
        ([], [], math.nan),
    ],
)
def test_spearman_known_answers(a, b, rho):
    assert spearman(array(a), array(b)) == pytest.approx(rho, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    ("a", "b", "k", "overlap"),
    [
        ([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], 3, 1 / 3),
        ([-5, 4, 0, 0], [5, -4, 1, 1], 2, 1.0),  # by absolute value
        ([1, 0, 0, 0], [1, 0, 0, 0], 2, 1.0),  # the three tied at the second place share it alike
        ([1, 0, 0], [0, 1, 0], 1, 0.0),
        ([1, 1, 0], [1, 0, 0], 1, 0.5),  # half a place for each of the two tied
        ([1, 2], [2, 1], 5, 1.0),
        ([math.nan, 1], [1, 1], 1, math.nan),
        ([], [], 1, math.nan),
    ],
)
def test_top_k_known_answers(a, b, k, overlap):
    assert top_k_overlap(array(a), array(b), k) == pytest.approx(overlap, abs=1e-15, nan_ok=True)


def test_top_k_refuses_none():
    with pytest.raises(SettingError, match="k >= 1"):
        top_k_overlap(np.ones(2), np.ones(2), 0)


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ([1, -1, 2], [3, -4, 5], 1.0),
        ([1, -1], [-1, 1], 0.0),
        ([1, -1, 0, 2], [1, 1, 7, 0], 0.5),  # the two units with a zero do not count
        ([0, 1], [1, 0], math.nan),
        ([math.nan, 1], [1, 1], math.nan),
    ],
)
def test_sign_known_answers(a, b, share):
    assert sign_agreement(array(a), array(b)) == pytest.approx(share, nan_ok=True)


@given(PAIRS)
def test_ranges_and_reflexivity(pair):
    a, b = map(array, pair)
    for measure, low in (
        (kendall_tau_b, -1),
        (spearman, -1),
        (sign_agreement, 0),
        (lambda x, y: top_k_overlap(x, y, 3), 0),
    ):
        value = measure(a, b)
        assert math.isnan(value) or low <= value <= 1
        assert value == pytest.approx(measure(b, a), abs=1e-15, nan_ok=True)
        assert measure(a, a) == pytest.approx(1, abs=1e-15) or math.isnan(measure(a, a))


@given(VECTORS, st.sampled_from(MEASURES))
def test_order_of_the_text_plays_no_part(drawn, measure):
    values, order = drawn
    one, other = array(values), array(values)[::-1].copy()
    before = pairwise([explanation(one), explanation(other)], measure)
    after = pairwise([explanation(one[list(order)]), explanation(other[list(order)])], measure)
    # Sums over ranks and memberships in another order: rounding only.
    np.testing.assert_allclose(before, after, atol=1e-14)


@given(PAIRS.filter(lambda pair: len(set(pair[0])) > 1 and len(set(pair[1])) > 1))
def test_negation_turns_rank_correlation_over(pair):
    a, b = map(array, pair)
    assert kendall_tau_b(a, -b) == pytest.approx(-kendall_tau_b(a, b), abs=1e-15)
    assert spearman(a, -b) == pytest.approx(-spearman(a, b), abs=1e-14)


def test_unsigned_methods_are_compared_by_absolute_scores():
    weights = explanation([3, 2, 1], signed=False, method="attention-mean")
    signed = explanation([-3, 2, -1])
    np.testing.assert_array_equal(pairwise([weights, signed]), np.ones((2, 2)))
    assert pairwise([explanation([3, 2, 1]), signed])[0, 1] == pytest.approx(-1 / 3)
    assert math.isnan(pairwise([weights, signed], "sign")[0, 1])


def test_signs_count_or_do_not_as_asked_for():
    weights = explanation([3, 2, 1], signed=False, method="attention-mean")
    signed = explanation([-3, 2, -1])
    for measure, with_signs, without in (("kendall", -1 / 3, 1), ("spearman", -0.5, 1), ("top1", 1, 1)):
        assert pairwise([weights, signed], measure, signed=True)[0, 1] == pytest.approx(with_signs)
        assert pairwise([weights, signed], measure, signed=False)[0, 1] == pytest.approx(without)
    assert pairwise([weights, signed], "sign", signed=True)[0, 1] == pytest.approx(1 / 3)
    assert math.isnan(pairwise([signed, signed], "sign", signed=False)[0, 1])


@given(PAIRS, st.booleans(), st.booleans(), st.sampled_from(MEASURES))
def test_by_default_signs_count_where_both_have_any(pair, one, other, measure):
    both = [explanation(pair[0], signed=one), explanation(pair[1], signed=other)]
    chosen = pairwise(both, measure, signed=one and other)
    np.testing.assert_array_equal(pairwise(both, measure), chosen)


@pytest.mark.parametrize("measure", MEASURES)
def test_diagonal_is_one_and_undefined_is_nan(measure):
    table = Comparison(explanations=(explanation([0, 0]), explanation([1, math.nan]))).agreement(measure)
    np.testing.assert_array_equal(table, [[1, math.nan], [math.nan, 1]])
    assert pairwise([], measure).shape == (0, 0)


def test_any_number_of_top_units():
    pair = [explanation([5, 4, 3, 2, 1]), explanation([1, 2, 3, 4, 5])]
    assert pairwise(pair, "top3")[0, 1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["pearson", "top0", "top", "top-1", "", "top" + "9" * 5_000, "top²"])
def test_unknown_measure_names_the_valid_ones(name):
    with pytest.raises(SettingError, match="kendall, spearman, top5, sign"):
        pairwise([], name)


def test_different_units_are_refused():
    with pytest.raises(InputError, match="numbers of units differ"):
        pairwise([explanation([1]), explanation([1, 2])])
