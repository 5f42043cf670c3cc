"""How well scores pick out what people marked as the reason for the label."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float64

from heedful.data import Rationale
from heedful.errors import SettingError
from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.base import Metric
from heedful.metrics.rationale import Marked, compare, runs
from heedful.metrics.removal import ORDERS, count, importance, ranked
from heedful.question import Question
from heedful.support.kinds import OneOf


@dataclass(frozen=True)
class Plausibility(Metric):
    """Shared by the metrics that need a rationale. Everything is counted in the rationale's tokens, not in units.

    Nothing here asks the classifier: a classifier may decide well for other reasons than people would, and a faithful
    explanation then looks implausible. Of a text that it gets wrong, the rationale speaks for another class than is
    explained.

    Args:
        threshold: least weight of a marked token: 0.5 for half of the annotators. Where the rationale knows roles, its
            tokens "for" the label are marked instead.
        order: "signed" takes what speaks most for the class first, "size" what has the largest absolute score; "auto":
            signed for methods with signs, by size for the others. Ties keep the text's order.

    Raises:
        SettingError: when measuring, there is no rationale.
        InputError: when measuring, the rationale is of another text.
    """

    threshold: Annotated[float, Gt(0), Le(1)] = field(default=0.5, kw_only=True)
    order: Annotated[str, OneOf(ORDERS)] = field(default="auto", kw_only=True)

    def measure(self, question: Question, explanation: Explanation, rationale: Rationale | None = None) -> float:
        """Compare scores with marks; undefined where no token is marked, or a score is not a number."""
        if rationale is None:
            raise SettingError(f"{self.card.name} needs a rationale, which this text does not have")
        beside = compare(explanation, rationale, self.threshold)
        if not beside.marked.any() or np.isnan(explanation.scores).any():
            return math.nan
        return self._compare(beside, importance(explanation, self.order))

    @abstractmethod
    def _compare(self, beside: Marked, scores: Float64[np.ndarray, " units"]) -> float:
        """Judge scores by the marks."""


@dataclass(frozen=True)
class _Chosen(Plausibility):
    """Shared by both F1 scores, which compare marked tokens with those that score highest.

    Args:
        share: how many tokens are taken, as a share of all, rounded up; none: as many as are marked.
    """

    share: Annotated[float, Gt(0), Le(1)] | None = None

    def _compare(self, beside: Marked, scores: Float64[np.ndarray, " units"]) -> float:
        marked = beside.marked
        n = int(marked.sum()) if self.share is None else count(self.share, len(marked))
        chosen = np.zeros(len(marked), dtype=bool)
        chosen[ranked(beside.of_tokens(scores, -math.inf))[:n]] = True
        return self._f1(chosen & (beside.unit >= 0), marked)

    @abstractmethod
    def _f1(self, chosen: Bool[np.ndarray, " tokens"], marked: Bool[np.ndarray, " tokens"]) -> float:
        """Judge a choice of tokens."""


@dataclass(frozen=True)
class TokenF1(_Chosen):
    """F1 of the tokens that score highest as a forecast of those marked.

    Args:
        share: how many tokens are taken, as a share of all, rounded up; none: as many as are marked.

    Example:
        >>> import heedful
        >>> from heedful.data import Rationale
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> people = Rationale(np.array([[0, 3], [4, 10], [11, 14], [15, 21]]), np.array([0.0, 1.0, 0.0, 1.0]))
        >>> TokenF1(share=0.25).measure(question, exact, people)
        0.6666666666666666
    """

    card = cards.TOKEN_F1

    def _f1(self, chosen: Bool[np.ndarray, " tokens"], marked: Bool[np.ndarray, " tokens"]) -> float:
        return 2.0 * float((chosen & marked).sum()) / float(chosen.sum() + marked.sum())


@dataclass(frozen=True)
class IouF1(_Chosen):
    """F1 of runs of tokens: a run that scores highest counts as right if it overlaps a marked run well enough.

    Args:
        share: how many tokens are taken, as a share of all, rounded up; none: as many as are marked.
        iou: least overlap, as a share of the union of both runs.

    Example:
        >>> IouF1().settings()
        {'threshold': 0.5, 'order': 'auto', 'share': None, 'iou': 0.5}
    """

    iou: Annotated[float, Ge(0.5), Le(1)] = 0.5

    card = cards.IOU_F1

    def _f1(self, chosen: Bool[np.ndarray, " tokens"], marked: Bool[np.ndarray, " tokens"]) -> float:
        forecast, truth = runs(chosen), runs(marked)
        hits = sum(any(_overlap(run, other) >= self.iou for other in truth) for run in forecast)
        return 2.0 * hits / (len(forecast) + len(truth))


@dataclass(frozen=True)
class Auprc(Plausibility):
    """Area under the curve of precision over recall as ever lower scores are taken; tokens of no unit come last.

    Example:
        >>> Auprc().card.needs
        ('rationales',)
    """

    card = cards.AUPRC

    def _compare(self, beside: Marked, scores: Float64[np.ndarray, " units"]) -> float:
        of_tokens = beside.of_tokens(scores, -math.inf)
        order = ranked(of_tokens)
        last = np.append(of_tokens[order][1:] != of_tokens[order][:-1], True)  # equal scores are taken together
        right = np.cumsum(beside.marked[order])[last]
        precision, recall = right / (np.flatnonzero(last) + 1), right / right[-1]
        return float(np.trapezoid(np.append(1.0, precision), np.append(0.0, recall)))


@dataclass(frozen=True)
class MassInside(Plausibility):
    """Share of all scores on marked tokens: of positive scores, or of sizes for methods without signs.

    A unit's score is shared equally by its tokens; with order=size, sizes are shared in any case.

    Example:
        >>> MassInside().card.aliases
        ('relevance-mass',)
    """

    card = cards.MASS_INSIDE

    def _compare(self, beside: Marked, scores: Float64[np.ndarray, " units"]) -> float:
        mass = np.maximum(scores, 0.0)
        if not 0 < mass.max(initial=0.0) < math.inf:
            return math.nan
        mass = mass / mass.max()
        tokens = np.bincount(beside.unit[beside.unit >= 0], minlength=len(mass))
        inside = np.bincount(beside.unit[(beside.unit >= 0) & beside.marked], minlength=len(mass))
        return float(mass @ (inside / np.maximum(tokens, 1)) / mass.sum())


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Length of the intersection of two runs as a share of that of their union."""
    both = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0] - both)
