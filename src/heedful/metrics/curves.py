"""Areas under the output as units are removed, or put back, one by one in the order of their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64, Int64

from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.removal import ByRemoval, check_fit, first, importance, ranked, values
from heedful.question import Question

SHARES = np.linspace(0, 1, 11)  # of the units: where a curve is told


@dataclass(frozen=True)
class _Area(ByRemoval):
    """Shared by both curves: the share of units removed or put back runs from 0 to 1, so the area is a mean output.

    Args:
        steps: most steps; texts with no more units go one by one.
    """

    steps: Annotated[int, Ge(1)] = 50

    keep: ClassVar[bool]

    def curve(self, question: Question, explanation: Explanation) -> Float64[np.ndarray, 11]:
        """Return the output at shares 0, 0.1, ..., 1 of the units, between steps along a straight line.

        Raises:
            InputError, SettingError: as for `measure`.
        """
        check_fit(question, explanation)
        if np.isnan(explanation.scores).any():
            return np.full(len(SHARES), math.nan)
        return np.interp(SHARES, *self._steps(question, ranked(importance(explanation, self.order))))

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        shares, heights = self._steps(question, order)
        return float(np.trapezoid(heights, shares))

    def _steps(
        self, question: Question, order: Int64[np.ndarray, " units"]
    ) -> tuple[Float64[np.ndarray, " steps"], Float64[np.ndarray, " steps"]]:
        """Shares of the units that are removed or put back, and the output at each."""
        d = len(order)
        counts = np.unique(np.round(np.linspace(0, d, min(d, self.steps) + 1)).astype(np.int64))
        top = first(order, counts.tolist())
        return counts / d, values(question, top if self.keep else ~top, self.output)


@dataclass(frozen=True)
class Deletion(_Area):
    """Area under the output as units are removed, the highest score first: low where these carry the output.

    Args:
        steps: most steps; texts with no more units go one by one.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> Deletion().measure(question, exact) < Insertion().measure(question, exact)
        True
    """

    card = cards.DELETION
    keep = False


@dataclass(frozen=True)
class Insertion(_Area):
    """Area under the output as units are put back into the empty text, the highest score first.

    Args:
        steps: most steps; texts with no more units go one by one.

    Example:
        >>> Insertion(steps=10).settings()
        {'output': 'probability', 'order': 'auto', 'steps': 10}
    """

    card = cards.INSERTION
    keep = True
