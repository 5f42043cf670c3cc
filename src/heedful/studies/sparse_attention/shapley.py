"""Shapley values in the control, whose scores and values are functions of a word and its place alone.

There the text with some words unknown is pooled from two rows of arrays, that of the text and that of unknown words: no
forward pass. Under the softmax it is a ratio game, whose values are exact. Under entmax it is not: short texts are
enumerated, which is exact, too; of others permutations are sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import enumeration
from heedful.games.sampled.permutations import permutation_shapley
from heedful.studies.sparse_attention.looking import Look, Pool, Vector, entmax

FEW = 9  # words whose masks are all walked through


@dataclass(frozen=True, eq=False)
class PoolGame:
    """The logit of a class less the other's, as a function of which words are kept; the others are unknown.

    Attributes:
        kept, unknown: the text's pool, and that of a text of unknown words as long.
        is_word: which tokens are words; the others always stay.
        target: the class.
    """

    kept: Pool
    unknown: Pool
    is_word: Bool[np.ndarray, " tokens"]
    target: int

    @property
    def n_units(self) -> int:
        """Number of words."""
        return int(self.is_word.sum())

    @property
    def n_forward(self) -> int:
        """Always 0."""
        return 0

    def __call__(self, masks: Bool[np.ndarray, "n words"]) -> Float64[np.ndarray, " n"]:
        """Values of the masks; True keeps a word."""
        stays = np.ones((len(masks), len(self.is_word)), dtype=bool)
        stays[:, self.is_word] = masks
        weights = entmax(np.where(stays, self.kept.scores, self.unknown.scores), self.kept.alpha)
        values = np.where(stays, self.worth(self.kept), self.worth(self.unknown))
        bias = self.kept.bias[self.target] - self.kept.bias[1 - self.target]
        return (weights * values).sum(1) + bias

    def worth(self, pool: Pool) -> Float64[np.ndarray, " tokens"]:
        """What each token adds to the difference of logits, if it has all weight."""
        return pool.values[:, self.target] - pool.values[:, 1 - self.target]

    def ratio_game(self) -> RatioGame:
        """The same game for the exact engine; softmax alone. The bias, which no word changes, is left out."""
        words, rest = self.is_word, ~self.is_word

        def terms(pool: Pool) -> Terms:
            return Terms(pool.scores[None, words], self.worth(pool)[None, words])

        fixed = Terms(self.kept.scores[rest], self.worth(self.kept)[rest]) if rest.any() else Terms.none(1)
        return RatioGame(terms(self.kept), terms(self.unknown), fixed)


def shapley(seen: Look, unknown: Pool, n_permutations: int, seed: int) -> tuple[Vector, float]:
    """Return the Shapley values of the words, and their largest standard error as a share of the largest of them.

    Args:
        seen: a text of the control.
        unknown: pool of a text of unknown words as long.
        n_permutations: walked where values are sampled, every other one in reverse.
        seed: of the permutations.
    """
    game = PoolGame(seen.pool, unknown, seen.is_word, seen.predicted)
    if seen.pool.alpha == 1:
        return exact.shapley(game.ratio_game()).values, 0.0
    if game.n_units <= FEW:
        return enumeration.shapley(game, game.n_units), 0.0
    sampled = permutation_shapley(game, n_permutations, seed=seed)
    largest = float(np.abs(sampled.values).max())
    return sampled.values, float(sampled.std_error.max()) / largest if largest > 0 else 0.0
