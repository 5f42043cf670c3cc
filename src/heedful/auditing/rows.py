"""The rows of an audit: every method's explanation of every text, and what each metric says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heedful.auditing.effects import SAMPLER
from heedful.classifier import Classifier
from heedful.corpus.plan import Plan as CorpusPlan
from heedful.corpus.table import Result, table, text_hash
from heedful.data import Rationale
from heedful.data import Row as TextOfCorpus
from heedful.errors import InputError
from heedful.explaining.answers import REFUSALS, Refusal, explain_or_refuse
from heedful.explaining.windows import Asked
from heedful.explanation import Explanation
from heedful.methods.base import Answer, Method
from heedful.metrics.base import Metric, judge
from heedful.metrics.curves import Deletion, Insertion
from heedful.question import Choices, Question, check_text

REVERSED = "reversed"  # of a method: its scores from last to first, which is as wrong as it can be
TRIED_AGAIN = "ModelError"  # of a call that failed: it may not, when the audit goes on
CURVE = " curve"  # behind a metric's name: the column of its curve
METHOD = "method"  # what the columns of the one method begin with, in rows of a corpus
SCORED = ("units", "scores")  # columns that stand in the rows of a corpus
Row = dict[str, Any]
Scored = Mapping[tuple[int, str], tuple[list[str], list[float] | None]]


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

    @property
    def row(self) -> TextOfCorpus:
        """The text as a row of a corpus."""
        return TextOfCorpus(self.index, self.place, str(self.index), self.text, self.label)


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
    yield from judged(questions, texts, explained(questions, plan.methods[name]), name, plan)


def judged(
    questions: Sequence[Question],
    texts: Sequence[Text],
    explanations: Sequence[Explanation | Refusal],
    name: str,
    plan: Plan,
) -> Iterator[Row]:
    """Yield the same rows, of explanations that are there."""
    for question, text, explanation in zip(questions, texts, explanations, strict=True):
        yield _row(question, text, name, explanation, plan.metrics)
        if name == plan.against:
            turned = upside_down(explanation) if isinstance(explanation, Explanation) else explanation
            yield _row(question, text, REVERSED, turned, plan.metrics)


def corpus_rows(
    classifier: Classifier,
    questions: Sequence[Question],
    texts: Sequence[Text],
    explanations: Sequence[Explanation | Refusal],
    method: Method,
) -> list[Row]:
    """Return explanations as rows of a corpus: see `heedful.corpus.table`; the method's columns begin with `method`."""
    asked = [Asked.at_once(question) for question in questions]
    each = zip(texts, asked, explanations, strict=True)
    results = [Result(text.row, one, None, {METHOD: _answer(one, said)}) for text, one, said in each]
    rows: list[Row] = table(results, classifier, CorpusPlan({METHOD: method})).to_pylist()
    return rows


def _answer(asked: Asked, said: Explanation | Refusal) -> Answer | Refusal:
    """The answer that an explanation was made of."""
    if not isinstance(said, Explanation):
        return said
    return Answer(
        scores=said.scores,
        base_value=said.base_value,
        std_error=said.std_error,
        error_bound=said.error_bound,
        n_forward=said.n_forward - asked.n_forward,
    )


def with_scores(rows: Sequence[Row], scored: Scored, against: str) -> list[Row]:
    """Return rows with the units and scores that they are about, which stand in the rows of a corpus alone.

    Args:
        rows: of `measured`, without units and scores.
        scored: units and scores by the index of the text and the name of the method.
        against: name of the method that is reversed.
    """
    whole = []
    for row in rows:
        turned = row["method"] == REVERSED
        units, scores = scored[row["index"], against if turned else row["method"]]
        if turned and scores is not None:
            scores = _last_first(np.array(scores, dtype=np.float64)).tolist()
        whole.append(row | {"units": units, "scores": scores})
    return whole


def upside_down(explanation: Explanation) -> Explanation:
    """Return the explanation with the order of its scores reversed: the largest becomes the smallest.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "occlusion")
        >>> sorted(upside_down(e).scores.tolist()) == sorted(e.scores.tolist())
        True
    """
    scores = _last_first(explanation.scores)
    return replace(explanation, scores=scores, method=f"{REVERSED} {explanation.method}", std_error=None)


def _last_first(scores: np.ndarray) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    turned = np.empty_like(scores)
    turned[order] = scores[order[::-1]]
    return turned


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
        "text_hash": text_hash(text.text),
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
