"""Attention through all layers, from the readout down to the tokens: rollout, flow, and relevance by gradients.

Weights a[l, q, t] are averaged over heads here. The paper's classifier has one layer, one query and no residual
connection, so that its rollout and its flow are its mean attention.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt
from jaxtyping import Float64

from heedful.classifier.inside.paths import Paths, with_residual
from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.flow.network import flows

_MOST_WORK = 3e10  # layers x tokens^2 x sinks: a minute or two on one core

Row = Float64[np.ndarray, " tokens"]


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
        look = question.look_inside()
        paths, residual = look.paths(), self.residual
        settings: dict[str, object] = {"aggregation": "sum over tokens"}
        if not paths.residual:
            residual = settings["residual"] = 0.0
        tokens = self._follow(paths, residual, question)
        return Answer(scores=question.units.add_up(tokens), n_forward=look.n_forward, settings=settings)

    @abstractmethod
    def _follow(self, paths: Paths, residual: float, question: Question) -> Row:
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

    def _follow(self, paths: Paths, residual: float, question: Question) -> Row:
        nodes = paths.start
        for step in paths.steps:
            nodes = nodes @ with_residual(step, residual)
        return paths.on_tokens(nodes)


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

    def _follow(self, paths: Paths, residual: float, question: Question) -> Row:
        if not paths.steps:
            return paths.start
        sinks, n_nodes = np.flatnonzero(question.units.of_token >= 0), len(paths.token)
        if len(paths.steps) * n_nodes**2 * len(sinks) > _MOST_WORK:
            raise SettingError(
                f"attention-flow to {len(sinks)} tokens through {len(paths.steps)} layers takes minutes: "
                "use attention-rollout, or a shorter text"
            )
        steps = [with_residual(step, residual) for step in paths.steps]
        if paths.joins_nodes:  # a token with two nodes is one sink: a last step leads from both to the first
            joined = paths.on_tokens(np.eye(n_nodes))
            steps.append(np.pad(joined, ((0, 0), (0, n_nodes - joined.shape[1]))))
        tokens = np.zeros(len(question.encoded))
        tokens[sinks] = flows(paths.start, np.stack(steps), sinks)
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
        """Add up the tokens' relevance to the readout over each unit's tokens."""
        look = question.look_inside()
        paths = look.relevance_paths(question.output.cotangent(question.logits))
        nodes = np.zeros(len(paths.start))
        for step in paths.steps:
            nodes = nodes + (paths.start + nodes) @ step
        scores = question.units.add_up(paths.on_tokens(nodes))
        return Answer(scores=scores, n_forward=look.n_forward, settings={"aggregation": "sum over tokens"})
