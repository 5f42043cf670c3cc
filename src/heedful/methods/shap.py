"""Sampled Shapley values (Lundberg and Lee 2017) by permutations and by regression, on any masking, unit and output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from heedful.games.exact import enumeration
from heedful.games.protocol import Game
from heedful.games.sampled.coalitions import SAMPLINGS
from heedful.games.sampled.kernel_regression import kernel_shapley
from heedful.games.sampled.permutations import (
    check_permutations,
    permutation_evaluations,
    permutation_shapley,
    permutations_within,
)
from heedful.games.sampled.stopping import FEW, Sampled, sample_or_enumerate
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.budget import check_masks, masks_of
from heedful.question import Question
from heedful.support.budget import check_budget
from heedful.support.kinds import OneOf

_WALKED = 20  # permutations, where the caller names no number and there are many units


@dataclass(frozen=True)
class PermutationShap(Method):
    """Mean change of the output by each unit when units come back one by one, in random order.

    Where all 2^d masks are no more than the budget, they are enumerated: the scores are exact. See
    `heedful.games.sampled.permutations.permutation_shapley`.

    Args:
        n_permutations: permutations walked at most, reversed ones among them. None: all masks of up to 12 units, and of
            more 10 permutations and their reverses, as shap's `PermutationExplainer` walks them.
        antithetic: share of every permutation that is walked in reverse too; their number must be even, unless none is.
            True (or 1), all of it, gives the smallest error for its forwards as a rule. For texts so long that a
            permutation and its reverse are too much: n_permutations=2 with a share of 0.25 takes 5/8 of their forwards.
        precision: stop once the largest standard error is at most this share of the largest absolute score; None
            walks all.

    Raises:
        SettingError: n_permutations is below 1, or odd with `antithetic`; `antithetic` is outside 0 to 1; precision is
            not above 0.

    Example:
        >>> PermutationShap(n_permutations=100).settings()
        {'n_permutations': 100, 'antithetic': True, 'precision': None}
    """

    n_permutations: Annotated[int, Ge(1)] | None = None
    antithetic: bool | Annotated[float, Ge(0), Le(1)] = True
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    card = cards.PERMUTATION_SHAP

    def __post_init__(self) -> None:
        super().__post_init__()
        check_permutations(self._walked, self.antithetic)

    @property
    def _walked(self) -> int:
        return _WALKED if self.n_permutations is None else self.n_permutations

    def answer(self, question: Question) -> Answer:
        """Walk the permutations, or through all masks."""
        game = question.game()
        d, walked = game.n_units, self._walked

        def sample(game: Game, budget: int) -> Sampled:
            n = min(walked, permutations_within(budget, d, self.antithetic))
            return permutation_shapley(
                game, n, antithetic=self.antithetic, precision=self.precision, seed=question.seed
            )

        def exact(game: Game) -> tuple[np.ndarray, float]:
            return enumeration.shapley(game, d), float(game(np.zeros((1, d), dtype=bool))[0])

        each = permutation_evaluations(2, d, self.antithetic) / 2
        check_budget("permutation-shap: n_permutations", walked, evaluations_each=each)
        budget = permutation_evaluations(walked, d, self.antithetic)
        if self.n_permutations is None and d <= FEW:
            budget = max(budget, 1 << d)
        result = sample_or_enumerate(game, budget, 1 << d, sample, exact, self.precision)
        return Answer.of_sample(result, game.n_forward)


@dataclass(frozen=True)
class KernelShap(Method):
    """The additive game nearest to the output over random coalitions of units, weighted by the Shapley kernel.

    Exact if n_samples reaches 2^d; every unit gets a score, no feature is dropped; see
    `heedful.games.sampled.kernel_regression.kernel_shapley`.

    Args:
        n_samples: masked texts at most, the whole and the empty one among them. None: 4,096, and of more than 512
            units 8 a unit; the result's settings have the number.
        sampling: how often each size of coalition is drawn, "kernel" or "leverage".
        paired: draw a coalition together with its complement.
        precision: stop once the largest standard error is at most this share of the largest absolute score; None
            takes all samples.

    Raises:
        SettingError: n_samples is below 2 (on a text of d units: below 2 d + 2), the sampling unknown, or precision
            not above 0.

    Example:
        >>> KernelShap(sampling="leverage").settings()
        {'n_samples': None, 'sampling': 'leverage', 'paired': True, 'precision': None}
    """

    n_samples: Annotated[int, Ge(2)] | None = None  # for no unit and for all
    sampling: Annotated[str, OneOf(SAMPLINGS)] = "kernel"
    paired: bool = True
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    card = cards.KERNEL_SHAP

    def answer(self, question: Question) -> Answer:
        """Draw coalitions, evaluate them, fit."""
        game = question.game()
        n_samples = masks_of(self.n_samples, game.n_units)
        drawn = min(n_samples, 1 << game.n_units)
        check_masks("kernel-shap: n_samples", drawn, question, bytes_a_unit=32.0 if self.paired else 64.0)
        result = kernel_shapley(
            game,
            n_samples,
            sampling=self.sampling,
            paired=self.paired,
            precision=self.precision,
            seed=question.seed,
        )
        return Answer.of_sample(result, game.n_forward, n_samples=n_samples)
