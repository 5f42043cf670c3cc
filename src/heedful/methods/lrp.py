"""Layer-wise relevance propagation by the AttnLRP rules (Achtibat et al. 2024); the rules: see `propagation`.

Of the paper's classifier in closed form, per head, with F = sum_s alpha_s c_s. Half of a word's alpha_t c_t goes to its
value, half to its weight; softmax hands on s_t times the gradient of that, and half of it reaches the key:

    R_t = alpha_t c_t / 2 + r_t / 4,   r_t = alpha_t s_t (c_t - F),   and sum_s r_s / 4 more at position 0, the query's

The folded forward pass would share unfairly: there, one product holds both scores and values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from heedful.classifier import inside
from heedful.classifier.inside.propagation import Relevance
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.normalisers import normalise, slope
from heedful.question import Question
from heedful.text.encoding import Encoded


def closed_form(
    model: AttentionPoolingForSequenceClassification, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Relevance:
    """Relevance (tokens,) of every e_t = E[token] + P[t] of the paper's classifier, in float64.

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


@dataclass(frozen=True)
class LRP(Method):
    """Layer-wise relevance propagation by the AttnLRP rules, of any transformer built from operations they cover.

    A logit, or a difference of logits, is handed back to the word vectors; of a probability, its gradient by the
    logits times the logits. `details` say where it went: to all tokens, special ones included (`relevance`), to
    biases, position and type vectors (`constants`) and to the expansion of softmax (`softmax`); `conservation_gap` is
    the rest, which is rounding.

    Raises:
        ModelError: the model is in float16, or something it computes has no rule.
    """

    card = cards.LRP

    def answer(self, question: Question) -> Answer:
        """Relevance of a token's vector, added up over each unit's tokens."""
        classifier, encoded = question.classifier, question.encoded
        model = classifier.paper_model
        cotangent = question.output.cotangent(question.logits)
        found = (
            inside.relevance(classifier, encoded, cotangent)
            if model is None
            else closed_form(model, encoded, cotangent)
        )
        tokens = found.scores.cpu().double().reshape(len(encoded), -1).sum(1).numpy()
        return Answer(
            scores=question.units.add_up(tokens),
            n_forward=2 * int(model is None),  # one to see that the rules leave the logits as they are
            settings={"engine": "autograd" if model is None else "closed-form", "aggregation": "sum over tokens"},
            details={
                "explained": found.explained,
                "relevance": float(tokens.sum()),
                "constants": found.constants,
                "softmax": found.softmax,
                "conservation_gap": found.gap,
            },
        )
