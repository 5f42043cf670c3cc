"""Comprehensiveness and sufficiency of words drawn by their scores, in place of the first words of an order.

Removing the first words of an order forgets by how much one scores more than the next. Zhao and Aletras (2023) keep or
drop parts of every word's vector with a chance equal to its normalised score instead. But then scores that are all
alike keep more of the text than scores with a peak, and a method is rewarded for it. Here every draw has equally many
words, whatever the scores: words are drawn one after another without replacement, each with a chance in proportion to
its score (successive sampling). With a peak that is the order's first words, with equal scores any words at all.

The fall is left as it is, not divided by that of the empty text as in the paper: that is the same number for all
methods, small or negative where the empty text is decided alike, and would cut off values below 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from jaxtyping import Bool, Float64

from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.erasure import Share
from heedful.metrics.removal import RemovalSettings, check_fit, count, importance, values
from heedful.question import Question


def drawn(scores: Float64[np.ndarray, " units"], k: int, n: int, seed: int) -> Bool[np.ndarray, "n units"]:
    """Draw k units n times, one after another without replacement, each in proportion to its score.

    Units that score 0 or less come after all others, at equal chances. Equal seeds give all scores the same random
    numbers.

    Returns:
        Masks of the units drawn: exactly k in each.

    Example:
        >>> drawn(np.array([3.0, 1.0, 0.0, -2.0]), 2, 1, seed=0)
        array([[ True,  True, False, False]])
        >>> drawn(np.array([3.0, 1.0]), 1, 10_000, seed=0).mean(axis=0).round(1)
        array([0.8, 0.2])
    """
    waits = np.random.default_rng(seed).standard_exponential((n, len(scores)))
    part = np.maximum(scores, 0.0)
    part = part / (part.max(initial=0.0) or 1.0)
    early = part > 0
    # the k first to ring of alarms that ring at these rates are such a draw (Efraimidis and Spirakis 2006)
    rings = np.log(waits) - np.log(np.where(early, part, 1.0))
    place = np.lexsort((rings, np.broadcast_to(~early, rings.shape)), axis=1)
    masks = np.zeros(rings.shape, dtype=bool)
    np.put_along_axis(masks, place[:, :k], values=True, axis=1)
    return masks


@dataclass(frozen=True)
class _Soft(RemovalSettings):
    """Shared by both.

    Args:
        share: how many units are drawn, as a share of all, rounded up.
        n_samples: how often.
    """

    share: Share = 0.2
    n_samples: Annotated[int, Ge(1)] = 50

    keep: ClassVar[bool]

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Keep or remove units drawn by their scores; undefined where a score is not finite."""
        check_fit(question, explanation)
        if not np.isfinite(explanation.scores).all():
            return math.nan
        d = len(explanation)
        some = drawn(importance(explanation, self.order), count(self.share, d), self.n_samples, question.seed)
        kept = some if self.keep else ~some
        after = values(question, np.concatenate([np.ones((1, d), dtype=bool), kept]), self.output)
        return float(np.mean(after[0] - after[1:]))


@dataclass(frozen=True)
class SoftComprehensiveness(_Soft):
    """Mean fall of the output when units are removed that are drawn by their scores, always equally many.

    Args:
        share: how many units are drawn, as a share of all, rounded up.
        n_samples: how often.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
        >>> question = ask(classifier, text, Choices())
        >>> exact, random = (heedful.explain(classifier, text, name) for name in ("shapley-exact", "random"))
        >>> SoftComprehensiveness().measure(question, exact) > SoftComprehensiveness().measure(question, random)
        True
    """

    card = cards.SOFT_COMPREHENSIVENESS
    keep = False


@dataclass(frozen=True)
class SoftSufficiency(_Soft):
    """Mean fall of the output when only units are kept that are drawn by their scores, always equally many.

    Args:
        share: how many units are drawn, as a share of all, rounded up.
        n_samples: how often.

    Example:
        >>> SoftSufficiency(share=0.5).settings()
        {'output': 'probability', 'order': 'auto', 'share': 0.5, 'n_samples': 50}
    """

    card = cards.SOFT_SUFFICIENCY
    keep = True
