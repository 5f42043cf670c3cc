"""How far the output falls without the units that score highest, and how well these alone give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from jaxtyping import Int64

from heedful.metrics import cards
from heedful.metrics.removal import ByRemoval, count, first, values
from heedful.question import Question

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
Share = Annotated[float, Ge(0), Le(1)]


def _fall(
    question: Question, order: Int64[np.ndarray, " units"], shares: Sequence[float], output: str, *, keep: bool
) -> float:
    """Mean fall of the output over shares of the units, kept or removed."""
    d = len(order)
    top = first(order, [count(share, d) for share in shares])
    after = values(question, np.concatenate([np.ones((1, d), dtype=bool), top if keep else ~top]), output)
    return float(np.mean(after[0] - after[1:]))


@dataclass(frozen=True)
class Comprehensiveness(ByRemoval):
    """Fall of the output when the share of units that score highest is removed.

    Args:
        share: how many units, as a share of all, rounded up.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> 0 < Comprehensiveness(share=0.2).measure(question, exact) < 1
        True
    """

    share: Share = 0.2

    card = cards.COMPREHENSIVENESS

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        return _fall(question, order, [self.share], self.output, keep=False)


@dataclass(frozen=True)
class Sufficiency(ByRemoval):
    """Fall of the output when nothing but the share of units that score highest is kept.

    Args:
        share: how many units, as a share of all, rounded up.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> Sufficiency(share=1.0).measure(question, exact)
        0.0
    """

    share: Share = 0.2

    card = cards.SUFFICIENCY

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        return _fall(question, order, [self.share], self.output, keep=True)


@dataclass(frozen=True)
class _Aopc(ByRemoval):
    keep: ClassVar[bool]

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        return _fall(question, order, SHARES, self.output, keep=self.keep)


@dataclass(frozen=True)
class AopcComprehensiveness(_Aopc):
    """Mean comprehensiveness at 1, 5, 10, 20 and 50 % of the units: always five terms, whatever the text's length.

    Example:
        >>> AopcComprehensiveness().settings()
        {'output': 'probability', 'order': 'auto'}
    """

    card = cards.AOPC_COMPREHENSIVENESS
    keep = False


@dataclass(frozen=True)
class AopcSufficiency(_Aopc):
    """Mean sufficiency at 1, 5, 10, 20 and 50 % of the units: always five terms, whatever the text's length.

    Example:
        >>> AopcSufficiency().card.direction
        'lower'
    """

    card = cards.AOPC_SUFFICIENCY
    keep = True
