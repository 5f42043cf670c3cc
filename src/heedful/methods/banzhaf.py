"""Banzhaf values: the mean effect of a unit when every other is kept with chance one half; sampled, or enumerated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from heedful.games.exact import enumeration
from heedful.games.protocol import Game
from heedful.games.sampled.banzhaf import ESTIMATORS, banzhaf_sampled
from heedful.games.sampled.stopping import Sampled, sample_or_enumerate
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.budget import check_masks, masks_of
from heedful.question import Question
from heedful.support.kinds import OneOf


@dataclass(frozen=True)
class Banzhaf(Method):
    """Mean effect of a unit over all masks of the others, all alike; the scores do not add up to the prediction.

    Where all 2^d masks are no more than n_samples they are enumerated: the scores are exact. See `banzhaf_sampled`.

    Args:
        n_samples: masked texts at most, the empty one among them. None: 4,096, and of more than 512
            units 8 a unit; the result's settings have the number.
        estimator: "regression" or "msr".
        paired: draw a mask together with its complement.
        precision: stop once the largest standard error is at most this share of the largest absolute score; None
            takes all samples.

    Raises:
        SettingError: n_samples is below 2 (on a text of d units more may be needed), the estimator unknown, or
            precision not above 0.

    Example:
        >>> Banzhaf(estimator="msr").card.additive
        False
    """

    n_samples: Annotated[int, Ge(2)] | None = None
    estimator: Annotated[str, OneOf(ESTIMATORS)] = "regression"
    paired: bool = True
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    card = cards.BANZHAF

    def answer(self, question: Question) -> Answer:
        """Draw masks, or walk through all of them."""
        game = question.game()
        d = game.n_units
        n_samples = masks_of(self.n_samples, d)

        def sample(game: Game, budget: int) -> Sampled:
            check_masks("banzhaf: n_samples", budget, question, bytes_a_unit=32.0 if self.paired else 64.0)
            return banzhaf_sampled(
                game,
                budget,
                estimator=self.estimator,
                paired=self.paired,
                precision=self.precision,
                seed=question.seed,
            )

        def exact(game: Game) -> tuple[np.ndarray, float]:
            return enumeration.banzhaf(game, d), float(game(np.zeros((1, d), dtype=bool))[0])

        result = sample_or_enumerate(game, n_samples, 1 << d, sample, exact, self.precision)
        return Answer.of_sample(result, game.n_forward, n_samples=n_samples)
