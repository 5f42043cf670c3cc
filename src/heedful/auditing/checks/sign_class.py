"""Attention and effects of words, apart for words that speak for the prediction and words that speak against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.figure_rows import Row, average, percent, row, told
from heedful.auditing.effects import Effects, effects
from heedful.auditing.figures import ROUNDING, text_figures
from heedful.classifier import Classifier
from heedful.metrics import kendall_tau_b
from heedful.question import Choices
from heedful.support.intervals import mean, share
from heedful.support.progress import track

_TOGETHER = 64  # texts asked about at once

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class BySign:
    """How attention stands to effects on one text; not-a-number where the text says nothing.

    Attributes:
        tau_for: Kendall's tau-b of attention with the size of the effect, among words that speak for the prediction.
        tau_against: the same among words that speak against it.
        top_against: 1 if the most attended word speaks against; words tied at the top share the place.
        words_against: share of words that speak against: what `top_against` is for a word at random.
    """

    tau_for: float
    tau_against: float
    top_against: float
    words_against: float


def by_sign(attention: Scores, effect: Effects) -> BySign:
    """Compare attention with the effects of one text.

    Example:
        >>> effect = Effects(np.array([3.0, 2.0, -1.0, -2.0, 0.0]), 0.0, 2.0, None)
        >>> by_sign(np.array([0.3, 0.1, 0.2, 0.1, 0.3]), effect)
        BySign(tau_for=1.0, tau_against=-1.0, top_against=0.0, words_against=0.4)
    """
    top = float(attention.max(initial=0.0))
    shares = np.round(attention / top, 9) if top > 0 else np.zeros(len(attention))  # rounding makes no order
    largest = float(np.abs(effect.scores).max(initial=0.0))
    bound = max(effect.error, ROUNDING * max(abs(effect.output), largest))
    figures = text_figures(attention, effect.scores, error=effect.error, output=effect.output)
    sides = (effect.scores > bound, effect.scores < -bound)
    tau_for, tau_against = (_tau(shares[side], np.abs(effect.scores[side])) for side in sides)
    return BySign(tau_for, tau_against, figures.top_against, figures.words_against)


def _tau(shares: Scores, sizes: Scores) -> float:
    """Tau-b; 0 where attention is the same on words whose effects differ: it orders none of them."""
    if len(shares) < 2 or np.ptp(sizes) == 0:
        return math.nan
    return 0.0 if np.ptp(shares) == 0 else kendall_tau_b(shares, sizes)


def all_by_sign(
    classifier: Classifier,
    texts: Sequence[str],
    attention: Sequence[Float64[np.ndarray, " _"]],
    choices: Choices,
    *,
    progress: bool = False,
) -> Iterator[tuple[BySign, bool]]:
    """Yield the comparison of every text, and whether its effects are exact.

    The effects are Shapley values on what decides the prediction: its logit less that of the best other class, or its
    logit where there is no other, or they do not exclude each other.
    """
    decides = replace(choices, target="predicted", output="logit_difference" if classifier.exclusive else "logit")
    for start in track(range(0, len(texts), _TOGETHER), "effects of words", shown=progress):
        some = slice(start, start + _TOGETHER)
        for weights, effect in zip(attention[some], effects(classifier, texts[some], decides), strict=True):
            yield by_sign(weights, effect), effect.halves is None


def sign_rows(each: Sequence[tuple[BySign, bool]]) -> tuple[list[Row], list[str]]:
    """Return the figures of all texts, and sentences."""
    columns = {name: np.array([getattr(one, name) for one, _ in each]) for name in BySign.__dataclass_fields__}
    against = share(columns["top_against"])
    for_, against_ = mean(columns["tau_for"]), mean(columns["tau_against"])
    how = "exact" if all(exact for _, exact in each) else "sampled"
    size = f"tau-b of attention with the size of the {how} Shapley value"
    rows = [
        row("tau_for", for_, f"{size}, among words that speak for the prediction", 0.0),
        row("tau_against", against_, f"{size}, among words that speak against it", 0.0),
        row(
            "top_against", against, "share of texts whose most attended word speaks against the prediction",
            average(columns["words_against"]),
        ),
    ]  # fmt: skip
    return rows, [
        f"Among words that speak for the prediction, attention and the size of {how} Shapley values have tau-b "
        f"{told(for_)}; among words that speak against it, {told(against_)}.",
        f"The most attended word speaks against the prediction in {percent(against)} of {against.n} texts; "
        f"a word at random in {100 * average(columns['words_against']):.1f} %.",
    ]
