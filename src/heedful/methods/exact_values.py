"""Shapley and Banzhaf values and LIME without sampling, for the paper's classifier: numerically exact, certified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heedful.errors import SettingError
from heedful.games import exact
from heedful.methods.base import Answer, Card, Method
from heedful.question import Question


@dataclass(frozen=True)
class _Exact(Method):
    """Shared by the exact methods.

    Args:
        tolerance: largest certified error allowed, as a share of the largest score.

    Raises:
        SettingError: the tolerance is not positive; when answering, the question is not a ratio game.
        PrecisionError: when answering, if the tolerance cannot be met.
    """

    tolerance: float = 1e-9

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < np.inf:
            raise SettingError(f"tolerance must be a number above 0, got {self.tolerance}")


@dataclass(frozen=True)
class ShapleyExact(_Exact):
    """Shapley values over all 2^d coalitions, by quadrature.

    Example:
        >>> ShapleyExact().card.additive
        True
    """

    card = Card(
        "shapley-exact",
        (),
        "exact",
        True,
        "softmax pooling",
        "none",
        "docs/theory.md",
        additive=True,
        removes=True,
    )

    def answer(self, question: Question) -> Answer:
        """Integrate over the chance of keeping the other units."""
        return _answer(exact.shapley(question.ratio_game(), self.tolerance))


@dataclass(frozen=True)
class BanzhafExact(_Exact):
    """Banzhaf values: the average effect of a unit when every other is kept with chance one half, by quadrature."""

    card = Card("banzhaf-exact", (), "exact", True, "softmax pooling", "none", "docs/theory.md", removes=True)

    def answer(self, question: Question) -> Answer:
        """Integrate at chance one half."""
        return _answer(exact.banzhaf(question.ratio_game(), self.tolerance))


@dataclass(frozen=True)
class LimeExact(_Exact):
    """LIME's coefficients in the limit of infinitely many samples, by quadrature.

    Args:
        kernel_width: as for `lime`.
        n_samples: None for the limit; else the expected normal equations at so many samples, with the ridge.
        ridge: penalty at finite `n_samples`.
    """

    kernel_width: float = 0.25
    n_samples: int | None = None
    ridge: float = 1.0

    card = Card(
        "lime-exact",
        (),
        "exact",
        True,
        "softmax pooling",
        "none",
        "docs/theory.md; Mardaoui, Garreau 2021",
        removes=True,
    )

    def answer(self, question: Question) -> Answer:
        """Integrate over LIME's samples by size."""
        fit = exact.lime(question.ratio_game(), self.kernel_width, self.n_samples, self.ridge, self.tolerance)
        return Answer(scores=fit.values, base_value=float(fit.intercept), error_bound=fit.error_bound)


def _answer(result: exact.Semivalue) -> Answer:
    return Answer(scores=result.values, base_value=float(result.base_value), error_bound=result.error_bound)
