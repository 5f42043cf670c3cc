"""Attention as explanation: what [CLS] attends to, over heads or in one of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from heedful import inside
from heedful.errors import SettingError
from heedful.methods.base import Answer, Card, Method
from heedful.question import Question

_SOURCE = "Lopardo, Precioso, Garreau 2024, section 3"


class _Attention(Method):
    def answer(self, question: Question) -> Answer:
        """Attention weights of the first position, added up over each unit's tokens."""
        weights = inside.attention(question.classifier, question.encoded)
        scores = question.units.add_up(self._over_heads(weights))
        return Answer(scores=scores, n_forward=1, settings={"aggregation": "sum over tokens"})

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

    card = Card("attention-mean", ("alpha-avg",), "attention", False, "attention", "1 forward", _SOURCE)

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        return weights.mean(axis=0)


@dataclass(frozen=True)
class AttentionMax(_Attention):
    """Largest attention over heads, token by token; the paper's alpha-max."""

    card = Card("attention-max", ("alpha-max",), "attention", False, "attention", "1 forward", _SOURCE)

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        return weights.max(axis=0)


@dataclass(frozen=True)
class AttentionHead(_Attention):
    """Attention of a single head.

    Args:
        head: index of the head, from 0.

    Raises:
        SettingError: when answering, if the classifier has no such head.
    """

    head: int = 0

    card = Card("attention-head", (), "attention", False, "attention", "1 forward", _SOURCE)

    def _over_heads(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " tokens"]:
        if not 0 <= self.head < len(weights):
            raise SettingError(f"no head {self.head}: this classifier has heads 0 to {len(weights) - 1}")
        return weights[self.head]
