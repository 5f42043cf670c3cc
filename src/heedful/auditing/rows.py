"""The rows of an audit: every method's explanation of every text, and what each metric says of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heedful.classifier import Classifier
from heedful.data import Rationale
from heedful.errors import InputError
from heedful.explaining.answers import explain_questions
from heedful.explaining.windows import Asked
from heedful.explanation import Explanation
from heedful.methods.base import Method
from heedful.metrics.base import Metric, judge
from heedful.question import Choices, Question, ask_all, check_text

REVERSED = "reversed"  # of a method: its scores from last to first, which is as wrong as it can be
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What an audit measures on every text.

    Attributes:
        methods: by the names they have in tables.
        metrics: by the names they have in tables.
        against: name of the method whose reversed scores stand in every table.
        choices: what is explained, and over which units.
    """

    methods: Mapping[str, Method]
    metrics: Mapping[str, Metric]
    against: str
    choices: Choices


@dataclass(frozen=True)
class Text:
    """A text with its place in the caller's data, and its label if there is one."""

    place: str
    text: str
    label: str | None = None
    rationale: Rationale | None = None


def usable(classifier: Classifier, texts: Sequence[Text], unit: str) -> tuple[list[Text], dict[str, list[str]]]:
    """Tell texts that can be explained from those that cannot: the places of the latter, by the reason."""
    good, problems = list[Text](), dict[str, list[str]]()
    for text in texts:
        try:
            check_text(classifier, text.text, unit)
        except InputError as error:
            problems.setdefault(str(error), []).append(text.place)
        else:
            good.append(text)
    return good, problems


def answering(classifier: Classifier, text: Text, plan: Plan) -> tuple[Plan, dict[str, str]]:
    """Try every method on one text: the plan with those that answer, and why the others do not."""
    able, refused = dict[str, Method](), dict[str, str]()
    (question,) = ask_all(classifier, [text.text], plan.choices)
    for name, method in plan.methods.items():
        try:
            next(explain_questions([Asked.at_once(question)], method))
        except InputError as error:
            refused[name] = str(error)
        else:
            able[name] = method
    return replace(plan, methods=able), refused


def measured(classifier: Classifier, texts: Sequence[Text], plan: Plan) -> Iterator[Row]:
    """Yield a row a text and method, text by text, the methods in the plan's order and the reversed one last."""
    questions = ask_all(classifier, [text.text for text in texts], plan.choices)
    answers = {
        name: list(explain_questions(map(Asked.at_once, questions), method)) for name, method in plan.methods.items()
    }
    for i, (text, question) in enumerate(zip(texts, questions, strict=True)):
        each = {name: explanations[i] for name, explanations in answers.items()}
        if plan.against in each:
            each[REVERSED] = upside_down(each[plan.against])
        for name, explanation in each.items():
            values = _judged(question, explanation, text.rationale, plan.metrics)
            yield _about(text, question) | _scored(name, explanation) | values


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


def _about(text: Text, question: Question) -> Row:
    labels, best = question.classifier.labels, int(np.argmax(question.logits))
    predicted, probability = labels[best], question.output_of("probability", best)
    return {
        "place": text.place,
        "text_hash": hashlib.sha256(text.text.encode()).hexdigest()[:16],
        "label": text.label,
        "predicted": predicted,
        "probability": float(probability(question.logits[None])[0]),
        "correct": None if text.label is None else text.label == predicted,
        "n_units": len(question.units),
    }


def _scored(name: str, explanation: Explanation) -> Row:
    return {
        "method": name,
        "units": list(explanation.units),
        "scores": explanation.scores.tolist(),
        "n_forward": explanation.n_forward,
        "seconds": explanation.seconds,
    }


def _judged(
    question: Question, explanation: Explanation, rationale: Rationale | None, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Return what each metric says; not-a-number where it says nothing."""
    values = dict.fromkeys(metrics, math.nan)
    for name, metric in metrics.items():
        with suppress(InputError):
            values[name] = float(judge(metric, question, explanation, rationale))
    return values
