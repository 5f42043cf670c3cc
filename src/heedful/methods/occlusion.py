"""Occlusion: remove one unit at a time and see how far the output falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question


@dataclass(frozen=True)
class Occlusion(Method):
    """Leave one out: the output of the whole text minus the output without the unit (Zeiler and Fergus 2014).

    Example:
        >>> Occlusion().card.cost
        'd + 1 forwards'
    """

    card = cards.OCCLUSION

    def answer(self, question: Question) -> Answer:
        """Evaluate the text without each unit, and the whole."""
        game = question.game()
        whole = np.ones((1, game.n_units), dtype=bool)
        values = game(np.concatenate([whole, ~np.eye(game.n_units, dtype=bool)]))
        return Answer(scores=values[0] - values[1:], n_forward=game.n_forward)
