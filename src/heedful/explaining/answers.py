"""From the answers of methods to explanations: of one text or of many at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from importlib.metadata import version
from itertools import islice
from time import perf_counter

import numpy as np

from heedful.errors import InputError, ModelError, PrecisionError
from heedful.explaining.prediction import prediction
from heedful.explaining.together import Outcome, outcomes, shares
from heedful.explaining.windows import Asked, Part
from heedful.explanation import Explanation
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.progress import track

REFUSALS = (InputError, PrecisionError)  # what a method may say of a single text
Refusal = InputError | PrecisionError

_SHARING = 256  # questions whose masked texts share forward passes: many more than are answered at a time


def explain_questions(asked: Iterable[Asked], method: Method, *, progress: bool = False) -> Iterator[Explanation]:
    """Let a method answer questions, as many at once as it gains from, and make explanations of its answers.

    Args:
        asked: the questions, one a text.
        method: the method.
        progress: show a progress bar on stderr, over the windows of a long text, with what has been run.

    Raises:
        ModelError: scores are not finite.
    """
    for one, answer, seconds in _each(asked, method, (), progress=progress):
        if isinstance(answer, Answer):
            yield _explanation(one, method, answer, seconds)


def answer_each(asked: Iterable[Asked], method: Method) -> Iterator[Answer | Refusal]:
    """Let a method answer every question, as many at once as it gains from; of those it refuses, yield why."""
    return (answer for _, answer, _ in _each(asked, method, REFUSALS))


def explain_or_refuse(asked: Iterable[Asked], method: Method) -> Iterator[Explanation | Refusal]:
    """Let a method explain every question, as `explain_questions`; of those it refuses, yield why."""
    for one, answer, seconds in _each(asked, method, REFUSALS):
        yield _explanation(one, method, answer, seconds) if isinstance(answer, Answer) else answer


def _each(
    asked: Iterable[Asked], method: Method, refusals: tuple[type[Refusal], ...], *, progress: bool = False
) -> Iterator[tuple[Asked, Answer | Refusal, float]]:
    """Yield each question with its answer, that of windows combined, or the refusal, and how long it took."""
    for some in _batched(asked, method):
        steps = [one.steps(method) for one in some]
        parts = [part for step in steps for part in step]
        answered = track(
            _outcomes(parts, method, refusals), f"explaining by {method.card.name}", total=len(parts), shown=progress
        )
        with closing(answered):
            for one, step in zip(some, steps, strict=True):
                outcomes = list(islice(answered, len(step)))
                answer: Answer | Refusal
                try:
                    answer = one.combined(method, [outcome.answer for outcome in outcomes])
                except refusals as error:
                    answer = error
                yield one, answer, sum(outcome.seconds for outcome in outcomes)


def _batched(items: Iterable[Asked], method: Method) -> Iterator[list[Asked]]:
    """As many at once as the method gains from."""
    remaining = iter(items)
    for first in remaining:
        n = _SHARING if shares(method, first.whole) else method.together
        yield [first, *islice(remaining, n - 1)]


def _outcomes(
    parts: Sequence[Part], method: Method, refusals: tuple[type[Refusal], ...]
) -> Generator[Outcome, None, None]:
    """Outcomes part by part; a silent window, of punctuation alone, has an output but nothing to explain."""
    questions = [part.question for part in parts if not part.silent]
    with closing(_answered(questions, method, refusals)) as answered:
        for part in parts:
            if part.silent:
                nothing, base_value = np.zeros(0), part.question.prediction
                yield Outcome(Answer(scores=nothing, base_value=base_value, std_error=nothing, error_bound=0.0), 0.0)
                continue
            outcome = next(answered)
            if isinstance(outcome.result, Answer) and not np.isfinite(outcome.result.scores).all():
                error = ModelError(
                    f"{part.question.classifier.name}: {method.card.name} gives scores that are NaN or infinite: "
                    "try another method, or the model in float32"
                )
                outcome = Outcome(error, outcome.seconds)
            yield outcome


def _answered(
    questions: Sequence[Question], method: Method, refusals: tuple[type[Refusal], ...]
) -> Generator[Outcome, None, None]:
    """Let the method's own `answers` answer, if it has any, and one by one where it refuses."""
    if type(method).answers is not Method.answers:
        started = perf_counter()
        try:
            answers: list[Answer | Exception] = list(method.answers(questions))
        except refusals:
            answers = [_alone(method, question) for question in questions]
        seconds = (perf_counter() - started) / max(1, len(questions))
        yield from (Outcome(answer, seconds) for answer in answers)
        return
    with closing(outcomes(method, questions)) as each:
        yield from each


def _alone(method: Method, question: Question) -> Answer | Exception:
    """What the method answers to one question, or why not."""
    try:
        (answer,) = method.answers([question])
    except Exception as error:  # of any kind: raised where the answer is asked for
        return error
    return answer


def _explanation(asked: Asked, method: Method, answer: Answer, seconds: float) -> Explanation:
    """Join a method's answer with everything about how it came about."""
    question, card, output = asked.whole, method.card, asked.whole.output
    settings = method.settings() | dict(answer.settings) | dict(asked.settings)
    if answer.std_error is not None and len(answer.std_error) and np.isnan(answer.std_error).all():
        settings.setdefault("note", "too little was drawn to estimate standard errors: draw more, or take no interval")
    if question.encoded.second is not None:
        settings["second_text_from"] = question.encoded.second
    if output.other is not None:
        settings["other_class"] = question.classifier.labels[output.other]
    return Explanation(
        text=question.encoded.text,
        units=question.units.strings,
        spans=question.units.spans,
        scores=answer.scores,
        target=output.target,
        target_name=question.classifier.labels[output.target],
        output=output.kind,
        prediction=asked.prediction,
        base_value=answer.base_value,
        method=card.name,
        settings=settings,
        signed=method.signed,
        additive=card.additive if answer.additive is None else answer.additive,
        unit=question.units.kind,
        masking=question.masking if card.removes else None,
        std_error=answer.std_error,
        error_bound=answer.error_bound,
        n_forward=answer.n_forward + asked.n_forward,
        seconds=seconds,
        seed=question.seed if card.random else None,
        versions=_versions(),
        model=question.classifier.name,
        cut=question.encoded.cut,
        details=answer.details,
        **prediction(asked),
    )


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("heedful", "numpy", "torch", "transformers")}
