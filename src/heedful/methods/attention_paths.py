"""Attention through all layers, from the readout down to the tokens: rollout, flow, and relevance by gradients.

Weights a[l, q, t] are averaged over heads here. The paper's classifier has one layer, one query and no residual
connection, so that its rollout and its flow are its mean attention.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Lt
from jaxtyping import Float64

from heedful.classifier import inside
from heedful.classifier.inside.propagation import wide
from heedful.errors import ModelError, SettingError
from heedful.methods import cards
from heedful.methods.attention import forwards
from heedful.methods.base import Answer, Method
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.question import Question
from heedful.support.flow.network import flows

_MOST_WORK = 3e10  # layers x tokens^2 x sinks: a minute or two on one core

Row = Float64[np.ndarray, " tokens"]
Steps = Float64[np.ndarray, "layers tokens tokens"]


@dataclass(frozen=True)
class _Paths(Method):
    """Shared by rollout and flow.

    Args:
        residual: share of every layer's output that each position has from itself, through the residual connection.

    Raises:
        SettingError: the share is not from 0 to below 1.
    """

    residual: Annotated[float, Ge(0), Lt(1)] = 0.5

    def answer(self, question: Question) -> Answer:
        """What gets from the readout to each token, added up over each unit's tokens."""
        classifier, encoded = question.classifier, question.encoded
        means = [layer.cpu().double().numpy().mean(axis=0) for layer in inside.weights(classifier, encoded)]
        steps = np.stack(means[::-1])
        settings: dict[str, object] = {"aggregation": "sum over tokens"}
        if classifier.paper_model is not None:
            tokens = steps[0, 0]
            settings["residual"] = 0.0
        else:
            steps = self.residual * np.eye(len(encoded)) + (1 - self.residual) * steps
            tokens = self._follow(inside.readout(classifier, encoded, question.logits), steps, question)
        return Answer(scores=question.units.add_up(tokens), n_forward=forwards(question), settings=settings)

    @abstractmethod
    def _follow(self, readout: Row, steps: Steps, question: Question) -> Row:
        """One number a token, from the readout through steps from the last layer to the first."""


@dataclass(frozen=True)
class AttentionRollout(_Paths):
    """The share of the readout that comes from each token, if every layer passes on mixtures by its attention.

    It is a row of the product of the layers' matrices A = residual I + (1 - residual) mean over heads of a. Shares add
    up to 1, special tokens included.

    Args:
        residual: share of every layer's output that each position has from itself, through the residual connection; 0.5
            in the source. The paper's classifier has none.

    Raises:
        SettingError: the share is not from 0 to below 1.

    Example:
        >>> AttentionRollout().residual
        0.5
    """

    card = cards.ATTENTION_ROLLOUT

    def _follow(self, readout: Row, steps: Steps, question: Question) -> Row:
        for step in steps:
            readout = readout @ step
        return readout


@dataclass(frozen=True)
class AttentionFlow(_Paths):
    """The largest flow from the readout to each token, in a network whose capacities are the attention weights.

    Capacities are those of rollout's matrices, and the readout is a source of 1 in total. Each token is the sink of a
    network of its own, so flows do not add up to anything; they are exact, but for rounding near 1e-12.

    Args:
        residual: share of every layer's output that each position has from itself, as for `attention-rollout`.

    Raises:
        SettingError: the share is not from 0 to below 1; when answering, if the text is so long that it took minutes.

    Example:
        >>> AttentionFlow().card.name
        'attention-flow'
    """

    card = cards.ATTENTION_FLOW

    def _follow(self, readout: Row, steps: Steps, question: Question) -> Row:
        sinks = np.flatnonzero(question.units.of_token >= 0)
        if steps.size * len(sinks) > _MOST_WORK:
            raise SettingError(
                f"attention-flow to {len(sinks)} tokens through {len(steps)} layers takes minutes: "
                "use attention-rollout, or a shorter text"
            )
        tokens = np.zeros(len(readout))
        tokens[sinks] = flows(readout, steps, sinks)
        return tokens


@dataclass(frozen=True)
class AttentionXGradient(Method):
    """Relevance of each token for the output, by attention weights times their gradients.

    Layer by layer, from the first: R <- R + B R with B the mean over heads of the positive part of a d output / d a. R
    starts as the identity, by which every position is relevant to itself; this part is left out of the scores, for
    where the readout is a word's position (in decoders, or for a mean) it says nothing about the word.

    Of the paper's classifier, d output / d a is known: the token's value for the output, over the number of heads.

    Raises:
        ModelError: when answering, if the logits do not come from the attention weights that the model returns.

    Example:
        >>> AttentionXGradient().card.source
        'Chefer, Gur, Wolf 2021 (Generic), Eq. 5 and 6'
    """

    card = cards.ATTENTION_X_GRADIENT

    def answer(self, question: Question) -> Answer:
        """Relevance of the tokens to the readout, added up over each unit's tokens."""
        model = question.classifier.paper_model
        tokens = _through_layers(question) if model is None else _in_one_layer(question, model)
        scores = question.units.add_up(tokens)
        return Answer(scores=scores, n_forward=forwards(question), settings={"aggregation": "sum over tokens"})


def _through_layers(question: Question) -> Row:
    classifier, encoded = question.classifier, question.encoded
    with inside.attended(classifier, encoded) as (logits, layers):
        explained = (logits * torch.from_numpy(question.output.cotangent(question.logits)).to(logits)).sum()
        gradients = torch.autograd.grad(explained, layers, allow_unused=True)
        if any(gradient is None for gradient in gradients):
            raise ModelError(
                f"{classifier.name} does not compute its logits from the attention weights it returns: "
                "use attention-rollout"
            )
        steps = [
            (wide(weights.detach()) * wide(gradient)).clamp(min=0)[0].mean(0).cpu().numpy()
            for weights, gradient in zip(layers, gradients, strict=True)
        ]
    readout = inside.readout(classifier, encoded, question.logits)
    found = np.zeros(len(encoded))
    for step in reversed(steps):
        found = found + (readout + found) @ step
    return found


def _in_one_layer(question: Question, model: AttentionPoolingForSequenceClassification) -> Row:
    cotangent = question.output.cotangent(question.logits)
    readout, value = (weight.detach().cpu().double().numpy() for weight in (model.readout, model.value))
    by_value = np.einsum("c,co,kod->kd", cotangent, readout, value) / len(value)
    gradients = by_value @ inside.input_vectors(question.classifier, question.encoded).T
    weights = inside.attentions(question.classifier, question.encoded)[0, :, 0]
    return np.maximum(weights * gradients, 0.0).mean(axis=0)
