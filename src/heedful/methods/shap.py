"""Sampled Shapley values (Lundberg and Lee 2017) by permutations and by regression, on any masking, unit and output."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.games.protocol import Game
from heedful.methods.base import Answer, Card, Method
from heedful.methods.shapley_sampling import (
    Sampled,
    check_permutations,
    check_sampling,
    kernel_shapley,
    permutation_shapley,
)
from heedful.question import Question


@dataclass(frozen=True)
class PermutationShap(Method):
    """Mean change of the output by each unit when units come back one by one, in random order.

    The default walks 10 permutations and their reverses, as shap's `PermutationExplainer` does; see
    `heedful.methods.shapley_sampling.permutation_shapley`.

    Args:
        n_permutations: permutations walked, reversed ones among them.
        antithetic: walk every permutation in reverse too; their number must be even then.

    Raises:
        SettingError: n_permutations is below 1, or odd with `antithetic`.

    Example:
        >>> PermutationShap(n_permutations=100).settings()
        {'n_permutations': 100, 'antithetic': True}
    """

    n_permutations: int = 20
    antithetic: bool = True

    card = Card(
        "permutation-shap",
        (),
        "perturbation",
        True,
        "outputs",
        "n_permutations (d - 1) + 2 forwards",
        "Castro, Gomez, Tejada 2009; Mitchell, Cooper, Frank, Holmes 2022",
        additive=True,
        removes=True,
        random=True,
    )

    def __post_init__(self) -> None:
        check_permutations(self.n_permutations, self.antithetic)

    def answer(self, question: Question) -> Answer:
        """Walk the permutations."""
        game = question.game()
        return _answer(
            game, permutation_shapley(game, self.n_permutations, antithetic=self.antithetic, seed=question.seed)
        )


@dataclass(frozen=True)
class KernelShap(Method):
    """The additive game nearest to the output over random coalitions of units, weighted by the Shapley kernel.

    Exact if n_samples reaches 2^d; every unit gets a score, no feature is dropped; see
    `heedful.methods.shapley_sampling.kernel_shapley`.

    Args:
        n_samples: masked texts at most, the whole and the empty one among them.
        sampling: how often each size of coalition is drawn, "kernel" or "leverage".
        paired: draw a coalition together with its complement.

    Raises:
        SettingError: n_samples is below 2 (on a text of d units: below 2 d + 2), or the sampling unknown.

    Example:
        >>> KernelShap(sampling="leverage").settings()
        {'n_samples': 2048, 'sampling': 'leverage', 'paired': True}
    """

    n_samples: int = 2048
    sampling: str = "kernel"
    paired: bool = True

    card = Card(
        "kernel-shap",
        (),
        "perturbation",
        True,
        "outputs",
        "n_samples forwards, 2^d at most",
        "Lundberg, Lee 2017; Covert, Lee 2021; Musco, Witter 2025",
        additive=True,
        removes=True,
        random=True,
    )

    def __post_init__(self) -> None:
        check_sampling(self.n_samples, self.sampling)

    def answer(self, question: Question) -> Answer:
        """Draw coalitions, evaluate them, fit."""
        game = question.game()
        return _answer(
            game,
            kernel_shapley(game, self.n_samples, sampling=self.sampling, paired=self.paired, seed=question.seed),
        )


def _answer(game: Game, sampled: Sampled) -> Answer:
    return Answer(
        scores=sampled.values,
        base_value=sampled.base_value,
        std_error=sampled.std_error,
        n_forward=game.n_forward,
        details={
            "n_evaluations": float(sampled.n_evaluations),
            "degrees_of_freedom": float(sampled.degrees_of_freedom),
        },
    )
