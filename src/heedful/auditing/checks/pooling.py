"""Pooling by attention taken apart: on one text, every head's weights and what they weigh, and no model any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int

from heedful.classifier import Classifier
from heedful.games.output import Output
from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.normalisers import normalise
from heedful.question import Question

Logits = Float64[np.ndarray, "rows classes"]


@dataclass(frozen=True, eq=False)
class Pooled:
    """The prediction of one text as weighted sums: its logits are linear in the attention weights.

    Attention on tokens of no unit ([CLS], padding that is attended to, punctuation) is held fixed: it is not shown to
    anybody, and what is on trial is how attention on the words is shared out among them.

    Attributes:
        weights: attention weights on the tokens of units; those of a head add up to at most 1.
        values: what each token says for each class, in each head.
        rest: what all other tokens add to the logits.
        owner: the unit of each token.
        n_units: number of units.
    """

    weights: Float64[np.ndarray, "heads tokens"]
    values: Float64[np.ndarray, "heads tokens classes"]
    rest: Float64[np.ndarray, " classes"]
    owner: Int[np.ndarray, " tokens"]
    n_units: int

    def logits(self, weights: Float64[np.ndarray, "rows heads tokens"]) -> Logits:
        """Return the logits that other weights in place of the model's give."""
        heads, tokens, classes = self.values.shape
        flat = weights.reshape(len(weights), heads * tokens)
        return flat @ self.values.reshape(heads * tokens, classes) / heads + self.rest

    def on_units(self, weights: Float64[np.ndarray, "heads tokens"]) -> Float64[np.ndarray, " units"]:
        """Return the mean over heads of the weights on each unit, as a share of that on all units."""
        on_units = np.bincount(self.owner, weights.mean(0), minlength=self.n_units)
        total = on_units.sum()
        return on_units / total if total > 0 else on_units

    def even(self) -> Float64[np.ndarray, "heads tokens"]:
        """Return weights with which every head shares what it has for the units' tokens out evenly."""
        return np.broadcast_to(self.weights.mean(1, keepdims=True), self.weights.shape).copy()


def why_not(classifier: Classifier) -> str | None:
    """Say why the prediction cannot be taken apart; None where it can be."""
    model = classifier.paper_model
    if model is None:
        return f"{classifier.name} does not pool by one layer of attention, so weights cannot be set with values fixed"
    if model.config.problem_type == "regression":
        return f"{classifier.name} predicts a number, no class"
    return None


def pooled(classifier: Classifier, questions: Sequence[Question]) -> Iterator[Pooled]:
    """Yield every text taken apart, from the look-up tables: float64, no forward pass.

    Args:
        classifier: one of the paper's kind: see `why_not`.
        questions: of which only the text and the units matter.
    """
    model = classifier.paper_model
    assert model is not None  # noqa: S101 - see `why_not`
    tables, config = model.tables(), model.config
    for question in questions:
        ids = question.encoded.input_ids
        table = tables.token(ids) + tables.position[: len(ids)]
        if config.attend_padding:
            padding = tables.token(np.array([config.unk_token_id])) + tables.position[len(ids) :]
            table = np.concatenate([table, padding])
        weights, values = _weights(table[..., 0], config), table[..., 1:]
        owner = np.full(len(table), -1)
        owner[: len(ids)] = question.units.of_token
        inside = owner >= 0
        yield Pooled(
            weights[inside].T,
            values[inside].swapaxes(0, 1),
            np.einsum("th,thc->c", weights[~inside], values[~inside]) / config.num_attention_heads,
            owner[inside],
            len(question.units),
        )


def _weights(
    logits: Float64[np.ndarray, "tokens heads"], config: AttentionPoolingConfig
) -> Float64[np.ndarray, "tokens heads"]:
    return normalise(torch.from_numpy(logits), config.normaliser, config.entmax_alpha, dim=0).numpy()


def probabilities(logits: Logits, *, exclusive: bool) -> Logits:
    """Return class probabilities: by softmax where classes exclude each other, else by a sigmoid each."""
    each = [Output("probability", label, exclusive=exclusive)(logits) for label in range(logits.shape[1])]
    return np.stack(each, axis=1)


def change(logits: Float64[np.ndarray, "1 classes"], to: Logits, *, exclusive: bool) -> Float64[np.ndarray, " rows"]:
    """Return the total-variation distance of the class probabilities; the mean over classes where each has its own.

    Example:
        >>> change(np.array([[0.0, 0.0]]), np.array([[0.0, np.log(3.0)]]), exclusive=True)
        array([0.25])
    """
    distance = np.abs(probabilities(to, exclusive=exclusive) - probabilities(logits, exclusive=exclusive))
    return distance.sum(1) / 2 if exclusive else distance.mean(1)


def decided_otherwise(
    logits: Float64[np.ndarray, "1 classes"], to: Logits, *, exclusive: bool
) -> Bool[np.ndarray, " rows"]:
    """Tell where the decision is another: the class with the largest logit, or any class's side of one half.

    Example:
        >>> decided_otherwise(np.array([[0.0, 1.0]]), np.array([[0.0, -1.0], [0.0, 0.5]]), exclusive=True)
        array([ True, False])
    """
    if exclusive:
        return to.argmax(1) != logits.argmax(1)
    return ((to > 0) != (logits > 0)).any(1)
