"""Owen values: Shapley values over a hierarchy of sentences and their words."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from heedful.errors import SettingError
from heedful.games.exact import enumeration
from heedful.games.protocol import Game
from heedful.methods.base import Answer, Card, Method, check_whole
from heedful.methods.shapley_sampling import permutation_shapley, permutations_within
from heedful.methods.stopping import Sampled, check_precision, sample_or_enumerate
from heedful.question import Question
from heedful.units import Units, sentences


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
        n_samples: masked texts at most, the whole and the empty one among them.
        precision: stop once the largest standard error is at most this share of the largest absolute score; None
            takes all samples.

    Raises:
        SettingError: n_samples is below 2 (on a text of d units: below 2 d), or precision not above 0.

    Example:
        >>> Partition().card.additive
        True
    """

    n_samples: int = 4096
    precision: float | None = None

    card = Card(
        "partition",
        ("owen",),
        "perturbation",
        True,
        "outputs",
        "n_samples forwards at most",
        "Owen 1977; Lundberg 2020 (shap's PartitionExplainer)",
        additive=True,
        removes=True,
        random=True,
    )

    def __post_init__(self) -> None:
        check_whole("n_samples", self.n_samples, 2)  # for no unit and for all
        check_precision(self.precision)

    def answer(self, question: Question) -> Answer:
        """Enumerate, or walk permutations that keep sentences together."""
        game, unions = question.game(), sentence_of(question.units, question.encoded.text)

        def sample(game: Game, budget: int) -> Sampled:
            return owen_sampled(game, unions, budget, precision=self.precision, seed=question.seed)

        def exact(game: Game) -> tuple[np.ndarray, float]:
            return enumeration.owen(game, unions), float(game(np.zeros((1, len(unions)), dtype=bool))[0])

        needed = enumeration.owen_evaluations(unions)
        result = sample_or_enumerate(game, self.n_samples, needed, sample, exact, self.precision)
        answer = result.answer(game.n_forward)
        return replace(answer, details={**answer.details, "n_sentences": float(unions.max() + 1)})


def sentence_of(units: Units, text: str) -> Int64[np.ndarray, " units"]:
    """Which sentence each unit begins in, counted from 0 over the sentences in which any does.

    Example:
        >>> units = Units("word", ("A", "b", "c"), (((0, 1),), ((2, 3),), ((5, 6),)), ((1,), (2,), (3,)), 4)
        >>> sentence_of(units, "A b. c")
        array([0, 0, 1])
    """
    ends = [end for _, end in sentences(text)]
    # a token may begin in the white space before its sentence, or be the white space behind the last
    firsts = [min(bisect_right(ends, spans[0][0]), len(ends) - 1) for spans in units.spans]
    return np.unique(np.array(firsts), return_inverse=True)[1].astype(np.int64)


def owen_sampled(
    game: Game, unions: Int64[np.ndarray, " units"], n_samples: int, *, precision: float | None = None, seed: int = 0
) -> Sampled:
    """Owen values from as many permutations that keep unions together, and their reverses, as the budget allows.

    Raises:
        SettingError: the budget does not allow a permutation and its reverse.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> owen_sampled(game, np.array([0, 1]), 100).values.round(9)
        array([ 0.575, -2.175])
    """
    d = len(unions)
    n = permutations_within(n_samples, d, antithetic=True)
    if n < 2:
        raise SettingError(f"{n_samples} samples cannot walk through {d} units: give n_samples of at least {2 * d}")
    return permutation_shapley(game, n, unions=unions, precision=precision, seed=seed)
