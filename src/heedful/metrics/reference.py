"""Agreement with a reference: how near an explanation comes to that of a method taken for the truth."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated
from weakref import WeakKeyDictionary

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64

from heedful import methods
from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.agreement import kendall_tau_b, sign_agreement, spearman, top_k_overlap
from heedful.metrics.base import Metric
from heedful.metrics.emphasis import jensen_shannon, weighted_kendall
from heedful.metrics.removal import check_fit
from heedful.question import Question

Scores = Float64[np.ndarray, " units"]

# several metrics of several explanations ask the same of one question, which takes its answers along when it goes
_ANSWERS: WeakKeyDictionary[Question, dict[str, Scores]] = WeakKeyDictionary()


def _scores(question: Question, reference: methods.Method) -> Scores:
    """The reference's scores, computed once a question."""
    answers, key = _ANSWERS.setdefault(question, {}), f"{type(reference).__module__}: {reference!r}"
    if key not in answers:
        answers[key] = reference.answer(question).scores
    return answers[key]


@dataclass(frozen=True)
class _Agreement(Metric):
    """Shared by the measures of agreement.

    Where either method is unsigned, absolute scores are compared, else signed ones: see `heedful.metrics.pairwise`.

    Args:
        reference: the method taken for the truth, by name, with settings after a colon.
        support: whether to look at those units alone that both score other than zero, as methods that leave units out
            need.

    Raises:
        SettingError: unknown method; when measuring, the reference cannot answer the question.
        InputError: when measuring, the explanation is over other units.
    """

    reference: str = field(default="shapley-exact", kw_only=True)
    support: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        methods.get(self.reference)

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Compare the scores with those of the reference."""
        check_fit(question, explanation)
        reference = methods.get(self.reference)
        scores, truth = explanation.scores, _scores(question, reference)
        if self.support:
            both = (scores != 0) & (truth != 0)
            scores, truth = scores[both], truth[both]
        if explanation.signed and reference.signed:
            return self._compare(scores, truth, signed=True)
        return self._compare(np.abs(scores), np.abs(truth), signed=False)

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


@dataclass(frozen=True)
class WeightedKendall(_Agreement):
    """Kendall's rank correlation of the scores with those of the reference, the largest of either counting most."""

    card = cards.WEIGHTED_KENDALL

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return weighted_kendall(scores, truth)


@dataclass(frozen=True)
class JensenShannon(_Agreement):
    """Jensen-Shannon divergence, in bits, of the units' shares in all absolute scores from those in the reference."""

    card = cards.JENSEN_SHANNON

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        return jensen_shannon(scores, truth)


@dataclass(frozen=True)
class ExactError(_Agreement):
    """Length of the difference from the reference's scores, as a share of their own length: 1 is no better than zeros.

    Args:
        scaled: whether scores are first multiplied by the best factor that is not negative, so that all but their
            scale is judged; of use for attention weights, which are on no scale of the output.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
        >>> question = ask(classifier, text, Choices())
        >>> ExactError().measure(question, heedful.explain(classifier, text, "kernel-shap")) < 1e-6
        True
    """

    scaled: bool = False

    card = cards.EXACT_ERROR

    def _compare(self, scores: Scores, truth: Scores, *, signed: bool) -> float:
        length = np.linalg.norm(truth)
        if not np.isfinite(scores).all() or not length > 0:
            return math.nan
        if self.scaled:
            unit = scores / (np.abs(scores).max(initial=0.0) or 1.0)  # whose square is neither lost nor too large
            scores = unit * max(unit @ truth, 0.0) / (unit @ unit or 1.0)
        return float(np.linalg.norm(scores - truth) / length)
