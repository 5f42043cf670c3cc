"""Figures of one text: known answers, laws, and the edges."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.auditing.figures import text_figures

NUMBERS = st.integers(-20, 20).map(float)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_every_figure_of_a_text_by_hand() -> None:
    """Sizes 4, 2, 1, 0.9: the last two differ by less than a tenth of 4; of the other five pairs one is reversed."""
    figures = text_figures(array(0.1, 0.4, 0.2, 0.1), array(4.0, -2.0, 1.0, -0.9))
    assert figures.ordered == pytest.approx((0 + 0 + 0.5 + 1 + 1) / 5)
    assert (figures.top_for, figures.top_against) == (0.0, 1.0)
    assert figures.mass_against == pytest.approx(0.5 / 0.8)
    assert (figures.words_for, figures.words_against) == (0.5, 0.5)
    assert math.isnan(figures.halves)


def test_the_bar_of_a_tenth() -> None:
    assert math.isnan(text_figures(array(1.0, 2.0), array(1.0, 0.95)).ordered)
    assert text_figures(array(1.0, 2.0), array(1.0, 0.85)).ordered == 0.0


words = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 9).map(float), min_size=n, max_size=n), st.lists(NUMBERS, min_size=n, max_size=n)
    )
)


@given(words)
def test_ordered_is_a_count_of_pairs(drawn: tuple[list[float], list[float]]) -> None:
    attention, effects = map(np.array, drawn)
    sizes = np.abs(effects)
    counted = [
        0.5 if attention[i] == attention[j] else float((attention[i] > attention[j]) == (sizes[i] > sizes[j]))
        for i, j in itertools.combinations(range(len(sizes)), 2)
        if abs(sizes[i] - sizes[j]) > 0.1 * sizes.max()
    ]
    ordered = text_figures(attention, effects).ordered
    if not sizes.any():
        assert math.isnan(ordered) if np.ptp(attention) == 0 else ordered == 0.5
    elif counted:
        assert ordered == pytest.approx(np.mean(counted))
    else:
        assert math.isnan(ordered)


@given(words, st.randoms(use_true_random=False))
def test_the_order_of_words_and_the_scales_say_nothing(drawn: tuple[list[float], list[float]], random: object) -> None:
    attention, effects = map(np.array, drawn)
    order = list(range(len(effects)))
    random.shuffle(order)
    one, other = text_figures(attention, effects), text_figures(attention[order] / 16, 8 * effects[order])
    np.testing.assert_allclose(list(vars(one).values()), list(vars(other).values()), rtol=1e-12)


@given(words)
def test_attention_turned_over_turns_the_order_over(drawn: tuple[list[float], list[float]]) -> None:
    attention, effects = map(np.array, drawn)
    one, other = (text_figures(scores, effects).ordered for scores in (attention, 10 - attention))
    assert math.isnan(one) == math.isnan(other)
    assert math.isnan(one) or one + other == pytest.approx(1.0)


def test_the_effects_themselves_are_in_order() -> None:
    effects = np.random.default_rng(0).normal(size=30)
    assert text_figures(np.abs(effects), effects).ordered == 1.0


def test_constant_attention_orders_nothing() -> None:
    figures = text_figures(np.full(4, 0.1 + 0.2) - array(0, 1e-16, 0, 0), array(3.0, -2.0, 1.0, 0.0))
    assert (figures.ordered, figures.tau_sizes, figures.tau_effects) == (0.5, 0.0, 0.0)
    assert (figures.top_for, figures.top_against) == (0.5, 0.25)


def test_a_model_that_does_not_react() -> None:
    rounding = array(1e-15, -1e-15, 0.0)
    figures = text_figures(array(0.3, 0.2, 0.1), rounding, output=2.0)
    assert (figures.ordered, figures.top_for, figures.mass_against, figures.tau_sizes) == (0.5, 0.0, 0.0, 0.0)
    assert all(map(math.isnan, vars(text_figures(np.full(3, 0.2), rounding, output=2.0)).values()))


def test_one_word() -> None:
    figures = text_figures(array(0.4), array(2.0))
    assert (figures.top_for, figures.mass_against) == (1.0, 0.0)
    assert math.isnan(figures.ordered)
    assert math.isnan(figures.tau_sizes)


def test_halves_of_a_sampled_reference() -> None:
    """Sizes 1 2 3 and 1 3 2.9: the second has two noticeable pairs, both alike; the first three, one of them not."""
    halves = (array(1.0, -2.0, 3.0), array(-1.0, 3.0, 2.9))
    figures = text_figures(array(1.0, 2.0, 3.0), array(0.0, 0.5, 2.95), halves=halves)
    assert figures.halves == pytest.approx((1 + 2 / 3) / 2)


def test_what_lies_within_the_certified_error_is_no_effect() -> None:
    figures = text_figures(array(0.5, 0.3, 0.2), array(-1e-4, 1.0, 1e-4), error=1e-3)
    assert (figures.top_for, figures.top_against, figures.words_for, figures.words_against) == (0, 0, 1 / 3, 0)
    assert figures.ordered == 0.5


def test_no_word() -> None:
    assert all(map(math.isnan, vars(text_figures(array(), array())).values()))
