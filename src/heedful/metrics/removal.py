"""What metrics of faithfulness share: units in the order of their scores, and the output as these are removed."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import InputError, SettingError
from heedful.explanation import Explanation
from heedful.games.output import KINDS
from heedful.metrics.base import Metric
from heedful.question import Question
from heedful.support.kinds import OneOf

OUTPUTS = (*KINDS, "explained")
ORDERS = ("auto", "signed", "size")


def values(question: Question, masks: Bool[np.ndarray, "n units"], output: str) -> Float64[np.ndarray, " n"]:
    """Return an output of the explained class as units are removed; one batch, equal masks once.

    Args:
        question: the question; its masking says how units are removed.
        masks: True keeps a unit.
        output: one of `OUTPUTS`; "explained" is the output that the question is about.

    Raises:
        SettingError: the classifier has no such output; the message says what to use instead.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> question = ask(heedful.load("demo"), "The acting was superb.", Choices())
        >>> whole = np.ones((1, len(question.units)), dtype=bool)
        >>> bool(np.isclose(values(question, whole, "explained")[0], question.prediction))
        True
    """
    if output == "probability":
        check_classes(question, "a probability: use output=logit")
    chosen = question.output if output == "explained" else question.output_of(output, question.output.target)
    return chosen(question.logits_of(masks)) if len(masks) else np.zeros(0)


def check_classes(question: Question, instead: str) -> None:
    """Raise SettingError for a classifier that predicts a number."""
    if question.classifier.model.config.problem_type == "regression":
        raise SettingError(f"{question.classifier.name} predicts a number, not {instead}")


def check_fit(question: Question, explanation: Explanation) -> None:
    """Raise InputError for an explanation of another text, over other units, or of another class or output."""
    if len(explanation) != len(question.units):
        raise InputError(
            f"the explanation by {explanation.method} has {len(explanation)} units, the question "
            f"{len(question.units)}: ask with the unit and the text of the explanation"
        )
    pairs = {
        "text": (explanation.text, question.encoded.text),
        "unit": (explanation.units, question.units.strings),
        "target": (explanation.target, question.output.target),
        "output": (explanation.output, question.output.kind),
    }
    other = [name for name, (one, asked) in pairs.items() if one != asked]
    if other:
        raise InputError(
            f"the explanation by {explanation.method} is of another {' and '.join(other)} than the question: ask with "
            "the choices of the explanation"
        )


def importance(explanation: Explanation, order: str = "auto") -> Float64[np.ndarray, " units"]:
    """Return what units are ordered by: scores, or their sizes.

    Args:
        explanation: the explanation.
        order: "signed" (what speaks most for the class comes first), "size", or "auto": signed for methods with signs,
            by size for the others.
    """
    signed = explanation.signed if order == "auto" else order == "signed"
    return explanation.scores if signed else np.abs(explanation.scores)


def ranked(scores: Float64[np.ndarray, " units"]) -> Int64[np.ndarray, " units"]:
    """Return the units from the largest score to the smallest; ties keep the text's order.

    Example:
        >>> ranked(np.array([0.5, 2.0, -1.0, 2.0]))
        array([1, 3, 0, 2])
    """
    return np.argsort(-scores, kind="stable").astype(np.int64)


def first(order: Int64[np.ndarray, " units"], counts: Sequence[int]) -> Bool[np.ndarray, "n units"]:
    """Return masks that keep the first so many units of an order; their complements remove them.

    Example:
        >>> first(np.array([1, 0, 2]), [1, 2])
        array([[False,  True, False], [ True,  True, False]])
    """
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place < np.asarray(counts, dtype=np.int64)[:, None]


def count(share: float, n_units: int) -> int:
    """Return how many units a share of them is: rounded up, so that any share above 0 is at least one.

    Example:
        >>> count(0.01, 30), count(0.1, 30), count(0.2, 7)
        (1, 3, 2)
    """
    return math.ceil(round(share * n_units, 9))


@dataclass(frozen=True)
class RemovalSettings(Metric):
    """Shared by metrics that remove or keep units by their scores.

    Args:
        output: of the explained class, "probability", "logit" or "logit_difference"; or "explained", the output that
            the scores are of.
        order: "signed" removes first what speaks most for the class, "size" what has the largest absolute score;
            "auto": signed for methods with signs, by size for the others. Ties keep the text's order.

    Raises:
        InputError: when measuring, the explanation is over other units.
        SettingError: when measuring, the classifier has no such output.
    """

    output: Annotated[str, OneOf(OUTPUTS)] = field(default="probability", kw_only=True)
    order: Annotated[str, OneOf(ORDERS)] = field(default="auto", kw_only=True)


@dataclass(frozen=True)
class ByRemoval(RemovalSettings):
    """Shared by metrics that remove or keep units in the order of their scores; settings as in `RemovalSettings`."""

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Remove units in the order of their scores; undefined where a score is not a number."""
        check_fit(question, explanation)
        if np.isnan(explanation.scores).any():
            return math.nan
        return self._measure(question, ranked(importance(explanation, self.order)))

    @abstractmethod
    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        """Judge an order of the units."""
