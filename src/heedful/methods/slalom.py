"""The SLALOM surrogate (Leemann et al. 2025) fitted to any classifier: its scores, its exact Shapley values and LIME.

These explain the surrogate, not the classifier: `details["fidelity"]` of each result says how well the one fits the
other, and a surrogate that fits no better than a constant is refused. See `heedful.games.surrogate.slalom`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt

from heedful.games import exact
from heedful.games.sampled.stopping import FEW
from heedful.games.surrogate import slalom
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.budget import check_masks
from heedful.question import Question
from heedful.support.kinds import OneOf

SCORES = ("linear", "value", "removal", "importance")


@dataclass(frozen=True)
class _OfSurrogate(Method):
    """Shared by the methods that fit the surrogate first; equal seeds fit the same one.

    Args:
        n_samples: masked texts at most, for the fit and for measuring it.
        sampling: which masks are fitted: "short", "deletions", "sizes" or "mixed"; see
            `heedful.games.surrogate.slalom.fit`.
        fixed: whether what no masking removes, special tokens or replacements, is a term of its own; the paper has
            none.

    Raises:
        SettingError: a setting is out of range; when answering, the surrogate is no better than a constant.
    """

    n_samples: Annotated[int, Ge(slalom.LEAST)] = 1000
    sampling: Annotated[str, OneOf(slalom.SAMPLINGS)] = "mixed"
    fixed: bool = True

    def _fit(self, question: Question) -> tuple[slalom.Slalom, dict[str, Any]]:
        """The surrogate, and what every answer says about it."""
        game = question.game()
        if game.n_units > FEW:  # of fewer all masks are listed
            side = min(game.n_units, self.n_samples)
            check_masks(f"{self.card.name}: n_samples", self.n_samples, question, bytes_a_unit=64.0, side=side)
        surrogate = slalom.fit(game, self.n_samples, self.sampling, fixed=self.fixed, seed=question.seed)
        details = {
            "fidelity": surrogate.fidelity,
            "n_held_out": float(surrogate.n_held_out),
            "n_evaluations": float(surrogate.n_evaluations),
            "surrogate_prediction": float(surrogate.game.ends()[1]),
        }
        return surrogate, {
            "n_forward": game.n_forward,
            "settings": {"explains": "SLALOM surrogate"},
            "details": details,
        }


@dataclass(frozen=True)
class Slalom(_OfSurrogate):
    """What the surrogate knows of each unit: its importance s and value v, one number at a time.

    Args:
        score: "linear", exp(s) v: with exp(s) the shares of the whole text, scores and base value add up to the
            surrogate's prediction; "value", v: the output if the unit were all there is; "removal": the fall of the
            surrogate's score when the unit is removed; or "importance", the share exp(s), unsigned. A constant added
            to the output changes the first two.

    Example:
        >>> Slalom(score="value").settings()
        {'n_samples': 1000, 'sampling': 'mixed', 'fixed': True, 'score': 'value'}
    """

    score: Annotated[str, OneOf(SCORES)] = "linear"

    card = cards.SLALOM

    @property
    def signed(self) -> bool:
        """False for importances."""
        return self.score != "importance"

    def answer(self, question: Question) -> Answer:
        """Fit, and read the scores off."""
        surrogate, known = self._fit(question)
        scores = {
            "linear": surrogate.linear,
            "value": surrogate.value,
            "removal": surrogate.removal,
            "importance": surrogate.share,
        }
        return Answer(scores=scores[self.score], base_value=surrogate.base if self.score == "linear" else None, **known)


@dataclass(frozen=True)
class _ExactOfSurrogate(_OfSurrogate):
    """Numerically exact values of the surrogate.

    `details["surrogate_error_bound"]` certifies them as values of the surrogate; as values of the classifier they carry
    no certificate.

    Args:
        tolerance: largest certified error allowed, as a share of the largest score.

    Raises:
        PrecisionError: when answering, if the tolerance cannot be met.
    """

    tolerance: Annotated[float, Gt(0), Lt(math.inf)] = 1e-9


@dataclass(frozen=True)
class SlalomShapley(_ExactOfSurrogate):
    """Shapley values of the surrogate over all 2^d coalitions; they add up to its own change of score."""

    card = cards.SLALOM_SHAPLEY

    def answer(self, question: Question) -> Answer:
        """Fit, then integrate."""
        surrogate, known = self._fit(question)
        result = exact.shapley(surrogate.game, self.tolerance)
        known["details"]["surrogate_error_bound"] = result.error_bound
        return Answer(scores=result.values, base_value=float(result.base_value), **known)


@dataclass(frozen=True)
class SlalomLime(_ExactOfSurrogate):
    """LIME's coefficients on the surrogate, in the limit of infinitely many samples.

    Args:
        kernel_width: as for `lime`.
    """

    kernel_width: Annotated[float, Gt(0)] = 0.25

    card = cards.SLALOM_LIME

    def answer(self, question: Question) -> Answer:
        """Fit, then integrate."""
        surrogate, known = self._fit(question)
        result = exact.lime(surrogate.game, self.kernel_width, tolerance=self.tolerance)
        known["details"]["surrogate_error_bound"] = result.error_bound
        return Answer(scores=result.values, base_value=float(result.intercept), **known)
