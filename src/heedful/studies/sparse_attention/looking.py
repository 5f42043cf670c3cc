"""One text inside a classifier that pools by attention: its scores and values, gradients, leave-one-out, flips.

The logits of every classifier of the study are `bias + sum_t weights_t values_t`, with `weights = entmax(scores)`: all
that is asked here about attention is asked of these arrays. In a mixing encoder they hold for the text as it is, and
change with its words; in the control each is a function of its own word and place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from scipy.special import log_softmax, rel_entr
from transformers import PreTrainedModel

from heedful.models import AttentionPoolingForSequenceClassification
from heedful.models.normalisers import normalise

Vector = Float64[np.ndarray, " words"]
Ids = Int64[np.ndarray, " tokens"]
_ROUNDING = 1e-14  # a divergence below this is what rounding leaves of none


@dataclass(frozen=True, eq=False)
class Pool:
    """What a text's logits are pooled from.

    Attributes:
        scores: of the attention (tokens,).
        values: what each token adds to the logits, if it has all weight (tokens, classes).
        bias: (classes,).
        alpha: of entmax.
    """

    scores: Float64[np.ndarray, " tokens"]
    values: Float64[np.ndarray, "tokens classes"]
    bias: Float64[np.ndarray, " classes"]
    alpha: float

    @cached_property
    def weights(self) -> Float64[np.ndarray, " tokens"]:
        """Attention weights."""
        return entmax(self.scores[None], self.alpha)[0]

    def logits(self, weights: Float64[np.ndarray, "n tokens"]) -> Float64[np.ndarray, "n classes"]:
        """Logits under other attention weights."""
        return self.bias + weights @ self.values


@dataclass(frozen=True, eq=False)
class Look:
    """What is seen of one text; importances are of words alone, [CLS] is left out.

    Attributes:
        pool: scores and values of all tokens.
        is_word: which tokens are words.
        logits: (classes,).
        by_input, by_state: norm of the gradient by each word's vector, and by its state; of the predicted class's logit
            less the other's, to which the gradient of the class's probability is proportional.
        left_out: Jensen-Shannon divergence, in nats, between the probabilities and those with a word unknown.
    """

    pool: Pool
    is_word: Bool[np.ndarray, " tokens"]
    logits: Float64[np.ndarray, " classes"]
    by_input: Vector
    by_state: Vector
    left_out: Vector

    @property
    def attention(self) -> Vector:
        """Attention weights of the words."""
        return self.pool.weights[self.is_word]

    @property
    def predicted(self) -> int:
        """The class with the largest logit."""
        return int(self.logits.argmax())


def entmax(scores: Float64[np.ndarray, "n tokens"], alpha: float) -> Float64[np.ndarray, "n tokens"]:
    """Attention weights of many rows of scores.

    Example:
        >>> entmax(np.array([[1.0, 0.4, -3.0]]), 2.0).round(9)
        array([[0.8, 0.2, 0. ]])
    """
    kind = "softmax" if alpha == 1 else "entmax"
    return normalise(torch.from_numpy(scores), kind, alpha, dim=1).numpy()


def look(model: PreTrainedModel, ids: Ids, unknown: int) -> Look:
    """Look at one text.

    Args:
        model: the paper's classifier or a pooled encoder, of two classes, in float64.
        ids: of the text's tokens.
        unknown: id that stands for a word left out.
    """
    is_word = np.ones(len(ids), dtype=bool)
    is_word[0] = not isinstance(model, AttentionPoolingForSequenceClassification)  # which begins with [CLS]
    logits, by_input, by_state = _gradients(model, ids)
    changed = np.where(np.eye(len(ids), dtype=bool)[is_word], unknown, ids)
    with torch.no_grad():
        others = model(input_ids=torch.from_numpy(changed)).logits.numpy()
    return Look(
        pool(model, ids), is_word, logits, by_input[is_word], by_state[is_word], divergence(logits[None], others)
    )


def pool(model: PreTrainedModel, ids: Ids) -> Pool:
    """Return what a text's logits are pooled from."""
    if isinstance(model, AttentionPoolingForSequenceClassification):
        tables, config = model.tables(), model.config
        columns = (tables.token(ids) + tables.position[: len(ids)])[:, 0]  # its one head
        alpha = 1.0 if config.normaliser == "softmax" else config.entmax_alpha
        return Pool(columns[:, 0], columns[:, 1:], np.zeros(config.num_labels), alpha)
    with torch.no_grad():
        (_, states) = model(input_ids=torch.from_numpy(ids)[None]).hidden_states
        values = states[0] @ model.head.weight.T
        scores = model.attention.scores(states)[0]
    return Pool(scores.numpy(), values.numpy(), model.head.bias.detach().numpy(), model.attention.alpha)


def divergence(
    logits: Float64[np.ndarray, "one classes"], others: Float64[np.ndarray, "n classes"]
) -> Float64[np.ndarray, " n"]:
    """Jensen-Shannon divergence in nats between the classes' probabilities of one text and those of others.

    Example:
        >>> divergence(np.array([[0.0, 900.0]]), np.array([[0.0, 900.0], [900.0, 0.0]])).round(6)
        array([0.      , 0.693147])
    """
    p, q = np.exp(log_softmax(logits, axis=1)), np.exp(log_softmax(others, axis=1))
    middle = (p + q) / 2
    result = (rel_entr(p, middle) + rel_entr(q, middle)).sum(1) / 2
    return np.where(result < _ROUNDING, 0.0, result)


@dataclass(frozen=True)
class Flips:
    """Whether the decision changes once one token's attention weight is 0 and the others are scaled up to sum 1.

    Attributes:
        most: of the most attended word.
        other: of another word: the share of all the others, which is the chance for one drawn at random.
        other_attended: likewise among the other words with a weight above 0; not-a-number without any.
    """

    most: bool
    other: float
    other_attended: float


def flips(seen: Look) -> Flips:
    """Ask of every word whether the decision hangs on its weight (Serrano and Smith 2019).

    Where a word has all weight, the others share it evenly.
    """
    weights, words = seen.pool.weights, np.flatnonzero(seen.is_word)
    without = np.repeat(weights[None], len(words), axis=0)
    without[np.arange(len(words)), words] = 0.0
    total = without.sum(1, keepdims=True)
    even = np.ones_like(without) / max(len(weights) - 1, 1)
    even[np.arange(len(words)), words] = 0.0
    rows = np.where(total > 1e-12, without / np.where(total > 1e-12, total, 1.0), even)
    flipped = seen.pool.logits(rows).argmax(1) != seen.predicted
    first = int(seen.attention.argmax())
    others = np.arange(len(words)) != first
    attended = others & (seen.attention > 0)
    return Flips(bool(flipped[first]), _share(flipped[others]), _share(flipped[attended]))


def entropy(importance: Vector) -> float:
    """Entropy of the shares, as a share of the largest there is: 1 if all words count alike, 0 if one has all.

    Example:
        >>> entropy(np.array([1.0, 1.0, 0.0, 0.0])), entropy(np.array([3.0, 0.0]))
        (0.5, 0.0)
    """
    total = importance.sum()
    if len(importance) < 2 or not total > 0:
        return float("nan")
    share = importance[importance > 0] / total
    return abs(float(share @ np.log(share))) / float(np.log(len(importance)))


def _share(flipped: Sequence[bool] | np.ndarray) -> float:
    return float(np.mean(flipped)) if len(flipped) else float("nan")


def _gradients(
    model: PreTrainedModel, ids: Ids
) -> tuple[Float64[np.ndarray, " classes"], Float64[np.ndarray, " tokens"], Float64[np.ndarray, " tokens"]]:
    """Logits, and the norms of the gradient by word vectors and by states."""
    vectors = model.get_input_embeddings()(torch.from_numpy(ids)[None]).detach().requires_grad_()
    out = model(inputs_embeds=vectors)
    states = vectors if out.hidden_states is None else out.hidden_states[1]  # the paper's states are its word vectors
    first, second = out.logits[0].topk(2).values
    norms = [one[0].norm(dim=1).numpy() for one in torch.autograd.grad(first - second, (vectors, states))]
    return out.logits[0].detach().numpy(), *norms
