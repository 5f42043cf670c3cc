"""Integrated gradients (Sundararajan, Taly, Yan 2017): gradients along a straight path of word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from jaxtyping import Float64

from heedful.classifier.inside import Inside, Vectors
from heedful.errors import SettingError
from heedful.games.output import Output
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.kinds import OneOf
from heedful.support.progress import counted

_ADDS_UP = 1e-2  # share of the tokens' absolute scores that may be missing where they are called additive
BASELINES = ("auto", "pad", "mask", "unk", "zero")
_MOST_STEPS = 4000  # computing where they lie takes time by their third power: for so many, half a minute


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
        max_steps: most points after doubling; `converged` in `details` is 1 if the tolerance was met by then. If it is
            0, or more than 1 % is missing, the explanation is not called additive.
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
        look = question.look_inside()
        whole = look.vectors()
        name, baseline = self._baseline(question, look, whole)
        ((base_value, _),) = look.gradients(question.output, [baseline])
        rounding = 4 * torch.finfo(question.classifier.model.dtype).eps
        tolerance, n_steps = max(self.tolerance, rounding), self.n_steps
        while True:
            scores = _integral(look, question.output, baseline, whole, n_steps)
            gap = float(scores.sum() - (question.prediction - base_value))
            size = float(np.abs(scores).sum())
            if abs(gap) <= tolerance * size or 2 * n_steps > self.max_steps:
                break
            n_steps *= 2
        # what is shared out is itself a difference of two rounded outputs
        unsure = rounding * max(abs(question.prediction), abs(base_value))
        converged = abs(gap) <= tolerance * size + unsure
        settings = {"baseline": name, "tolerance": tolerance, "aggregation": "sum over tokens"}
        additive = converged and abs(gap) <= max(_ADDS_UP, rounding) * size + unsure
        if not additive:
            settings["note"] = f"scores do not add up: they miss {abs(gap):.2g} of the difference they should share out"
        return Answer(
            scores=question.units.add_up(scores),
            base_value=base_value,
            additive=None if additive else False,
            n_forward=look.n_forward,
            settings=settings,
            details={"n_steps": float(n_steps), "convergence_gap": gap, "converged": float(converged)},
        )

    def _baseline(self, question: Question, look: Inside, whole: Vectors) -> tuple[str, Vectors]:
        """The kind of baseline, and its vectors."""
        classifier, encoded = question.classifier, question.encoded
        kind = classifier.masking("auto") if self.baseline == "auto" else self.baseline
        token = classifier.replacement_id(kind)
        replaced = question.units.of_token >= 0
        if token is not None:
            return kind, look.vectors_of(np.where(replaced, token, encoded.input_ids))
        if self.baseline not in ("auto", "zero"):
            raise SettingError(f"{classifier.name} has no {kind} token: use baseline 'zero'")
        return "zero", np.where(replaced[:, None], 0.0, whole)


def _integral(
    look: Inside, output: Output, start: Vectors, end: Vectors, n_steps: int
) -> Float64[np.ndarray, " tokens"]:
    """One number a token: the way from start to end times the mean gradient on it."""
    places, weights = _gauss_legendre(n_steps)
    points = counted(start + place * (end - start) for place in places)
    slopes = look.gradients(output, points)
    mean = sum(weight * slope for weight, (_, slope) in zip(weights, slopes, strict=True))
    return ((end - start) * mean).sum(axis=1)


@cache
def _gauss_legendre(n: int) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (1.0 + nodes) / 2.0, weights / 2.0
