"""Integrated gradients (Sundararajan, Taly, Yan 2017): gradients along a straight path of word vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from jaxtyping import Float64

from heedful.classifier import inside
from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.kinds import OneOf
from heedful.support.progress import counted

BASELINES = ("auto", "pad", "mask", "unk", "zero")
_MOST_STEPS = 10_000  # computing where they are takes memory and time by their second and third power


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Difference of word vectors to a baseline times the mean gradient between the two.

    The baseline is the text with every unit's tokens replaced; tokens of no unit (special tokens, and punctuation
    where units are words) stay. So scores share out the difference between the prediction and `base_value`, the output
    at the baseline, as those of a game with masking of the same name do. The mean gradient is a Gauss-Legendre sum,
    captum's default. What it misses shows as the convergence gap, in `details`: sum of the scores minus the
    difference they share out. Errors that cancel between words do not show: a larger `n_steps` brings them out.

    Args:
        n_steps: points on the path, each a forward and a backward pass.
        tolerance: while the gap exceeds this share of the tokens' absolute scores, begin again with twice the points;
            no less than four roundings of the model's own, which are 3 % in bfloat16.
        max_steps: most points after doubling; `converged` in `details` is 1 if the tolerance was met by then, else 0.
        baseline: what replaces a token: the word vector of the "pad", "mask" or "unk" token, "zero" for zeros, or
            "auto" for the classifier's own masking where that is a token, else "zero".

    Raises:
        SettingError: a number is out of its range or the baseline unknown; when answering, if the classifier has no
            such token.

    Example:
        >>> IntegratedGradients(tolerance=np.inf).settings()
        {'n_steps': 50, 'tolerance': inf, 'max_steps': 1600, 'baseline': 'auto'}
    """

    n_steps: Annotated[int, Ge(1), Le(_MOST_STEPS)] = 50
    tolerance: Annotated[float, Ge(0)] = 1e-3
    max_steps: Annotated[int, Ge(0), Le(_MOST_STEPS)] = 1600
    baseline: Annotated[str, OneOf(BASELINES)] = "auto"

    card = cards.INTEGRATED_GRADIENTS

    def answer(self, question: Question) -> Answer:
        """Integrate, with more and more points until the scores add up."""
        classifier, encoded, output = question.classifier, question.encoded, question.output
        whole = inside.own_vectors(classifier, encoded)
        name, baseline = self._baseline(question, whole)
        ((base_value, _),) = inside.gradients(classifier, encoded, output, [baseline])
        tolerance = max(self.tolerance, 4 * torch.finfo(classifier.model.dtype).eps)
        n_forward, n_steps = 3, self.n_steps  # the check of the word vectors takes two
        while True:
            places, weights = _gauss_legendre(n_steps)
            points = counted(baseline + place * (whole - baseline) for place in places)
            slopes = inside.gradients(classifier, encoded, output, points)
            mean = sum(weight * slope for weight, (_, slope) in zip(weights, slopes, strict=True))
            scores = ((whole - baseline) * mean).sum(axis=1)
            n_forward += n_steps
            gap = float(scores.sum() - (question.prediction - base_value))
            converged = abs(gap) <= tolerance * np.abs(scores).sum()
            if converged or 2 * n_steps > self.max_steps:
                break
            n_steps *= 2
        return Answer(
            scores=question.units.add_up(scores),
            base_value=base_value,
            n_forward=n_forward,
            settings={"baseline": name, "tolerance": tolerance, "aggregation": "sum over tokens"},
            details={"n_steps": float(n_steps), "convergence_gap": gap, "converged": float(converged)},
        )

    def _baseline(
        self, question: Question, whole: Float64[np.ndarray, "tokens size"]
    ) -> tuple[str, Float64[np.ndarray, "tokens size"]]:
        """The kind of baseline, and its vectors."""
        classifier, encoded = question.classifier, question.encoded
        kind = classifier.masking("auto") if self.baseline == "auto" else self.baseline
        token = classifier.replacement_id(kind)
        replaced = question.units.of_token >= 0
        if token is not None:
            other = replace(encoded, input_ids=np.where(replaced, token, encoded.input_ids))
            return kind, inside.word_vectors(classifier, other).detach().cpu().double().numpy()
        if self.baseline not in ("auto", "zero"):
            raise SettingError(f"{classifier.name} has no {kind} token: use baseline 'zero'")
        return "zero", np.where(replaced[:, None], 0.0, whole)


@cache
def _gauss_legendre(n: int) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (1.0 + nodes) / 2.0, weights / 2.0
