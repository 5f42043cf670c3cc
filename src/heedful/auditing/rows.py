"""The rows of an audit: every method's explanation of every text, and what each metric says of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heedful.auditing.effects import SAMPLER
from heedful.classifier import Classifier
from heedful.data import Rationale
from heedful.errors import InputError
from heedful.explaining.answers import REFUSALS, Refusal, explain_or_refuse
from heedful.explaining.windows import Asked
from heedful.explanation import Explanation
from heedful.methods.base import Method
from heedful.metrics.base import Metric, judge
from heedful.metrics.curves import Deletion, Insertion
from heedful.question import Choices, Question, check_text

REVERSED = "reversed"  # of a method: its scores from last to first, which is as wrong as it can be
TRIED_AGAIN = "ModelError"  # of a call that failed: it may not, when the audit goes on
CURVE = " curve"  # behind a metric's name: the column of its curve
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What an audit measures on every text.

    Attributes:
        methods: by the names they have in tables.
        metrics: by the names they have in tables.
        against: name of the method whose reversed scores stand in every table.
        choices: what is explained, and over which units.
        sampler: what samples the effects that attention is held against, where exact ones are not to be had.
    """

    methods: Mapping[str, Method]
    metrics: Mapping[str, Metric]
    against: str
    choices: Choices
    sampler: Method = SAMPLER


@dataclass(frozen=True)
class Text:
    """A text with its place in the caller's data, and its label if there is one."""

    place: str
    text: str
    label: str | None = None
    rationale: Rationale | None = None
    index: int = 0


def usable(classifier: Classifier, texts: Sequence[Text], unit: str) -> tuple[list[Text], dict[str, list[str]]]:
    """Tell texts that can be explained from those that cannot: the places of the latter, by the reason.

    A label that is no class of the classifier is a problem too, though the text is explained all the same.
    """
    good, problems = list[Text](), dict[str, list[str]]()
    for text in texts:
        try:
            check_text(classifier, text.text, unit)
        except InputError as error:
            problems.setdefault(str(error), []).append(text.place)
            continue
        good.append(text)
        if text.label is not None and text.label not in classifier.labels:
            classes = ", ".join(classifier.labels[:10])
            reason = f"label {text.label!r} is no class of the model ({classes}): explained, but not counted as right"
            problems.setdefault(reason, []).append(text.place)
    return good, problems


def explained(questions: Sequence[Question], method: Method) -> list[Explanation | Refusal]:
    """Let a method explain every question; of those it refuses, why."""
    return [*explain_or_refuse(map(Asked.at_once, questions), method)]


def measured(questions: Sequence[Question], texts: Sequence[Text], name: str, plan: Plan) -> Iterator[Row]:
    """Yield a row a text for one method; and one for its reversed scores, if they are to stand in every table."""
    for question, text, explanation in zip(questions, texts, explained(questions, plan.methods[name]), strict=True):
        yield _row(question, text, name, explanation, plan.metrics)
        if name == plan.against:
            turned = upside_down(explanation) if isinstance(explanation, Explanation) else explanation
            yield _row(question, text, REVERSED, turned, plan.metrics)


def upside_down(explanation: Explanation) -> Explanation:
    """Return the explanation with the order of its scores reversed: the largest becomes the smallest.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "occlusion")
        >>> sorted(upside_down(e).scores.tolist()) == sorted(e.scores.tolist())
        True
    """
    order = np.argsort(explanation.scores, kind="stable")
    scores = np.empty_like(explanation.scores)
    scores[order] = explanation.scores[order[::-1]]
    return replace(explanation, scores=scores, method=f"{REVERSED} {explanation.method}", std_error=None)


def _row(
    question: Question, text: Text, name: str, explanation: Explanation | Refusal, metrics: Mapping[str, Metric]
) -> Row:
    row = about(text, question) | {"method": name, "units": list(question.units.strings)}
    curves = dict.fromkeys(
        name + CURVE for name, metric in metrics.items() if isinstance(metric, (Deletion, Insertion))
    )
    row |= curves  # every row has every column
    if not isinstance(explanation, Explanation):
        nothing = {"scores": None, "signed": None, "n_forward": 0, "seconds": 0.0, "error": str(explanation)}
        row |= nothing | {"error_kind": type(explanation).__name__, "notes": []}
        return row | dict.fromkeys(metrics, math.nan)
    row |= {"scores": explanation.scores.tolist(), "signed": explanation.signed, "error": None, "error_kind": None}
    row |= {"n_forward": explanation.n_forward, "seconds": explanation.seconds}
    return row | _judged(question, explanation, text.rationale, metrics)


def about(text: Text, question: Question) -> Row:
    """Return what is known of a text, whatever the method.

    Of a model that predicts a number there is no probability; of one whose classes do not exclude each other no single
    right answer.
    """
    labels, best = question.classifier.labels, int(np.argmax(question.logits))
    predicted, number = labels[best], question.classifier.model.config.problem_type == "regression"
    probability = None if number else float(question.output_of("probability", best)(question.logits[None])[0])
    known = text.label in labels and question.classifier.exclusive and len(labels) > 1
    return {
        "index": text.index,
        "place": text.place,
        "text_hash": hashlib.sha256(text.text.encode()).hexdigest()[:16],
        "label": text.label,
        "predicted": predicted,
        "probability": probability,
        "correct": text.label == predicted if known else None,
        "n_units": len(question.units),
        "cut": bool(question.encoded.cut),
    }


def _judged(
    question: Question, explanation: Explanation, rationale: Rationale | None, metrics: Mapping[str, Metric]
) -> Row:
    """Return what each metric says, not-a-number where it says nothing; and why not, in notes."""
    values, notes = Row(dict.fromkeys(metrics, math.nan)), list[str]()
    for name, metric in metrics.items():
        try:
            values[name] = float(judge(metric, question, explanation, rationale))
            if math.isnan(values[name]):
                notes.append(f"{name}: undefined for these scores")
            if isinstance(metric, (Deletion, Insertion)):
                values[name + CURVE] = metric.curve(question, explanation).tolist()
        except REFUSALS as error:
            notes.append(f"{name}: {error}")
    return values | {"notes": notes}
