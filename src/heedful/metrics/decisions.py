"""How much must go before the classifier decides otherwise."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.base import Metric
from heedful.metrics.removal import ORDERS, check_classes, check_fit, first, importance, ranked
from heedful.question import Question
from heedful.support.kinds import OneOf


@dataclass(frozen=True)
class Flip(Metric):
    """Shared by metrics of decisions: defined where the explained class is the one decided for.

    Args:
        order: "signed", "size", or "auto": signed for methods with signs, by size for the others. Ties keep the text's
            order.

    Raises:
        SettingError: when measuring, the classifier predicts a number.
    """

    order: Annotated[str, OneOf(ORDERS)] = field(default="auto", kw_only=True)

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Remove units in the order of their scores; undefined where another class is explained than the decided."""
        check_fit(question, explanation)
        check_classes(question, "a class, so no decision can change")
        whole = np.ones((1, len(explanation)), dtype=bool)
        if np.isnan(explanation.scores).any() or not decided(question, question.logits_of(whole))[0]:
            return math.nan
        return self._measure(question, ranked(importance(explanation, self.order)))

    @abstractmethod
    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        """Judge an order of the units."""


def decided(question: Question, logits: Float64[np.ndarray, "n classes"]) -> Bool[np.ndarray, " n"]:
    """Return whether texts with these logits are given the explained class."""
    target = question.output.target
    return logits.argmax(1) == target if question.classifier.exclusive else logits[:, target] > 0


@dataclass(frozen=True)
class DecisionFlip(Flip):
    """Share of the units that must be removed, the highest score first, until another class is decided for.

    1 where the decision never changes, not even with every unit removed.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The plot was dull."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> DecisionFlip().measure(question, exact)
        0.25
    """

    card = cards.DECISION_FLIP

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        d = len(order)
        kept = decided(question, question.logits_of(~first(order, range(1, d + 1))))
        return 1.0 if kept.all() else float(np.argmin(kept) + 1) / d


@dataclass(frozen=True)
class TopFlip(Flip):
    """Whether the decision changes without the top unit, less the share of other units without which it changes.

    So much likelier is a change than for a unit drawn at random among the others. Undefined for a single unit.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The plot was dull."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> TopFlip().measure(question, exact)
        1.0
    """

    card = cards.TOP_FLIP

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        if len(order) < 2:
            return math.nan
        changed = ~decided(question, question.logits_of(~np.eye(len(order), dtype=bool)))
        return float(changed[order[0]]) - float(changed[order[1:]].mean())
