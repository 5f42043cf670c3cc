"""Gradients of the output by the token vectors, from the closed form and by automatic differentiation.

Closed form, per head, with F = sum_s alpha_s c_s (Lopardo, Precioso, Garreau 2024, section 4):

    d f / d e_t = alpha_t W_v^T W_l^T + g_t (c_t - F) W_k^T q / sqrt(d_att)                                    t >= 1

where g = alpha for the softmax; for alpha-entmax g_t = alpha_t^(2 - alpha) and F in the bracket is the g-weighted
mean. At position 0 the query moves as well, which adds W_q^T sum_s g_s (c_s - F) k_s / sqrt(d_att); the paper leaves
that term out.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from heedful import inside
from heedful.encoding import Encoded
from heedful.errors import SettingError
from heedful.methods.base import Answer, Card, Method
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.normalisers import normalise, slope
from heedful.question import Question

ENGINES = ("auto", "closed-form", "autograd")
_SOURCE = "Lopardo, Precioso, Garreau 2024, section 4"


def closed_form(
    model: AttentionPoolingForSequenceClassification, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Float64[np.ndarray, "tokens size"]:
    """Gradient of `cotangent . logits` by every e_t of the paper's classifier, [CLS] included, in float64."""
    config = model.config
    with torch.no_grad():
        query, key, value, readout = (w.double() for w in (model.query, model.key, model.value, model.readout))
        ids = torch.from_numpy(encoded.input_ids).to(query.device)
        n_tokens = len(ids)
        if config.attend_padding:
            filler = ids.new_full((config.max_position_embeddings - n_tokens,), config.unk_token_id)
            ids = torch.cat([ids, filler])
        vectors = model.embeddings(ids).double() + model.positions[: len(ids)].double()
        scale = config.key_size**-0.5
        q = query @ vectors[0]
        by_score = torch.einsum("kad,ka->kd", key, q) * scale
        by_value = torch.einsum("c,co,kod->kd", torch.from_numpy(cotangent).to(query), readout, value)
        values = by_value @ vectors.T
        weights = normalise(by_score @ vectors.T, config.normaliser, config.entmax_alpha)
        g = slope(weights, config.normaliser, config.entmax_alpha)
        pull = g * (values - (g * values).sum(1, keepdim=True) / g.sum(1, keepdim=True))
        gradient = torch.einsum("kt,kd->td", weights, by_value) + torch.einsum("kt,kd->td", pull, by_score)
        keys = torch.einsum("kad,kt,td->ka", key, pull, vectors)
        gradient[0] += torch.einsum("kad,ka->d", query, keys) * scale
        return (gradient[:n_tokens] / len(q)).cpu().numpy()


@dataclass(frozen=True)
class _Gradient(Method):
    """Shared by the four summaries of the gradient.

    Args:
        engine: "closed-form" (the paper's classifier only), "autograd", or "auto": the closed form where it exists.

    Raises:
        SettingError: unknown engine, or a closed form asked of another model.
    """

    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise SettingError(f"unknown engine {self.engine!r}: use one of {', '.join(ENGINES)}")

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
        scores = question.units.add_up(self._summary(gradient, inside.input_vectors(classifier, encoded)))
        settings = {"engine": engine, "aggregation": "sum over tokens"}
        return Answer(scores=scores, n_forward=int(engine == "autograd"), settings=settings)

    @abstractmethod
    def _summary(
        self, gradient: Float64[np.ndarray, "tokens size"], vectors: Float64[np.ndarray, "tokens size"]
    ) -> Float64[np.ndarray, " tokens"]:
        """One number a token from its gradient and its input vector."""


@dataclass(frozen=True)
class GradientMean(_Gradient):
    """Mean of the gradient's components; the paper's G-avg."""

    card = Card("gradient-mean", ("G-avg",), "gradient", True, "gradient", "1 forward + 1 backward", _SOURCE)

    def _summary(
        self, gradient: Float64[np.ndarray, "tokens size"], vectors: Float64[np.ndarray, "tokens size"]
    ) -> Float64[np.ndarray, " tokens"]:
        return gradient.mean(axis=1)


@dataclass(frozen=True)
class GradientL1(_Gradient):
    """L1 norm of the gradient; the paper's G-l1."""

    card = Card("gradient-l1", ("G-l1",), "gradient", False, "gradient", "1 forward + 1 backward", _SOURCE)

    def _summary(
        self, gradient: Float64[np.ndarray, "tokens size"], vectors: Float64[np.ndarray, "tokens size"]
    ) -> Float64[np.ndarray, " tokens"]:
        return np.abs(gradient).sum(axis=1)


@dataclass(frozen=True)
class GradientL2(_Gradient):
    """L2 norm of the gradient; the paper's G-l2."""

    card = Card("gradient-l2", ("G-l2",), "gradient", False, "gradient", "1 forward + 1 backward", _SOURCE)

    def _summary(
        self, gradient: Float64[np.ndarray, "tokens size"], vectors: Float64[np.ndarray, "tokens size"]
    ) -> Float64[np.ndarray, " tokens"]:
        return np.sqrt((gradient**2).sum(axis=1))


@dataclass(frozen=True)
class GradientXInput(_Gradient):
    """Inner product of gradient and input vector; the paper's G x I."""

    card = Card("gradient-x-input", ("GxI",), "gradient", True, "gradient", "1 forward + 1 backward", _SOURCE)

    def _summary(
        self, gradient: Float64[np.ndarray, "tokens size"], vectors: Float64[np.ndarray, "tokens size"]
    ) -> Float64[np.ndarray, " tokens"]:
        return (gradient * vectors).sum(axis=1)
