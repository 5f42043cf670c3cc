"""Attention weights set by hand with all values fixed: taken apart, shuffled, made even, opposed."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

import heedful
from factory import make_bert, make_classifier
from heedful.auditing.checks.adversary import TOLERANCE, adversary, adversary_rows
from heedful.auditing.checks.permuted import generator_of, permuted_rows, rearranged, uniform_rows
from heedful.auditing.checks.pooling import Pooled, change, decided_otherwise, pooled, probabilities, why_not
from heedful.auditing.checks.spread import spread
from heedful.question import Choices, ask_all

TEXT = "the plot was not good but the acting was very good ! unheard"


def one_head(weights: list[float], values: list[float]) -> Pooled:
    """A text of distinct words with one head and one class."""
    says = np.array(values)[None, :, None]
    return Pooled(np.array([weights]), says, np.zeros(1), np.arange(len(weights)), len(weights))


def drawn(seed: int, heads: int, tokens: int, classes: int, units: int | None = None) -> Pooled:
    """A text with random weights, of which some are elsewhere, and values that lean to one side."""
    draw = np.random.default_rng(seed)
    owner = (
        np.arange(tokens)
        if units is None
        else np.concatenate([np.arange(units), draw.integers(units, size=tokens - units)])
    )
    weights = draw.dirichlet(np.full(tokens + 1, 0.7), heads)[:, :-1]
    values = draw.normal(0.3, 1.0, (heads, tokens, classes))
    return Pooled(weights, values, draw.normal(size=classes), owner, int(owner.max()) + 1)


# Taken apart. -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["word_type", "word", "token"])
@pytest.mark.parametrize(
    "given", [{}, {"attend_padding": True}, {"normaliser": "sparsemax"}, {"normaliser": "entmax", "num_labels": 1}]
)
def test_put_together_again_it_is_the_model(given: dict[str, Any], unit: str) -> None:
    classifier = make_classifier(**given)
    (question,) = ask_all(classifier, [TEXT], Choices(unit=unit))
    (text,) = pooled(classifier, [question])
    assert text.logits(text.weights[None])[0] == pytest.approx(question.logits, abs=1e-12)
    attention = heedful.explain(classifier, TEXT, "attention-mean", unit=unit).scores
    assert text.on_units(text.weights) == pytest.approx(attention / attention.sum(), abs=1e-12)
    assert text.n_units == len(question.units)


def test_what_cannot_be_taken_apart_says_why() -> None:
    assert why_not(make_classifier()) is None
    assert "does not pool" in str(why_not(make_bert()))
    number = make_classifier(num_labels=1)
    number.model.config.problem_type = "regression"
    assert "predicts a number" in str(why_not(number))


def test_probabilities_and_decisions_by_hand() -> None:
    logits = np.array([[0.0, math.log(3)], [math.log(3), 0.0]])
    assert probabilities(logits, exclusive=True) == pytest.approx(np.array([[0.25, 0.75], [0.75, 0.25]]))
    assert probabilities(logits, exclusive=False) == pytest.approx(np.array([[0.5, 0.75], [0.75, 0.5]]))
    assert change(logits[:1], logits, exclusive=True) == pytest.approx([0.0, 0.5])
    assert change(logits[:1], logits, exclusive=False) == pytest.approx([0.0, 0.25])
    assert decided_otherwise(logits[:1], logits, exclusive=True).tolist() == [False, True]
    ones = np.array([[1.0, -1.0], [2.0, -0.5], [1.0, 1.0]])
    assert decided_otherwise(ones[:1], ones, exclusive=False).tolist() == [False, False, True]


# Spread. ------------------------------------------------------------------------------------------------------------


def test_spread_by_hand() -> None:
    result = spread(np.array([0.25, 0.125, 0.125]))  # shares 1/2, 1/4, 1/4: 1/2 + 2 * 1/4 * 2 bits
    assert result.entropy == pytest.approx(1.5)
    assert result.effective == pytest.approx(2**1.5)
    assert result.entropy_share == pytest.approx(1.5 / math.log2(3))
    assert result.effective_share == pytest.approx(2**1.5 / 3)
    alone = spread(np.array([0.3]))
    assert (alone.entropy, alone.effective, alone.effective_share) == (0.0, 1.0, 1.0)
    assert math.isnan(alone.entropy_share)
    assert spread(np.array([1.0, 0.0])).entropy == 0.0
    assert math.isnan(spread(np.zeros(3)).entropy)


@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=30), st.floats(0.01, 1.0))
def test_spread_lies_between_one_unit_and_all_and_has_no_scale(weights: list[float], scale: float) -> None:
    attention = np.array(weights)
    result = spread(attention)
    assert 1 - 1e-9 <= result.effective <= len(weights) * (1 + 1e-9)
    assert spread(attention * scale).entropy == pytest.approx(result.entropy, abs=1e-9)


# Shuffled, and made even. -------------------------------------------------------------------------------------------


def test_of_two_words_half_of_the_shuffles_change_the_decision() -> None:
    text = Pooled(np.array([[0.9, 0.1]]), np.array([[[0.0, 2.0], [0.0, -2.0]]]), np.zeros(2), np.arange(2), 2)
    result = rearranged(text, True, np.random.default_rng(0), shuffles=4000)
    assert result.flips == pytest.approx(0.5, abs=0.04)  # five standard errors
    assert result.even_change == pytest.approx(1 / (1 + math.exp(-1.6)) - 0.5)


def test_shuffles_are_those_of_all_orders() -> None:
    text = Pooled(
        np.array([[0.7, 0.2, 0.05, 0.05]]), np.array([[[2.0], [-1.0], [-2.0], [1.2]]]), np.zeros(1), np.arange(4), 4
    )
    before = text.logits(text.weights[None])
    orders = np.stack([text.weights[:, list(order)] for order in permutations(range(4))])
    flips = decided_otherwise(before, text.logits(orders), exclusive=False).mean()
    assert 0 < flips < 1
    result = rearranged(text, False, np.random.default_rng(1), shuffles=4000)
    assert result.flips == pytest.approx(flips, abs=0.04)
    changes = np.sort(change(before, text.logits(orders), exclusive=False))
    assert changes[10] - 1e-12 <= result.change <= changes[13] + 1e-12  # the middle of 24 orders, and one beside


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3))
def test_even_weights_are_the_mean_of_all_orders(seed: int, heads: int) -> None:
    text = drawn(seed, heads, tokens=4, classes=3)
    orders = np.stack([text.weights[:, list(order)] for order in permutations(range(4))])
    assert text.logits(text.even()[None])[0] == pytest.approx(text.logits(orders).mean(0), abs=1e-12)


def test_heads_keep_what_they_have_for_words_and_are_shuffled_each_on_its_own() -> None:
    """In each head one word has all the weight; values tell whether both heads have it at the same place."""
    values = np.zeros((2, 2, 1))
    values[0, 0], values[1, 1] = 4.0, 4.0
    text = Pooled(np.array([[0.4, 0.0], [0.0, 0.2]]), values, np.array([-0.7]), np.arange(2), 2)
    assert text.logits(text.weights[None])[0, 0] == pytest.approx(0.5)  # (0.4 * 4 + 0.2 * 4) / 2 - 0.7
    result = rearranged(text, False, np.random.default_rng(0), shuffles=4000)
    # 0.5, 0.1, -0.3 and -0.7 are equally likely; together moved, the two in the middle would not occur
    assert result.flips == pytest.approx(0.5, abs=0.04)
    sigmoid = [1 / (1 + math.exp(-x)) for x in (0.5, 0.1, -0.3)]
    assert sigmoid[0] - sigmoid[1] - 1e-12 <= result.change <= sigmoid[0] - sigmoid[2] + 1e-12


def test_draws_belong_to_the_text_and_the_seed() -> None:
    numbers = [int(generator_of(text, seed).integers(10**9)) for text in ("a", "b") for seed in (0, 1)]
    assert len(set(numbers)) == 4
    assert int(generator_of("a", 0).integers(10**9)) == numbers[0]
    generator_of("\ud800", 0)  # half of a character is no reason to fail


def test_a_flag_where_shuffles_change_next_to_nothing() -> None:
    dull, lively = one_head([0.5, 0.5], [1.0, 1.0]), one_head([0.9, 0.1], [1.0, -1.0])
    for text, flagged in ((dull, 1), (lively, 0)):
        each = [rearranged(text, False, np.random.default_rng(i)) for i in range(100)]
        assert len(permuted_rows(each)[2]) == flagged


def test_accuracy_of_even_attention_is_of_the_texts_with_labels() -> None:
    each = [rearranged(one_head([0.9, 0.1], [1.0, -2.0]), False, np.random.default_rng(0))] * 4
    rows, _ = uniform_rows(each, np.array([1.0, 1.0, 0.0, np.nan]), np.array([0.0, 1.0, 0.0, np.nan]))
    values = {row["figure"]: row["value"] for row in rows}
    assert values["uniform_agreement"] == 0.0  # 0.9 - 0.2 is positive, 0.5 - 1 is not
    assert values["model_accuracy"] == pytest.approx(2 / 3)
    assert values["uniform_accuracy_lost"] == pytest.approx(1 / 3)
    rows, sentences = uniform_rows(each, np.full(4, np.nan), np.full(4, np.nan))
    assert len(rows) == 2
    assert "accuracy" not in sentences[0]


# Opposed. -----------------------------------------------------------------------------------------------------------


def test_three_words_by_hand() -> None:
    """Values 1, 0, -1 and logit 0: (s, 1 - 2 s, s) for any s; the model has s = 0.2, the farthest s = 0.5."""
    other = adversary(one_head([0.2, 0.6, 0.2], [1.0, 0.0, -1.0]))
    assert other.moved == pytest.approx([0.5, 0.0, 0.5], abs=1e-9)
    assert other.overlap == pytest.approx(0.4)
    assert other.distance == pytest.approx(0.6)
    assert other.divergence == pytest.approx(jensenshannon([0.2, 0.6, 0.2], [0.5, 0.0, 0.5], 2) ** 2)
    assert other.least_overlap == pytest.approx(0.2)  # 0.2 * 0.5 + 0.2 * 0.5, by the chords


def test_two_words_with_different_values_allow_nothing_else() -> None:
    other = adversary(one_head([0.7, 0.3], [1.0, -1.0]))
    assert other.moved == pytest.approx([0.7, 0.3], abs=1e-8)
    assert other.distance == pytest.approx(0.0, abs=1e-8)


def test_a_text_without_attention_on_words_is_left_out() -> None:
    none = adversary(Pooled(np.zeros((1, 2)), np.ones((1, 2, 1)), np.zeros(1), np.arange(2), 2))
    assert all(math.isnan(value) for value in (none.overlap, none.distance, none.divergence))
    rows, sentences = adversary_rows([none, adversary(one_head([0.25] * 4, [2.0] * 4))])
    by_name = {row["figure"]: row for row in rows}
    assert {row["n"] for row in rows} == {1}
    assert by_name["adversary_distance"]["value"] == pytest.approx(0.75)
    assert by_name["adversary_far"]["value"] == 1.0
    assert "of 1 texts" in sentences[0]
    assert {row["n"] for row in adversary_rows([none])[0]} == {0}


def test_where_all_words_say_the_same_one_word_will_do() -> None:
    other = adversary(one_head([0.25] * 4, [2.0] * 4))
    assert other.distance == pytest.approx(0.75)
    assert sorted(other.moved) == pytest.approx([0.0, 0.0, 0.0, 1.0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 12), st.integers(1, 3), st.booleans())
def test_plugged_in_its_logits_are_the_model_s(seed: int, heads: int, tokens: int, classes: int, pairs: bool) -> None:
    text = drawn(seed, heads, tokens, classes, units=(tokens + 1) // 2 if pairs else None)
    other = adversary(text)
    model, moved = (text.logits(weights[None])[0] for weights in (text.weights, other.weights))
    assert np.abs(moved - model).max() <= TOLERANCE * max(1.0, np.abs(model).max())
    assert np.abs(moved - model).max() == pytest.approx(other.logit_change, abs=1e-15)
    assert (other.weights >= 0).all()
    assert other.weights.sum(1) == pytest.approx(text.weights.sum(1), abs=1e-12)
    assert text.on_units(other.weights) == pytest.approx(other.moved)
    assert other.distance == pytest.approx(0.5 * np.abs(other.moved - other.attention).sum(), abs=1e-9)
    assert 0 <= other.least_overlap <= other.overlap + 1e-9


def test_against_all_corners_it_is_seldom_beaten_and_its_bound_never() -> None:
    """The overlap is concave, so it is least at a corner: with one class and one head, two words or one."""
    best = 0
    for seed in range(40):
        text = drawn(seed, heads=1, tokens=7, classes=1)
        says, shares = text.values[0, :, 0], text.on_units(text.weights)
        wanted, least = float(shares @ says), 1.0
        for i, j in combinations(range(7), 2):
            at = (wanted - says[j]) / (says[i] - says[j])
            if 0 <= at <= 1:
                least = min(least, min(shares[i], at) + min(shares[j], 1 - at))
        other = adversary(text)
        assert other.least_overlap - 1e-9 <= least <= other.overlap + 1e-8
        best += other.overlap < least + 1e-6
    assert best >= 30


def test_further_rounds_help_where_there_are_several_heads_and_never_harm() -> None:
    helped = 0
    for seed in range(15):
        text = drawn(seed, heads=3, tokens=6, classes=3, units=4)
        with patch("heedful.auditing.checks.adversary._ROUNDS", 1):
            first = adversary(text).overlap
        refined = adversary(text).overlap
        assert refined <= first + 1e-9
        helped += refined < first - 1e-6
    assert helped >= 5


def test_values_of_any_size_and_tiny_weights_are_borne() -> None:
    for scale in (1e-9, 1.0, 1e9):
        base = drawn(5, heads=2, tokens=6, classes=2)
        text = Pooled(base.weights * np.array([[1.0], [1e-9]]), base.values * scale, base.rest, base.owner, 6)
        other = adversary(text)
        assert other.logit_change <= TOLERANCE * max(1.0, float(np.abs(text.logits(text.weights[None])).max()))
        assert other.distance > 0.1


def test_rows_count_texts_with_and_without_far_weights() -> None:
    near, far = one_head([0.7, 0.3], [1.0, -1.0]), one_head([0.2, 0.6, 0.2], [1.0, 0.0, -1.0])
    rows, sentences = adversary_rows([adversary(near), adversary(far), adversary(far), adversary(far)])
    values = {row["figure"]: row["value"] for row in rows}
    assert values["adversary_far"] == 0.75
    assert values["adversary_none"] == 0.25  # 0.58 of overlap is certain
    assert values["adversary_distance"] == pytest.approx(0.45)
    assert "Wiegreffe and Pinter" in sentences[-1]
