"""Shapley and Banzhaf values and LIME without sampling, for the paper's classifier: numerically exact, certified."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from heedful.games import RatioGame, exact
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question, ratio_games


@dataclass(frozen=True)
class _Exact(Method):
    """Shared by the exact methods.

    Args:
        tolerance: largest certified error allowed, as a share of the largest score.

    Raises:
        SettingError: the tolerance is not positive; when answering, the question is not a ratio game.
        PrecisionError: when answering, if the tolerance cannot be met.
    """

    tolerance: Annotated[float, Gt(0), Lt(math.inf)] = 1e-9

    together = 256

    def answer(self, question: Question) -> Answer:
        """Integrate over the random removals of one text."""
        return self._values(question.ratio_game())

    def answers(self, questions: Sequence[Question]) -> Iterable[Answer]:
        """Integrate for several texts, one thread a core."""
        return exact.batch(self._values, ratio_games(questions))

    @abstractmethod
    def _values(self, game: RatioGame) -> Answer:
        """Integrate."""


@dataclass(frozen=True)
class ShapleyExact(_Exact):
    """Shapley values over all 2^d coalitions, by quadrature over the chance of keeping the other units.

    Example:
        >>> ShapleyExact().card.additive
        True
    """

    card = cards.SHAPLEY_EXACT

    def _values(self, game: RatioGame) -> Answer:
        return _answer(exact.shapley(game, self.tolerance))


@dataclass(frozen=True)
class BanzhafExact(_Exact):
    """Banzhaf values: the average effect of a unit when every other is kept with chance one half, by quadrature."""

    card = cards.BANZHAF_EXACT

    def _values(self, game: RatioGame) -> Answer:
        return _answer(exact.banzhaf(game, self.tolerance))


@dataclass(frozen=True)
class LimeExact(_Exact):
    """LIME's coefficients in the limit of infinitely many samples, by quadrature.

    Args:
        kernel_width: as for `lime`.
        n_samples: None for the limit; else the expected normal equations at so many samples, with the ridge.
        ridge: penalty at finite `n_samples`.
    """

    kernel_width: Annotated[float, Gt(0)] = 0.25
    n_samples: Annotated[int, Ge(1)] | None = None
    ridge: Annotated[float, Ge(0), Lt(math.inf)] = 1.0

    card = cards.LIME_EXACT

    def _values(self, game: RatioGame) -> Answer:
        fit = exact.lime(game, self.kernel_width, self.n_samples, self.ridge, self.tolerance)
        return Answer(scores=fit.values, base_value=float(fit.intercept), error_bound=fit.error_bound)


def _answer(result: exact.Semivalue) -> Answer:
    return Answer(scores=result.values, base_value=float(result.base_value), error_bound=result.error_bound)
