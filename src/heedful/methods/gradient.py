"""Gradients of the output by the token vectors, from the closed form and by automatic differentiation.

Closed form, per head, with F = sum_s alpha_s c_s (Lopardo, Precioso, Garreau 2024, section 4):

    d f / d e_t = alpha_t W_v^T W_l^T + g_t (c_t - F) W_k^T q / sqrt(d_att)                                    t >= 1

where g = alpha for the softmax; for alpha-entmax g_t = alpha_t^(2 - alpha) and F in the bracket is the g-weighted
mean. At position 0 the query moves as well, which adds W_q^T sum_s g_s (c_s - F) k_s / sqrt(d_att); the paper leaves
that term out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Float64

from heedful.classifier import inside
from heedful.classifier.inside.propagation import wide
from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.normalisers import normalise, slope
from heedful.question import Question
from heedful.support.kinds import OneOf
from heedful.text.encoding import Encoded

ENGINES = ("auto", "closed-form", "autograd")
SUMMARIES = ("l2", "l1", "mean", "gxi")

Vectors = Float64[np.ndarray, "tokens size"]


def closed_form(
    model: AttentionPoolingForSequenceClassification, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Float64[np.ndarray, "tokens size"]:
    """Gradient of `cotangent . logits` by every e_t of the paper's classifier, [CLS] included, in float64."""
    config = model.config
    with torch.no_grad():
        query, key, value, readout = (wide(w) for w in (model.query, model.key, model.value, model.readout))
        ids = torch.from_numpy(encoded.input_ids).to(model.device)
        n_tokens = len(ids)
        if config.attend_padding:
            filler = ids.new_full((config.max_position_embeddings - n_tokens,), config.unk_token_id)
            ids = torch.cat([ids, filler])
        vectors = wide(model.embeddings(ids)) + wide(model.positions[: len(ids)])
        scale = config.key_size**-0.5
        q = query @ vectors[0]
        by_score = torch.einsum("kad,ka->kd", key, q) * scale
        by_value = torch.einsum("c,co,kod->kd", torch.from_numpy(cotangent).to(query), readout, value)
        values = by_value @ vectors.T
        weights = normalise(by_score @ vectors.T, config.normaliser, config.entmax_alpha)
        g = slope(weights, config.normaliser, config.entmax_alpha)
        pull = g * (values - (g * values).sum(1, keepdim=True) / g.sum(1, keepdim=True))
        gradient = torch.einsum("kt,kd->td", weights, by_value) + torch.einsum("kt,kd->td", pull, by_score)
        keys = torch.einsum("kad,kd->ka", key, pull @ vectors)
        gradient[0] += torch.einsum("kad,ka->d", query, keys) * scale
        return (gradient[:n_tokens] / len(q)).cpu().numpy()


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
        classifier, encoded = question.classifier, question.encoded
        model = classifier.paper_model
        engine = ("autograd" if model is None else "closed-form") if self.engine == "auto" else self.engine
        cotangent = question.output.cotangent(question.logits)
        if engine == "autograd":
            gradient = inside.gradient(classifier, encoded, cotangent)
        elif model is not None:
            gradient = closed_form(model, encoded, cotangent)
        else:
            raise SettingError(f"there is no closed form for {classifier.name}: use engine 'autograd'")
        eps = float(torch.finfo(classifier.model.dtype if engine == "autograd" else torch.float64).eps)
        along = direction(self.summary, gradient, inside.input_vectors(classifier, encoded), eps)
        details = {"largest_cosine": float(np.abs(_cosines(gradient, along)).max())} if self.signed else {}
        return Answer(
            scores=question.units.add_up((gradient * along).sum(axis=1)),
            n_forward=2 * int(engine == "autograd"),  # from ids too, to see that both give the same
            settings={"engine": engine, "aggregation": "sum over tokens"},
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
