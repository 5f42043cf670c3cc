"""Attention on trial: on every text, how it compares with the effects of the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from heedful.auditing.effects import Effects, effects
from heedful.auditing.figures import NOTHING, text_figures
from heedful.auditing.rows import Plan, Row, Text, about, explained
from heedful.classifier import Classifier
from heedful.explaining.answers import REFUSALS
from heedful.explanation import Explanation
from heedful.methods.attention import AttentionMean
from heedful.methods.base import Method
from heedful.question import Choices, Question


def tried(classifier: Classifier, texts: Sequence[Text], questions: Sequence[Question], plan: Plan) -> list[Row]:
    """Return a row a text: the figures that the verdict is made of, attention, and the effects of the units.

    The effects are those on the difference to the best other class, which decides the prediction.

    Args:
        classifier: the classifier.
        texts: the texts.
        questions: about each.
        plan: what samples the effects, and the choices: the units, and a seed.
    """
    decides = replace(
        plan.choices,
        target="predicted",
        output="logit_difference" if classifier.exclusive and len(classifier.labels) > 1 else "logit",
    )
    attentions = explained(questions, AttentionMean())
    all_effects = _effects(classifier, [text.text for text in texts], decides, plan.sampler)
    return [
        about(text, question) | {"units": list(question.units.strings)} | _tried(attention, effect)
        for text, question, attention, effect in zip(texts, questions, attentions, all_effects, strict=True)
    ]


def _tried(attention: Explanation | Exception, effect: Effects | Exception) -> Row:
    if isinstance(attention, Exception) or isinstance(effect, Exception):
        error = attention if isinstance(attention, Exception) else effect
        nothing = dict.fromkeys(("attention", "effects", "effect_error", "output", "exact"))
        failure = {"n_forward": 0, "error": str(error), "error_kind": type(error).__name__}
        return nothing | failure | asdict(NOTHING)
    figures = text_figures(
        attention.scores, effect.scores, error=effect.error, output=effect.output, halves=effect.halves
    )
    row = {"attention": attention.scores.tolist(), "effects": effect.scores.tolist()}
    row |= {"effect_error": effect.error, "output": effect.output, "exact": effect.halves is None}
    return (
        row | {"n_forward": attention.n_forward + effect.n_forward, "error": None, "error_kind": None} | asdict(figures)
    )


def _effects(
    classifier: Classifier, texts: Sequence[str], choices: Choices, sampler: Method
) -> list[Effects | Exception]:
    try:
        return [*effects(classifier, texts, choices, sampler)]
    except REFUSALS as error:
        if len(texts) == 1:
            return [error]
    return [_effects(classifier, [text], choices, sampler)[0] for text in texts]
