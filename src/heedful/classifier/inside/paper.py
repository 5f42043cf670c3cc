"""Inside the paper's classifier: attention, gradients and relevance in closed form, in float64.

With weights alpha = softmax(s) of a head, c_t the value of token t for the explained output, and F = sum_s alpha_s c_s:

Gradients by e_t = E[token] + P[t] (Lopardo, Precioso, Garreau 2024, section 4), averaged over heads:

    d f / d e_t = alpha_t W_v^T W_l^T + g_t (c_t - F) W_k^T q / sqrt(d_att)                                    t >= 1

where g = alpha for the softmax; for alpha-entmax g_t = alpha_t^(2 - alpha) and F in the bracket is the g-weighted
mean. At position 0 the query moves as well, which adds W_q^T sum_s g_s (c_s - F) k_s / sqrt(d_att); the paper leaves
that term out.

Relevance by the AttnLRP rules (Achtibat et al. 2024, section 3): half of alpha_t c_t goes to the token's value, half to
its weight; softmax hands on s_t times the gradient of that, and half of it reaches the key:

    R_t = alpha_t c_t / 2 + r_t / 4,   r_t = alpha_t s_t (c_t - F),   and sum_s r_s / 4 more at position 0, the query's

The folded forward pass would share unfairly: there, one product holds both scores and values.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from heedful.classifier.classifier import Classifier
from heedful.classifier.inside.attention import Weights, check_layer
from heedful.classifier.inside.base import Inside, Vectors
from heedful.classifier.inside.paths import Paths
from heedful.classifier.inside.propagation import Relevance, wide
from heedful.classifier.inside.values import Triangles, triangles_of
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.normalisers import normalise, slope
from heedful.text.encoding import Encoded


class PaperInside(Inside):
    """One layer, one query, [CLS], and no residual connection: its rollout and its flow are its mean attention."""

    engines: ClassVar[tuple[str, ...]] = ("closed-form", "autograd")

    def __init__(
        self,
        model: AttentionPoolingForSequenceClassification,
        classifier: Classifier,
        encoded: Encoded,
        logits: Float64[np.ndarray, " classes"],
    ) -> None:
        super().__init__(classifier, encoded, logits)
        self._model = model

    @cached_property
    def _weights(self) -> Float64[np.ndarray, "heads tokens"]:
        with self.classifier.undisturbed(), torch.no_grad():
            out = self._model(**self.classifier.inputs(self.encoded), output_attentions=True)
        self.n_forward += 1
        self.check_unmoved(out.logits[0])
        return out.attentions[0][0, :, 0].cpu().double().numpy()

    def weights(self, layer: int = -1) -> Weights:
        """Return attention weights (heads, 1, tokens) of the one query; padding beyond the text is left out."""
        check_layer(self.classifier.name, layer, 1)
        return self._weights[:, None]

    def readout(self) -> Float64[np.ndarray, " queries"]:
        """Return 1 for the one query."""
        return np.ones(1)

    def attention(self, layer: int = -1) -> Float64[np.ndarray, "heads tokens"]:
        """Return what [CLS] attends to."""
        return self.weights(layer)[:, 0]

    def paths(self) -> Paths:
        """Return the mean attention as what is read, with no layers below."""
        return Paths(self._weights.mean(axis=0), (), np.arange(len(self.encoded)), residual=False)

    def relevance_paths(self, cotangent: Float64[np.ndarray, " classes"]) -> Paths:
        """Return one step, in which d output / d alpha is a token's value for the output, over the number of heads."""
        readout, value = (wide(weight.detach()).cpu().numpy() for weight in (self._model.readout, self._model.value))
        by_value = np.einsum("c,co,kod->kd", cotangent, readout, value) / len(value)
        gradients = by_value @ self.input_vectors().T
        n_tokens = len(self.encoded)
        step = np.zeros((n_tokens, n_tokens))
        step[0] = np.maximum(self._weights * gradients, 0.0).mean(axis=0)
        return Paths(np.eye(n_tokens)[0], (step,), np.arange(n_tokens), residual=False)

    def values(self, layer: int = -1) -> tuple[Weights, Triangles]:
        """Return weights, and triangles of v_h(t) / H with v_h(t) = W_v e_t: the mean over heads is what follows."""
        weights = self.weights(layer)
        maps = wide(self._model.value.detach()).cpu().numpy() / len(self._model.value)
        vectors = np.einsum("hod,td->toh", maps, self.input_vectors())
        return weights, triangles_of(torch.from_numpy(vectors))

    def word_vectors(self, ids: Int64[np.ndarray, " tokens"]) -> Float[Tensor, "tokens size"]:
        """Return rows of E."""
        with torch.no_grad():
            return self._model.embeddings.weight[torch.from_numpy(ids).to(self._model.device)]

    def input_vectors(self) -> Vectors:
        """Return e_t = E[token] + P[t]."""
        positions = wide(self._model.positions[: len(self.encoded)]).cpu().numpy()
        return self.vectors_of(self.encoded.input_ids) + positions

    def run(self, points: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return logits, and the word vectors that they are computed from: E[token], or the points."""
        leaf = self.word_vectors(self.encoded.input_ids).detach().requires_grad_() if points is None else points
        vectors = leaf[None] if points is None else points
        given = self.classifier.inputs(self.encoded)
        attended = given["attention_mask"].expand(len(vectors), -1)
        out = self._model(inputs_embeds=vectors, attention_mask=attended)
        self.n_forward += len(vectors)
        return out.logits, [leaf]

    def gradient(self, cotangent: Float64[np.ndarray, " classes"], engine: str = "closed-form") -> Vectors:
        """Return the gradient of `cotangent . logits` by every e_t."""
        if engine == "autograd":
            return super().gradient(cotangent)
        return closed_gradient(self._model, self.encoded, cotangent)

    def relevance(self, cotangent: Float64[np.ndarray, " classes"]) -> Relevance:
        """Return relevance (tokens,) of every e_t."""
        return closed_relevance(self._model, self.encoded, cotangent)


def closed_gradient(
    model: AttentionPoolingForSequenceClassification, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Vectors:
    """Return the gradient of `cotangent . logits` by every e_t, [CLS] included, in float64."""
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


def closed_relevance(
    model: AttentionPoolingForSequenceClassification, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Relevance:
    """Return relevance (tokens,) of every e_t, in float64.

    Sparsemax and entmax go by the same expansion as the softmax, with their own slopes. Padding that is attended to
    beyond the text counts as constants.
    """
    config = model.config
    ids, n_tokens = encoded.input_ids, len(encoded)
    if config.attend_padding:
        ids = np.append(ids, np.full(config.max_position_embeddings - n_tokens, config.unk_token_id))
    tables = model.tables().outputs(cotangent[None])
    folded = torch.from_numpy(tables.token(ids) + tables.position[: len(ids)]).permute(2, 1, 0)
    scores, values = folded  # (heads, tokens) each
    weights = normalise(scores, config.normaliser, config.entmax_alpha)
    g = slope(weights, config.normaliser, config.entmax_alpha)
    through = scores * g * (values - (g * values).sum(1, keepdim=True) / g.sum(1, keepdim=True))
    relevance = (weights * values / 2 + through / 4).mean(0)
    relevance[0] += through.sum(1).mean() / 4
    explained = float((weights * values).sum(1).mean())
    return Relevance(
        relevance[:n_tokens],
        explained,
        constants=float(relevance[n_tokens:].sum()),
        softmax=explained / 2 - float(through.sum(1).mean()) / 2,
    )
