"""Layer-wise relevance propagation by the AttnLRP rules (Achtibat et al. 2024); the rules: see `inside.propagation`."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.question import Question


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
        """Add up the relevance of token vectors over each unit's tokens."""
        look = question.look_inside()
        relevance = look.relevance(question.output.cotangent(question.logits))
        tokens = relevance.scores.cpu().double().reshape(len(question.encoded), -1).sum(1).numpy()
        return Answer(
            scores=question.units.add_up(tokens),
            n_forward=look.n_forward,
            settings={"engine": look.engines[0], "aggregation": "sum over tokens"},
            details={
                "explained": relevance.explained,
                "relevance": float(tokens.sum()),
                "constants": relevance.constants,
                "softmax": relevance.softmax,
                "conservation_gap": relevance.gap,
            },
        )
