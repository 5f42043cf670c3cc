"""Scores beside what removing each unit alone does."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Float64

from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.agreement import kendall_tau_b, sign_agreement
from heedful.metrics.base import Metric
from heedful.metrics.removal import OUTPUTS, check_fit, values
from heedful.question import Question
from heedful.support.kinds import OneOf

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class _BesideEffects(Metric):
    """Shared by both: the output of the whole text minus that without the unit, for every unit.

    Args:
        output: "explained", the output that the scores are of, or that of another kind.

    Raises:
        InputError: when measuring, the explanation is over other units.
    """

    output: Annotated[str, OneOf(OUTPUTS)] = field(default="explained", kw_only=True)

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Compare scores with effects."""
        check_fit(question, explanation)
        d = len(explanation)
        after = values(question, np.concatenate([np.ones((1, d), dtype=bool), ~np.eye(d, dtype=bool)]), self.output)
        return self._compare(explanation.scores, after[0] - after[1:], signed=explanation.signed)

    @abstractmethod
    def _compare(self, scores: Scores, effects: Scores, *, signed: bool) -> float:
        """Compare two lists of numbers."""


@dataclass(frozen=True)
class LeaveOneOut(_BesideEffects):
    """Kendall's tau-b of the scores with the effects of leaving one unit out; of sizes for methods without signs.

    Numbers count as equal if they differ by less than 1e-12 of the largest: rounding must not order two equal words.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question = ask(classifier, text, Choices())
        >>> LeaveOneOut().measure(question, heedful.explain(classifier, text, "occlusion"))
        1.0
    """

    card = cards.LEAVE_ONE_OUT

    def _compare(self, scores: Scores, effects: Scores, *, signed: bool) -> float:
        scores, effects = (_rounded(one if signed else np.abs(one)) for one in (scores, effects))
        return kendall_tau_b(scores, effects)


def _rounded(numbers: Scores) -> Scores:
    """The numbers as shares of the largest, to twelve decimal places."""
    largest = float(np.abs(numbers).max(initial=0.0))
    return np.round(numbers / largest, 12) if 0 < largest < math.inf else numbers


@dataclass(frozen=True)
class SignViolations(_BesideEffects):
    """Share of units whose score has the sign against that of their effect, among units with both other than zero.

    Undefined for methods without signs.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question = ask(classifier, text, Choices())
        >>> SignViolations().measure(question, heedful.explain(classifier, text, "occlusion"))
        0.0
    """

    card = cards.SIGN_VIOLATIONS

    def _compare(self, scores: Scores, effects: Scores, *, signed: bool) -> float:
        return 1.0 - sign_agreement(scores, effects) if signed else math.nan
