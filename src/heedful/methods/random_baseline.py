"""Random scores: the baseline every comparison needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question


@dataclass(frozen=True)
class Random(Method):
    """Independent standard normal scores that know nothing of the text.

    Example:
        >>> Random().card.access
        'nothing'
    """

    card = cards.RANDOM

    def answer(self, question: Question) -> Answer:
        """Draw one score a unit from the question's seed."""
        return Answer(scores=np.random.default_rng(question.seed).standard_normal(len(question.units)))
