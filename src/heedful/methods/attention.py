"""Attention as explanation: what the readout attends to in one layer, over heads or in one of them.

The readout is what the logits are read from: [CLS], a decoder's last token, or a mean of several positions, and then so
is the attention; see `heedful.classifier.inside.readout`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.kinds import OneOf

HEADS = ("sum", "mean")


@dataclass(frozen=True)
class _Attention(Method):
    """Shared by the summaries over heads.

    Args:
        layer: index of the layer; negative ones count from the last.

    Raises:
        SettingError: when answering, if the classifier has no such layer.
    """

    layer: int = field(default=-1, kw_only=True)

    def answer(self, question: Question) -> Answer:
        """Attention weights of the readout, added up over each unit's tokens."""
        look = question.look_inside()
        scores = question.units.add_up(self._over_heads(look.attention(self.layer)))
        return Answer(scores=scores, n_forward=look.n_forward, settings={"aggregation": "sum over tokens"})

    @abstractmethod
    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        """One weight a token from those of all heads."""


@dataclass(frozen=True)
class AttentionMean(_Attention):
    """Mean attention over heads; the paper's alpha-avg.

    Example:
        >>> AttentionMean().card.aliases
        ('alpha-avg',)
    """

    card = cards.ATTENTION_MEAN

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        return weights.mean(axis=0)


@dataclass(frozen=True)
class AttentionMax(_Attention):
    """Largest attention over heads, token by token; the paper's alpha-max."""

    card = cards.ATTENTION_MAX

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        return weights.max(axis=0)


@dataclass(frozen=True)
class AttentionHead(_Attention):
    """Attention of a single head.

    Args:
        head: index of the head, from 0.
        layer: index of the layer; negative ones count from the last.

    Raises:
        SettingError: when answering, if the classifier has no such head or layer.
    """

    head: Annotated[int, Ge(0)] = 0

    card = cards.ATTENTION_HEAD

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        if not 0 <= self.head < len(weights):
            raise SettingError(f"no head {self.head}: this classifier has heads 0 to {len(weights) - 1}")
        return weights[self.head]


@dataclass(frozen=True)
class AttentionValueNorm(Method):
    """Length of what each token adds to the readout: attention weight times transformed value vector.

    A weight says how much of a vector is taken, not how long that vector is: see
    `heedful.classifier.inside.values` for the vectors, by which this works for any architecture. Of the paper's
    classifier they are known in closed form.

    Args:
        layer: index of the layer; negative ones count from the last.
        heads: "sum", the length of the sum over heads, or "mean", the mean of the lengths.

    Raises:
        SettingError: unknown `heads`; when answering, if the classifier has no such layer.

    Example:
        >>> AttentionValueNorm(layer=0).settings()
        {'layer': 0, 'heads': 'sum'}
    """

    layer: int = -1
    heads: Annotated[str, OneOf(HEADS)] = "sum"

    card = cards.ATTENTION_VALUE_NORM

    def answer(self, question: Question) -> Answer:
        """Add up lengths at the positions read out over each unit's tokens."""
        look = question.look_inside()
        weights, triangles = look.values(self.layer)
        readout = look.readout()
        nodes = np.zeros(len(triangles))
        for query in np.flatnonzero(readout):
            parts = weights[:, query].T[:, None] * triangles
            mean, summed = np.linalg.norm(parts, axis=1).mean(1), np.linalg.norm(parts.sum(2), axis=1)
            nodes += readout[query] * (mean if self.heads == "mean" else summed)
        scores = question.units.add_up(look.on_tokens(nodes))
        return Answer(scores=scores, n_forward=look.n_forward, settings={"aggregation": "sum over tokens"})
