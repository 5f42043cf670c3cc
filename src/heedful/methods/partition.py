"""Owen values: Shapley values over a hierarchy of sentences and their words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from heedful.games.exact import enumeration
from heedful.games.protocol import Game
from heedful.games.sampled.owen import owen_sampled
from heedful.games.sampled.stopping import Sampled, sample_or_enumerate
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.budget import masks_of
from heedful.question import Question
from heedful.support.budget import check_budget
from heedful.text.units import sentence_of


@dataclass(frozen=True)
class Partition(Method):
    """Owen values: the credit is shared among the sentences as Shapley values are, and each sentence's among its units.

    A unit is judged beside whole other sentences, kept or removed, and parts of its own. A word type belongs to the
    sentence in which it first occurs. Units that are sentences themselves, and texts of one sentence, have one level
    alone: there these are Shapley values. Of two texts, each has sentences of its own.

    Where it takes no more than n_samples evaluations, every coalition that matters is enumerated and the scores are
    exact: with m sentences of b units each 2^m + m 2^(m-1) (2^b - 2). Else permutations that keep sentences together
    are walked, each with its reverse.

    shap's `PartitionExplainer` shares among the two children of every node of a binary tree of tokens, and stops at its
    budget, where it splits what is left evenly. On two sentences of at most two words it means the same.

    Args:
        n_samples: masked texts at most, the whole and the empty one among them. None: 4,096, and of more than 512
            units 8 a unit; the result's settings have the number.
        precision: stop once the largest standard error is at most this share of the largest absolute score; None
            takes all samples.

    Raises:
        SettingError: n_samples is below 2 (on a text of d units: below 2 d), or precision not above 0.

    Example:
        >>> Partition().card.additive
        True
    """

    n_samples: Annotated[int, Ge(2)] | None = None  # for no unit and for all
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    card = cards.PARTITION

    def answer(self, question: Question) -> Answer:
        """Enumerate, or walk permutations that keep sentences together."""
        game, unions = question.game(), sentence_of(question.units, question.encoded.text)

        def sample(game: Game, budget: int) -> Sampled:
            check_budget("partition: n_samples", budget)
            return owen_sampled(game, unions, budget, precision=self.precision, seed=question.seed)

        def exact(game: Game) -> tuple[np.ndarray, float]:
            return enumeration.owen(game, unions), float(game(np.zeros((1, len(unions)), dtype=bool))[0])

        n_samples = masks_of(self.n_samples, len(unions))
        needed = enumeration.owen_evaluations(unions)
        result = sample_or_enumerate(game, n_samples, needed, sample, exact, self.precision)
        answer = Answer.of_sample(result, game.n_forward, n_samples=n_samples)
        return replace(answer, details={**answer.details, "n_sentences": float(unions.max() + 1)})
