"""Infidelity: how badly sums of scores say what removing several units at once does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Bool, Float64

from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.base import Metric
from heedful.metrics.removal import OUTPUTS, check_fit, values
from heedful.question import Question
from heedful.support.kinds import OneOf


@dataclass(frozen=True)
class Infidelity(Metric):
    """Mean squared error of summed scores as forecasts of how far the output falls without random sets of units.

    Scores may be in any unit, such as attention weights, so by default they are first multiplied by the best factor
    that is not negative, and the error is a share of the mean squared fall: 0 for effects that add up, 1 for scores
    that say nothing. The sets depend on the question and its seed alone: all methods meet the same.

    Args:
        n_samples: sets of units drawn.
        share: chance of every unit to be removed.
        scaled: whether to scale so; if not, the plain mean squared error in squares of the output's unit.
        output: "explained", the output that the scores are of, or that of another kind.

    Raises:
        InputError: when measuring, the explanation is over other units.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
        >>> question = ask(classifier, text, Choices())
        >>> exact, random = (heedful.explain(classifier, text, name) for name in ("shapley-exact", "random"))
        >>> Infidelity().measure(question, exact) < Infidelity().measure(question, random)
        True
    """

    n_samples: Annotated[int, Ge(1)] = 100
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    scaled: bool = True
    output: Annotated[str, OneOf(OUTPUTS)] = "explained"

    card = cards.INFIDELITY

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Compare sums of scores with falls; undefined where a score is not finite, or scaled where nothing falls."""
        check_fit(question, explanation)
        if not np.isfinite(explanation.scores).all():
            return math.nan
        kept = self._drawn(question)
        after = values(question, np.concatenate([np.ones((1, kept.shape[1]), dtype=bool), kept]), self.output)
        return self._error(~kept @ explanation.scores, after[0] - after[1:])

    def _drawn(self, question: Question) -> Bool[np.ndarray, "n units"]:
        rng = np.random.default_rng(question.seed)
        return rng.random((self.n_samples, len(question.units))) >= self.share

    def _error(self, told: Float64[np.ndarray, " n"], falls: Float64[np.ndarray, " n"]) -> float:
        if not self.scaled:
            return float(np.mean((told - falls) ** 2))
        if not falls.any():
            return math.nan
        told, falls = told / (np.abs(told).max() or 1.0), falls / np.abs(falls).max()  # no square is lost or too large
        factor = max(told @ falls, 0.0) / (told @ told or 1.0)
        return float(np.mean((factor * told - falls) ** 2) / np.mean(falls**2))
