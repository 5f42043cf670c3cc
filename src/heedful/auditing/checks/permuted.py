"""Permuted attention, and uniform attention in the model as it is: does it matter which words get the weight?"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.figure_rows import Row, paired, percent, row, told
from heedful.auditing.checks.pooling import Pooled, change, decided_otherwise
from heedful.support.intervals import mean, share

SHUFFLES = 100
LITTLE = 0.05  # a share of changed decisions that is wholly below this is little

Truth = Float64[np.ndarray, " texts"]


@dataclass(frozen=True)
class Rearranged:
    """What becomes of one text's prediction when its attention weights change places.

    Attributes:
        change: median over shuffles of the total-variation change of the class probabilities.
        flips: share of shuffles that change the decision.
        even_change: the same change with even weights.
        even_flips: whether even weights change the decision.
        even_decision: the class decided for with even weights.
    """

    change: float
    flips: float
    even_change: float
    even_flips: bool
    even_decision: int


def rearranged(text: Pooled, exclusive: bool, generator: np.random.Generator, shuffles: int = SHUFFLES) -> Rearranged:
    """Shuffle the weights of every head among the tokens of units, each head on its own; then make them even.

    Source: Jain and Wallace 2019, section 4.2.1: there a single head, and the median over 100 shuffles.

    Example:
        >>> ones = np.ones((1, 3, 2))
        >>> same = Pooled(np.array([[0.5, 0.3, 0.2]]), ones, np.zeros(2), np.arange(3), 3)
        >>> rearranged(same, True, np.random.default_rng(0)).flips
        0.0
    """
    drawn = generator.permuted(np.broadcast_to(text.weights, (shuffles, *text.weights.shape)), axis=2)
    before, after, even = (text.logits(weights) for weights in (text.weights[None], drawn, text.even()[None]))
    return Rearranged(
        change=float(np.median(change(before, after, exclusive=exclusive))),
        flips=float(decided_otherwise(before, after, exclusive=exclusive).mean()),
        even_change=float(change(before, even, exclusive=exclusive)[0]),
        even_flips=bool(decided_otherwise(before, even, exclusive=exclusive)[0]),
        even_decision=int(even[0].argmax()),
    )


def generator_of(text: str, seed: int) -> np.random.Generator:
    """Return a source of draws that belongs to a text, wherever in the data it stands.

    Example:
        >>> int(generator_of("a", 0).integers(100)) == int(generator_of("a", 0).integers(100))
        True
    """
    return np.random.default_rng([seed, zlib.crc32(text.encode("utf-8", "surrogatepass"))])


def permuted_rows(each: Sequence[Rearranged]) -> tuple[list[Row], list[str], list[str]]:
    """Return the figures of permuted attention, a sentence, and a flag where it changes hardly any decision."""
    moved, flips = mean(np.array([one.change for one in each])), share(np.array([one.flips for one in each]))
    rows = [
        row(
            "permuted_change", moved,
            "attention weights shuffled among the words' tokens: total-variation change of the probabilities", 0.0,
        ),
        row("permuted_flips", flips, "share of texts that a shuffle decides otherwise", 0.0),
    ]  # fmt: skip
    sentence = (
        f"Shuffling the attention weights among the words of a text changes the class probabilities by {told(moved)} "
        f"(total variation, median of {SHUFFLES} shuffles), and the decision in {percent(flips)} of the texts."
    )
    little = flips.high < LITTLE
    flag = f"which words get the attention hardly matters: shuffled, it changes {percent(flips)} of the decisions"
    return rows, [sentence], [flag] if little else []


def uniform_rows(
    each: Sequence[Rearranged], right: Truth, right_evenly: Truth
) -> tuple[list[Row], list[str]]:  # fmt: skip
    """Return the figures of even attention without any training, and a sentence.

    Args:
        each: of every text.
        right: 1 where the model decides for the label, 0 where not; not-a-number without a label.
        right_evenly: the same with even attention.
    """
    agree = share(1.0 - np.array([one.even_flips for one in each], dtype=np.float64))
    moved = mean(np.array([one.even_change for one in each]))
    rows = [
        row("uniform_agreement", agree, "even attention on the words' tokens: share of texts decided alike", 1.0),
        row("uniform_change", moved, "the same: total-variation change of the probabilities", 0.0),
    ]
    sentence = f"With even attention on the words, not retrained, the decision is the same in {percent(agree)} of texts"
    labelled = ~np.isnan(right)
    if not labelled.any():
        return rows, [f"{sentence}."]
    model, even, lost = share(right), share(right_evenly), paired(right - right_evenly)
    rows += [
        row("model_accuracy", model, "accuracy of the model on the texts with labels"),
        row("uniform_accuracy", even, "accuracy with even attention, not retrained"),
        row("uniform_accuracy_lost", lost, "accuracy lost by that, text by text", 0.0),
    ]
    return rows, [f"{sentence}, and its accuracy falls by {told(lost)} from {model.value:.2f}."]
