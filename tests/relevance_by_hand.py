"""Relevance of a BERT classifier's word vectors layer by layer, shares written out in NumPy: slow, and no gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from transformers import BertForSequenceClassification


@dataclass
class ByHand:
    """Relevance (tokens, size) of the word vectors for one logit, and what stayed on the way."""

    scores: np.ndarray
    constants: float
    softmax: float


class _Net:
    """Shares of z = sum of parts are part / z; `kept` adds up those of parts that are no input."""

    def __init__(self, model: BertForSequenceClassification) -> None:
        self.weights = {name: w.detach().numpy() for name, w in model.named_parameters()}
        self.constants = self.softmax = 0.0

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def through_linear(self, name: str, x: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        weight, bias, z = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.linear(name, x)
        shares = x[:, None, :] * weight[None] / z[:, :, None]  # token, output, input
        self.constants += float((bias / z * relevance).sum())
        return np.einsum("toi,to->ti", shares, relevance)

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scale = 1 / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12)
        return centred * scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def through_norm(self, name: str, x: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        y, bias = self.norm(name, x), self.weights[f"{name}.bias"]
        self.constants += float((bias / y * relevance).sum())
        relevance = (y - bias) / y * relevance  # scaling hands everything on
        size = x.shape[1]
        centring = np.eye(size) - 1 / size
        centred = x @ centring.T
        return np.einsum("tji,tj->ti", centring[None] * x[:, None, :] / centred[:, :, None], relevance)


def bert(model: BertForSequenceClassification, ids: np.ndarray, target: int) -> ByHand:
    """Relevance by the AttnLRP rules, for a model of any number of layers."""
    net, config = _Net(model), model.config
    embeddings = "bert.embeddings"
    words = net.weights[f"{embeddings}.word_embeddings.weight"][ids]
    others = (
        net.weights[f"{embeddings}.position_embeddings.weight"][: len(ids)]
        + net.weights[f"{embeddings}.token_type_embeddings.weight"][0]
    )
    h = net.norm(f"{embeddings}.LayerNorm", words + others)
    inputs = []
    for i in range(config.num_hidden_layers):
        inputs.append(h)
        h = _layer(net, f"bert.encoder.layer.{i}", h, config.num_attention_heads)
    first = h[:1]
    pooled = net.linear("bert.pooler.dense", first)
    relevance = np.eye(config.num_labels)[[target]] * net.linear("classifier", np.tanh(pooled))
    relevance = net.through_linear("classifier", np.tanh(pooled), relevance)
    relevance = net.through_linear("bert.pooler.dense", first, relevance)  # tanh hands everything on
    relevance = np.vstack([relevance, np.zeros_like(h[1:])])
    for i in reversed(range(config.num_hidden_layers)):
        relevance = _through_layer(net, f"bert.encoder.layer.{i}", inputs[i], config.num_attention_heads, relevance)
    relevance = net.through_norm(f"{embeddings}.LayerNorm", words + others, relevance)
    shares = words / (words + others)
    net.constants += float(((1 - shares) * relevance).sum())
    return ByHand(shares * relevance, net.constants, net.softmax)


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def _heads(x: np.ndarray, n: int) -> np.ndarray:
    return x.reshape(len(x), n, -1).transpose(1, 0, 2)  # head, token, component


def _attention(net: _Net, name: str, x: np.ndarray, n_heads: int) -> tuple[np.ndarray, ...]:
    q, k, v = (_heads(net.linear(f"{name}.attention.self.{part}", x), n_heads) for part in ("query", "key", "value"))
    scores = np.einsum("hqj,htj->hqt", q, k) / math.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    pooled = np.einsum("hqt,htj->hqj", weights, v)
    return q, k, v, scores, weights, pooled


def _forward(net: _Net, name: str, x: np.ndarray, n_heads: int) -> tuple[np.ndarray, ...]:
    pooled = _attention(net, name, x, n_heads)[-1].transpose(1, 0, 2).reshape(x.shape)
    mixed = net.linear(f"{name}.attention.output.dense", pooled)
    a = net.norm(f"{name}.attention.output.LayerNorm", mixed + x)
    wide = net.linear(f"{name}.intermediate.dense", a)
    narrow = net.linear(f"{name}.output.dense", _gelu(wide))
    return pooled, mixed, a, wide, narrow


def _layer(net: _Net, name: str, x: np.ndarray, n_heads: int) -> np.ndarray:
    *_, a, _, narrow = _forward(net, name, x, n_heads)
    return net.norm(f"{name}.output.LayerNorm", narrow + a)


def _through_layer(net: _Net, name: str, x: np.ndarray, n_heads: int, relevance: np.ndarray) -> np.ndarray:
    pooled, mixed, a, wide, narrow = _forward(net, name, x, n_heads)
    relevance = net.through_norm(f"{name}.output.LayerNorm", narrow + a, relevance)
    to_narrow = narrow / (narrow + a) * relevance
    to_a = relevance - to_narrow
    to_wide = net.through_linear(f"{name}.output.dense", _gelu(wide), to_narrow)  # GELU hands everything on
    to_a = to_a + net.through_linear(f"{name}.intermediate.dense", a, to_wide)
    relevance = net.through_norm(f"{name}.attention.output.LayerNorm", mixed + x, to_a)
    to_mixed = mixed / (mixed + x) * relevance
    to_x = relevance - to_mixed
    to_pooled = net.through_linear(f"{name}.attention.output.dense", pooled, to_mixed)
    q, k, v, scores, weights, out = _attention(net, name, x, n_heads)
    to_out = _heads(to_pooled, n_heads)
    parts = weights[..., None] * v[:, None] / out[:, :, None] * to_out[:, :, None]  # head, query, token, component
    to_v, to_weights = parts.sum(1) / 2, parts.sum(3) / 2
    to_scores = scores * (to_weights - weights * to_weights.sum(-1, keepdims=True))
    net.softmax += float(to_weights.sum() - to_scores.sum())
    products = q[:, :, None] * k[:, None] / math.sqrt(q.shape[-1]) / scores[..., None] * to_scores[..., None]
    for part, found in (("query", products.sum(2) / 2), ("key", products.sum(1) / 2), ("value", to_v)):
        flat = found.transpose(1, 0, 2).reshape(x.shape)
        to_x = to_x + net.through_linear(f"{name}.attention.self.{part}", x, flat)
    return to_x
