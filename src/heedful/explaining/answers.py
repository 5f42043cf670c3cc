"""From the answers of methods to explanations: of one text or of many at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from itertools import islice

import numpy as np

from heedful.errors import InputError, ModelError, PrecisionError
from heedful.explaining.prediction import prediction
from heedful.explaining.windows import Asked, Part
from heedful.explanation import Explanation
from heedful.methods.base import Answer, Method
from heedful.support.progress import track

REFUSALS = (InputError, PrecisionError)  # what a method may say of a single text
Refusal = InputError | PrecisionError


def explain_questions(asked: Iterable[Asked], method: Method, *, progress: bool = False) -> Iterator[Explanation]:
    """Let a method answer questions, as many at once as it gains from, and make explanations of its answers.

    Args:
        asked: the questions, one a text.
        method: the method.
        progress: show a progress bar on stderr, over the windows of a long text, with what has been run.

    Raises:
        ModelError: scores are not finite.
    """
    for some in _batched(asked, method.together):
        started = time.perf_counter()
        answers = _combined(some, method, progress=progress)
        seconds = (time.perf_counter() - started) / len(some)
        for one, answer in zip(some, answers, strict=True):
            yield _explanation(one, method, answer, seconds)


def answer_each(asked: Sequence[Asked], method: Method) -> list[Answer | Refusal]:
    """Let a method answer every question, as many at once as it gains from; of those it refuses, why."""
    answers: list[Answer | Refusal] = []
    for some in _batched(asked, method.together):
        try:
            answers += _combined(some, method)
        except REFUSALS as error:
            answers += [error] if len(some) == 1 else [answer for one in some for answer in answer_each([one], method)]
    return answers


def _combined(some: Sequence[Asked], method: Method, *, progress: bool = False) -> list[Answer]:
    """The answers to questions that are put together, those of windows combined."""
    parts = [part for one in some for part in one.steps(method)]
    answers = track(_answers(parts, method), f"explaining by {method.card.name}", total=len(parts), shown=progress)
    return [one.combined(method, list(islice(answers, len(one.steps(method))))) for one in some]


def _batched(items: Iterable[Asked], n: int) -> Iterator[list[Asked]]:
    remaining = iter(items)
    while some := list(islice(remaining, n)):
        yield some


def _answers(parts: Sequence[Part], method: Method) -> Iterator[Answer]:
    """Answers part by part; a silent window, of punctuation alone, has an output but nothing to explain."""
    answers = iter(method.answers([part.question for part in parts if not part.silent]))
    for part in parts:
        if part.silent:
            nothing = np.zeros(0)
            yield Answer(scores=nothing, base_value=part.question.prediction, std_error=nothing, error_bound=0.0)
            continue
        answer = next(answers)
        if not np.isfinite(answer.scores).all():
            raise ModelError(
                f"{part.question.classifier.name}: {method.card.name} gives scores that are NaN or infinite: "
                "try another method, or the model in float32"
            )
        yield answer


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
