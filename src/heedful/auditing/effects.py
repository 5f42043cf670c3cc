"""The effects of words, which attention is held against: exact Shapley values, or sampled ones in two halves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.explaining.together import outcomes
from heedful.games.exact import batch, shapley
from heedful.methods.base import Method
from heedful.methods.shap import PermutationShap
from heedful.question import Choices, ask_all

SAMPLER = PermutationShap(n_permutations=10)  # for each half

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of a text's units on what is explained.

    Attributes:
        scores: float64 (units,).
        error: certified bound of exact scores; 0 of sampled ones.
        output: the explained output of the whole text.
        halves: two independent estimates of which `scores` is the mean; None where they are exact.
        n_forward: forward passes they took.
    """

    scores: Scores
    error: float
    output: float
    halves: tuple[Scores, Scores] | None
    n_forward: int = 0


def effects(
    classifier: Classifier, texts: Sequence[str], choices: Choices, sampler: Method = SAMPLER
) -> Iterator[Effects]:
    """Yield the effects of every text's units: Shapley values of what the choices explain.

    Exact ones where the texts are ratio games, as those of the paper's classifier are; else the mean of two samples.

    Args:
        classifier: the classifier.
        texts: texts that can be explained.
        choices: with a seed, from which those of the two halves are drawn.
        sampler: the method that samples them, once for each half.

    Raises:
        PrecisionError: exact values cannot be certified.
    """
    questions = ask_all(classifier, texts, choices)
    try:
        games = [question.ratio_game() for question in questions]
    except SettingError:
        yield from _sampled(classifier, texts, choices, sampler)
        return
    for question, result in zip(questions, batch(shapley, games), strict=True):
        yield Effects(result.values, result.error_bound, question.prediction, None)


def _sampled(classifier: Classifier, texts: Sequence[str], choices: Choices, sampler: Method) -> Iterator[Effects]:
    halves = []
    for half in range(2):
        seed = int(np.random.SeedSequence((choices.seed, half)).generate_state(1)[0])
        questions = ask_all(classifier, texts, replace(choices, seed=seed))
        halves.append([outcome.answer for outcome in outcomes(sampler, questions)])
    for question, one, other in zip(questions, *halves, strict=True):
        scores = (one.scores + other.scores) / 2
        yield Effects(scores, 0.0, question.prediction, (one.scores, other.scores), one.n_forward + other.n_forward)
