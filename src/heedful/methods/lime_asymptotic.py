"""LIME by formula, for the paper's classifier: the paper's approximation for long texts, and a corrected one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from heedful.games import formulas
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.kinds import OneOf

FORMULAS = ("corrected", "paper")


@dataclass(frozen=True)
class LimeAsymptotic(Method):
    """LIME's coefficients in the limit of infinitely many samples, approximated for long texts; `lime-exact` has them.

    An approximation without an error bound: see `heedful.games.formulas` for what each formula leaves out.

    Args:
        formula: "corrected", off by O(1/d^2) where coefficients are O(1/d); or "paper", the published one.
        kernel_width: as for `lime`; the paper's formula knows none, and says infinity in its result.

    Raises:
        SettingError: unknown formula, or a width that is not positive; when answering, the question is not a ratio
            game.

    Example:
        >>> LimeAsymptotic().settings()
        {'formula': 'corrected', 'kernel_width': 0.25}
    """

    formula: Annotated[str, OneOf(FORMULAS)] = "corrected"
    kernel_width: Annotated[float, Gt(0)] = 0.25

    card = cards.LIME_ASYMPTOTIC

    def answer(self, question: Question) -> Answer:
        """Put the text's weights and values into the formula."""
        game = question.ratio_game()
        if self.formula == "paper":
            return Answer(scores=formulas.paper_lime(game), settings={"kernel_width": math.inf})
        return Answer(scores=formulas.lime(game, self.kernel_width))
