"""Gradients of the output by the token vectors, in closed form where there is one, else by autograd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.kinds import OneOf

ENGINES = ("auto", "closed-form", "autograd")
SUMMARIES = ("l2", "l1", "mean", "gxi")
_NEARLY_ORTHOGONAL = 0.1  # of the cosine of two random directions, 1 / sqrt(size)

Vectors = Float64[np.ndarray, "tokens size"]


def direction(summary: str, gradient: Vectors, vectors: Vectors, eps: float) -> Vectors:
    """Derivative u of a summary of every token's gradient g; the summary itself is u . g.

    Rows of u are 0 where u . g would be rounding and nothing else. For "mean" they all are in models that pass word
    vectors through a LayerNorm (most but Llama's kin): it does not see a constant added to all components.

    Args:
        summary: one of `SUMMARIES`.
        gradient: g.
        vectors: the tokens' own vectors, for "gxi".
        eps: relative rounding of what computed the gradient.

    Example:
        >>> g = np.array([[3.0, -4.0]])
        >>> [float((direction(name, g, np.array([[1.0, 2.0]]), 1e-16) * g).sum()) for name in SUMMARIES]
        [5.0, 7.0, -0.5, -5.0]
    """
    size = gradient.shape[1]
    if summary == "l2":
        return _normed(gradient)
    if summary == "l1":
        return np.sign(gradient)
    along = vectors if summary == "gxi" else np.full_like(gradient, 1 / size)
    return np.where(np.abs(_cosines(gradient, along))[:, None] > 16 * eps / np.sqrt(size), along, 0.0)


def _normed(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _cosines(one: Vectors, other: Vectors) -> Float64[np.ndarray, " tokens"]:
    return (_normed(one) * _normed(other)).sum(axis=1)


def largest_cosine(gradient: Vectors, along: Vectors) -> float:
    """Return the largest cosine, in absolute value, of a token's gradient and the direction that scores it."""
    return float(np.abs(_cosines(gradient, along)).max())


def note(summary: str, gradient: Vectors, along: Vectors) -> dict[str, str]:
    """Return a setting `note` where scores say nothing, as the model takes out of word vectors what they measure."""
    largest = largest_cosine(gradient, along)
    if summary == "mean" and largest == 0:
        return {
            "note": "all 0: a layer norm takes out the mean of every word vector; use gradient-l2 or gradient-x-input"
        }
    if summary == "gxi" and largest < _NEARLY_ORTHOGONAL / np.sqrt(gradient.shape[1]):
        return {
            "note": "nearly 0: word vectors are normalised, so their length does not matter; use integrated-gradients"
        }
    return {}


@dataclass(frozen=True)
class _Gradient(Method):
    """Shared by the four summaries of the gradient.

    Args:
        engine: "closed-form" (the paper's classifier only), "autograd", or "auto": the closed form where it exists.

    Raises:
        SettingError: unknown engine, or a closed form asked of another model.
    """

    engine: Annotated[str, OneOf(ENGINES)] = "auto"

    summary: ClassVar[str]

    def answer(self, question: Question) -> Answer:
        """One number a token from its gradient vector, added up over each unit's tokens."""
        classifier, look = question.classifier, question.look_inside()
        engine = look.engines[0] if self.engine == "auto" else self.engine
        if engine not in look.engines:
            raise SettingError(f"there is no closed form for {classifier.name}: use engine 'autograd'")
        gradient = look.gradient(question.output.cotangent(question.logits), engine)
        eps = float(torch.finfo(classifier.model.dtype if engine == "autograd" else torch.float64).eps)
        along = direction(self.summary, gradient, look.input_vectors(), eps)
        details = {"largest_cosine": largest_cosine(gradient, along)} if self.signed else {}
        return Answer(
            scores=question.units.add_up((gradient * along).sum(axis=1)),
            n_forward=look.n_forward,
            settings={"engine": engine, "aggregation": "sum over tokens"} | note(self.summary, gradient, along),
            details=details,
        )


@dataclass(frozen=True)
class GradientMean(_Gradient):
    """Mean of the gradient's components; the paper's G-avg.

    0 for every token of a model that passes word vectors through a LayerNorm: see `direction`. `largest_cosine` in
    `details` is that between a token's gradient and a vector of equal components.
    """

    card = cards.GRADIENT_MEAN
    summary = "mean"


@dataclass(frozen=True)
class GradientL1(_Gradient):
    """L1 norm of the gradient; the paper's G-l1."""

    card = cards.GRADIENT_L1
    summary = "l1"


@dataclass(frozen=True)
class GradientL2(_Gradient):
    """L2 norm of the gradient; the paper's G-l2."""

    card = cards.GRADIENT_L2
    summary = "l2"


@dataclass(frozen=True)
class GradientXInput(_Gradient):
    """Inner product of gradient and input vector; the paper's G x I.

    Nearly 0 for every token of a model that normalises word vectors before anything is added to them (DeBERTa-v2 and
    -v3, ModernBERT): their length does not matter, and what is left says nothing. `largest_cosine` in `details`, of a
    token's gradient and its vector, is then far below 0.01; use integrated gradients there, not from "zero".
    """

    card = cards.GRADIENT_X_INPUT
    summary = "gxi"
