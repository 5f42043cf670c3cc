"""The order of words corrected for the noise of sampled effects, on simulated ones of which the truth is known."""

import math

import numpy as np
import pytest

from heedful.auditing.figures import PerText, text_figures
from heedful.auditing.reliability import ceiling, corrected, mean_corrected
from heedful.auditing.verdict import LEAST_HALVES, judge

TEXTS, WORDS = 400, 20


def draws(kind: str, noise: float, follows: float = 0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Attention, true effects, and the two halves of noisy ones, whose mean has the noise given."""
    draw = np.random.default_rng(7)
    true = draw.normal(size=(TEXTS, WORDS))
    if kind == "few words":
        true = np.where(draw.random(true.shape) < 0.2, 2 * true, 0.05 * true)
    if kind == "long tails":
        true = np.exp(draw.normal(size=true.shape)) * draw.choice([-1.0, 1.0], true.shape)
    attention = np.exp(follows * np.log(np.abs(true) + 0.05) + draw.normal(0, 0.4, true.shape))
    one, other = (true + noise * math.sqrt(2) * draw.normal(size=true.shape) for _ in range(2))
    return attention, true, one, other


def figures(kind: str, noise: float, follows: float = 0.7) -> tuple[PerText, PerText]:
    """With the true effects, and with the noisy ones."""
    attention, true, one, other = draws(kind, noise, follows)
    exact = PerText.gather(text_figures(a, e) for a, e in zip(attention, true, strict=True))
    rows = zip(attention, one, other, strict=True)
    return exact, PerText.gather(text_figures(a, (b + c) / 2, halves=(b, c)) for a, b, c in rows)


CASES = [("normal", 0.25), ("few words", 0.05), ("few words", 0.15), ("long tails", 0.5)]


@pytest.mark.parametrize(("kind", "noise"), CASES)
@pytest.mark.parametrize("follows", [0.2, 0.7])
def test_the_correction_comes_near_the_true_order_and_not_above_it(kind: str, noise: float, follows: float) -> None:
    """The mean over 400 texts has a standard error near 0.005."""
    exact, noisy = figures(kind, noise, follows)
    assert LEAST_HALVES - 0.02 < np.nanmean(noisy.halves) < 0.99
    result = mean_corrected(noisy.ordered, noisy.halves)
    truth, raw = np.nanmean(exact.ordered), np.nanmean(noisy.ordered)
    assert truth - 0.04 < result.value < truth + 0.01
    assert raw < result.value
    assert abs(result.value - truth) < abs(raw - truth)


def test_the_true_effects_reach_the_ceiling() -> None:
    _, true, one, other = draws("normal", 0.15)
    rows = zip(true, one, other, strict=True)
    itself = PerText.gather(text_figures(np.abs(e), (b + c) / 2, halves=(b, c)) for e, b, c in rows)
    assert ceiling(float(np.nanmean(itself.halves))) == pytest.approx(np.nanmean(itself.ordered), abs=0.03)


def test_noise_widens_the_interval() -> None:
    widths = []
    for noise in (0.05, 0.3):
        _, noisy = figures("normal", noise, 0.3)
        result = mean_corrected(noisy.ordered, noisy.halves)
        assert result.low < result.value < result.high
        widths.append(result.high - result.low)
    assert widths[0] < widths[1]


def test_without_noise_nothing_is_corrected() -> None:
    ordered = np.array([0.6, 0.9, 0.7])
    np.testing.assert_allclose(corrected(ordered, np.ones(3)), ordered)
    assert mean_corrected(ordered, np.ones(3)).value == pytest.approx(ordered.mean())


def test_what_cannot_be_corrected_is_unknown() -> None:
    assert math.isnan(mean_corrected(np.array([0.8, 0.7]), np.array([0.4, 0.5])).value)
    assert mean_corrected(np.array([math.nan, 0.7]), np.array([0.9, math.nan])).n == 0
    assert math.isnan(mean_corrected(np.array([0.8]), np.array([0.9])).low)


def test_texts_in_another_order() -> None:
    _, noisy = figures("normal", 0.15)
    assert mean_corrected(noisy.ordered, noisy.halves) == mean_corrected(noisy.ordered[::-1], noisy.halves[::-1])


def test_a_reference_that_is_noise_decides_nothing() -> None:
    _, noisy = figures("normal", 3.0)
    verdict = judge(noisy)
    assert verdict.level == "undecided"
    assert verdict.figures["more_texts"] == 0.0
    assert verdict.figures["ceiling"] < 0.8
    assert "raise the budget" in verdict.sentences[0]


def test_the_verdict_is_on_the_corrected_order() -> None:
    exact, noisy = figures("normal", 0.25, 0.4)
    judged = judge(noisy).figures
    assert judged["ordered_uncorrected"]["high"] < 0.75 < judge(exact).figures["ordered"]["low"]
    assert judged["ordered"]["low"] > 0.75


def test_what_is_corrected_beyond_all_pairs_is_cut_off() -> None:
    """All but one of the texts could be corrected to more than 1: the bootstrap must not see a constant."""
    ordered = np.append(np.ones(30), 0.99)
    result = mean_corrected(ordered, np.full(31, 0.95))
    assert (result.value, result.high) == (1.0, 1.0)
    assert 0.98 < result.low <= 1.0


def test_rounding_is_no_half() -> None:
    """A model that reacts to no word has no noise either."""
    noise = np.random.default_rng(0).normal(0, 1e-16, (2, 5))
    figures = text_figures(np.arange(5.0), noise.mean(0), output=1.0, halves=(noise[0], noise[1]))
    assert math.isnan(figures.halves)
    assert figures.ordered == 0.5
