"""Agreement with a reference: how near an explanation comes to that of a method taken for the truth."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64

from heedful import methods
from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.agreement import kendall_tau_b, sign_agreement, spearman, top_k_overlap
from heedful.metrics.base import Metric
from heedful.question import Question

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class _Agreement(Metric):
    """Shared by the measures of agreement.

    Where either method is unsigned, absolute scores are compared, else signed ones: see `heedful.metrics.pairwise`.

    Args:
        reference: the method taken for the truth, by name, with settings after a colon.

    Raises:
        SettingError: unknown method; when measuring, the reference cannot answer the question.
    """

    reference: str = field(default="shapley-exact", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        methods.get(self.reference)

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Compare the scores with those of the reference."""
        reference = methods.get(self.reference)
        truth = reference.answer(question).scores
        if explanation.signed and reference.signed:
            return self._compare(explanation.scores, truth, signed=True)
        return self._compare(np.abs(explanation.scores), np.abs(truth), signed=False)

    @abstractmethod
    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        """Compare two lists of scores."""


@dataclass(frozen=True)
class Kendall(_Agreement):
    """Kendall's tau-b of the scores with those of the reference.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
        >>> lime = heedful.explain(classifier, text, "lime")
        >>> 0.5 < Kendall().measure(ask(classifier, text, Choices()), lime) <= 1.0
        True
    """

    card = cards.KENDALL

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return kendall_tau_b(scores, truth)


@dataclass(frozen=True)
class Spearman(_Agreement):
    """Spearman's rank correlation of the scores with those of the reference."""

    card = cards.SPEARMAN

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return spearman(scores, truth)


@dataclass(frozen=True)
class TopKOverlap(_Agreement):
    """Share of the k units with the largest absolute scores that the reference has among its own k.

    Args:
        k: how many units are looked at.
    """

    k: Annotated[int, Ge(1)] = 5

    card = cards.TOP_K

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return top_k_overlap(scores, truth, self.k)


@dataclass(frozen=True)
class SignAgreement(_Agreement):
    """Share of units with the same sign as in the reference; undefined for methods without signs."""

    card = cards.SIGN

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return sign_agreement(scores, truth) if signed else float("nan")
