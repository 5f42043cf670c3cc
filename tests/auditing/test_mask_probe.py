"""The mask probe on patterns with and without a leak, and attention by sign class, by hand."""

from __future__ import annotations

import builtins
import math
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import heedful
from factory import make_classifier
from heedful.auditing.checks import mask_probe
from heedful.auditing.checks.mask_probe import Probe, pattern, probe, probe_rows
from heedful.auditing.checks.sign_class import all_by_sign, by_sign
from heedful.auditing.effects import Effects
from heedful.errors import MissingExtraError
from heedful.question import Choices


@pytest.fixture(autouse=True)
def few_shuffles():
    with patch.object(mask_probe, "SHUFFLES", 19):
        yield


def weights(draw: np.random.Generator, n_units: int) -> np.ndarray:
    return draw.dirichlet(np.ones(n_units)) * 0.9


def asked(attention: list[np.ndarray], answers: list[str | None]) -> Probe:
    result = probe(attention, answers, seed=0)
    assert isinstance(result, Probe)
    return result


def test_pattern_by_hand() -> None:
    numbers = pattern(np.array([0.1, 0.2, 0.1, 0.0]))
    assert numbers[:10].sum() == pytest.approx(1.0)
    assert numbers[:10] == pytest.approx([0.1, 0.1, 0.15, 0.2, 0.2, 0.1, 0.1, 0.05, 0.0, 0.0])
    assert numbers[10:18] == pytest.approx([0.5, 0.25, 0.25, 0, 0, 0, 0, 0])
    assert numbers[18:] == pytest.approx([1.5, 2**1.5 / 4, 0.4])


def test_where_the_pattern_tells_the_answer_it_is_found() -> None:
    draw = np.random.default_rng(0)
    attention = [weights(draw, int(draw.integers(5, 30))) for _ in range(80)]
    answers = ["early" if one[: len(one) // 2].sum() > one.sum() / 2 else "late" for one in attention]
    result = asked(attention, answers)
    assert result.attention.value > 0.75  # chance, and more than four standard errors
    assert result.p == pytest.approx(1 / 20)
    assert abs(result.length.value - 0.5) < 0.25
    assert result.leaks
    assert probe_rows(result, "prediction")[2]


def test_where_it_does_not_the_probe_is_at_chance() -> None:
    draw = np.random.default_rng(1)
    attention = [weights(draw, int(draw.integers(5, 30))) for _ in range(120)]
    result = asked(attention, [str(one) for one in draw.integers(0, 3, 120)])
    assert result.chance == pytest.approx(1 / 3)
    assert abs(result.attention.value - 1 / 3) < 0.2  # four standard errors
    assert abs(result.shuffled - 1 / 3) < 0.06
    assert not result.leaks
    assert not probe_rows(result, "label")[2]


def test_what_length_tells_is_not_put_down_to_attention() -> None:
    draw = np.random.default_rng(2)
    attention = [weights(draw, int(draw.integers(5, 40))) for _ in range(100)]
    result = asked(attention, ["long" if len(one) > 22 else "short" for one in attention])
    assert result.length.value > 0.9
    assert result.attention.value > 0.8  # entropy and the largest weights know the length
    assert not result.leaks


def test_answers_that_are_missing_or_rare_are_left_out_and_counted() -> None:
    draw = np.random.default_rng(3)
    attention = [weights(draw, 6) for _ in range(50)]
    answers: list[str | None] = ["a", "b"] * 22 + [None] * 3 + ["c"] * 3
    result = asked(attention, answers)
    assert result.left_out == 6
    assert result.attention.n == 44
    assert "6 texts" in probe_rows(result, "label")[1][0]


def test_of_many_texts_some_are_drawn_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_probe, "SHUFFLES", 1)
    draw = np.random.default_rng(3)
    attention = [weights(draw, 6) for _ in range(80)]
    answers: list[str | None] = ["a", "b"] * 38 + [None] * 4
    whole = asked(attention, answers)
    assert (whole.attention.n, whole.beyond) == (76, 0)
    monkeypatch.setattr(mask_probe, "MOST", 60)
    result = asked(attention, answers)
    assert (result.attention.n, result.left_out, result.beyond) == (60, 4, 16)
    assert "60 texts were drawn; 16 more are left out" in probe_rows(result, "label")[1][0]
    assert result == asked(attention, answers)
    assert result != probe(attention, answers, seed=1)


@pytest.mark.parametrize("answers", [["a"] * 60, ["a", "b"] * 10, ["a"] * 56 + ["b"] * 4])
def test_too_little_to_learn_from_is_a_line(answers: list[str]) -> None:
    result = probe([np.ones(3)] * len(answers), answers, seed=0)
    assert isinstance(result, str)
    rows, sentences, flags = probe_rows(result, "label")
    assert (rows, flags) == ([], [])
    assert "No mask probe" in sentences[0]


def test_the_seed_decides_and_the_caller_s_draws_are_left() -> None:
    draw = np.random.default_rng(4)
    attention = [weights(draw, 8) for _ in range(60)]
    answers = [str(one) for one in draw.integers(0, 2, 60)]
    before = np.random.get_state()[1].copy()
    one, other = (probe(attention, answers, seed=2**40) for _ in range(2))
    assert one == other
    assert (np.random.get_state()[1] == before).all()


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"scikit-learn.*heedful\[audit\]"):
        probe([np.ones(3)] * 60, ["a", "b"] * 30, seed=0)


# By sign class. -----------------------------------------------------------------------------------------------------


def effects(*scores: float, error: float = 0.0) -> Effects:
    return Effects(np.array(scores), error, sum(scores), None)


def test_by_sign_class_by_hand() -> None:
    result = by_sign(np.array([0.1, 0.2, 0.4, 0.3]), effects(3.0, 2.0, -1.0, -2.0))
    assert (result.tau_for, result.tau_against) == (-1.0, -1.0)
    assert result.top_against == 1.0
    assert result.words_against == 0.5


def test_signs_within_the_certified_bound_are_none() -> None:
    result = by_sign(np.array([0.1, 0.2, 0.4, 0.3]), effects(3.0, 2.0, -1e-3, -2.0, error=1e-2))
    assert result.top_against == 0.0
    assert math.isnan(result.tau_against)  # a single word is left


def test_even_attention_orders_no_word() -> None:
    result = by_sign(np.full(4, 0.25), effects(3.0, 2.0, -1.0, -2.0))
    assert (result.tau_for, result.tau_against, result.top_against) == (0.0, 0.0, 0.5)


def test_the_effects_are_exact_shapley_values_of_the_prediction() -> None:
    classifier = make_classifier()
    texts = ["the plot was not good but the acting was very good !", "a dull film , and a slow one"]
    attention = [heedful.explain(classifier, text, "attention-mean").scores for text in texts]
    results = list(all_by_sign(classifier, texts, attention, Choices()))
    for text, weight, (result, exact) in zip(texts, attention, results, strict=True):
        truth = heedful.explain(classifier, text, "shapley-exact", output="logit_difference").scores
        assert exact
        assert result.top_against == float(truth[weight.argmax()] < 0)
        mine = heedful.metrics.kendall_tau_b(weight[truth < 0], -truth[truth < 0])
        assert result.tau_against == pytest.approx(mine, nan_ok=True)
    assert any(not math.isnan(result.tau_against) for result, _ in results)
