"""Texts longer than a classifier's limit: cut at the limit, or read window by window.

Of a long text W windows, a classifier's output is combined to one number, and a method answers window by window. With
`combine="mean"` the explained output is f = (1/W) sum_w f_w, and a unit's score the sum of its scores over the windows
it is in, divided by W. That is the exact explanation of f wherever scores are linear in the output and a unit without
influence gets none, which holds for

- games (Shapley, Banzhaf and Owen values, occlusion), where a unit is kept or removed in all windows at once: f_w is a
  game in which the units outside the window are dummies;
- gradients, integrated gradients and LRP, where a word in several windows counts as several words.

For other methods it is the mean of the windows' explanations and no more: LIME draws how many words go, and weighs
samples, in every window for itself, and SmoothGrad its noise; attention belongs to a window's own forward pass;
surrogates are fitted one a window.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from jaxtyping import Int64

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.methods.base import Answer, Method
from heedful.question import Choices, Question, about, ask, ask_all
from heedful.support.kinds import OneOf
from heedful.support.names import match, shown
from heedful.support.settings import changed, check_settings
from heedful.text.encoding import Encoded, Text
from heedful.text.given import ONE, as_text
from heedful.text.units import Units

COMBINATIONS = ("mean", "max")
_TOGETHER = 64  # texts asked about at once

_COMBINED: dict[str, Callable[[Sequence[float]], float]] = {"sum": sum, "min": min, "max": max, "mean": np.mean}


@dataclass(frozen=True)
class Windows:
    """Read a long text window by window, instead of cutting it.

    Windows are runs of the whole text's tokens, each between the special tokens of a text of its own; the last ends
    with the text, so that all have the same length. A text that fits into one window is explained as ever.

    Args:
        size: tokens of a window, special tokens included; None for the classifier's limit.
        stride: tokens from the start of one window to the start of the next; None for half of those a window has room
            for. (Other libraries call the overlap of two windows stride.)
        combine: "mean" of the windows' outputs, or "max": the output of the window in which it is largest, which is
            explained alone; units outside it score 0. The predicted class is that of the mean, or largest, logits. With
            output "probability" it is probabilities that are combined, not logits.

    Raises:
        SettingError: a number below 1, or an unknown combination; on a text, windows beyond the classifier's limit,
            without room for a word, or with words between them; a pair of texts.

    Example:
        >>> Windows.of("windows:size=128,stride=64")
        Windows(size=128, stride=64, combine='mean')
    """

    size: Annotated[int, Ge(1)] | None = None
    stride: Annotated[int, Ge(1)] | None = None
    combine: Annotated[str, OneOf(COMBINATIONS)] = "mean"

    def __post_init__(self) -> None:
        check_settings(self, "windows")

    @staticmethod
    def of(long_text: str | Windows) -> Windows | None:
        """Read windows from their text, as on the command line; None for "truncate".

        Raises:
            SettingError: neither "truncate" nor "windows", or settings that windows do not have.
        """
        if isinstance(long_text, Windows):
            return long_text
        if not isinstance(long_text, str):
            raise SettingError(f"long_text must be 'truncate', 'windows' or heedful.Windows, got {shown(long_text)}")
        given, colon, settings = long_text.partition(":")
        name = match(given, ("truncate", "windows"))
        if name is None or (name == "truncate" and colon):
            raise SettingError(f"unknown long_text {shown(long_text)}: use truncate, or windows:size=128,stride=64")
        return None if name == "truncate" else changed(Windows(), settings, name)


@dataclass(frozen=True, eq=False)
class Part:
    """A question about one window, or about a whole text that fits.

    Attributes:
        question: the question.
        owned: indices of the text's units that are in it.
        silent: whether there is none: a window of punctuation alone.
    """

    question: Question
    owned: Int64[np.ndarray, " owned"]
    silent: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """A question as it is put to methods: in one part, or window by window.

    Attributes:
        whole: the question about the text, with all its units; of several windows, its logits are the combined ones.
        parts: what is answered.
        prediction: the explained output.
        n_forward: forwards it took to ask.
        settings: what a result says about windows.
    """

    whole: Question
    parts: tuple[Part, ...]
    prediction: float
    n_forward: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def at_once(cls, question: Question) -> Asked:
        """The text in one part; raises TextError if there is nothing to explain."""
        question.check_units()
        return cls(question, (_everything(question),), question.prediction)

    def steps(self, method: Method) -> tuple[Part, ...]:
        """The parts that the method answers; one that looks at nothing needs no windows."""
        return (_everything(self.whole),) if method.card.access == "nothing" else self.parts

    def combined(self, method: Method, answers: Sequence[Answer]) -> Answer:
        """Combine the answers to all `steps`: means over windows, scores by unit, standard errors in quadrature."""
        parts = self.steps(method)
        if len(answers) == 1 and len(parts[0].owned) == len(self.whole.units):
            return answers[0]
        share = 1.0 / len(answers)
        scores, variances = np.zeros(len(self.whole.units)), np.zeros(len(self.whole.units))
        for part, answer in zip(parts, answers, strict=True):
            scores[part.owned] += share * answer.scores
            if answer.std_error is not None:
                variances[part.owned] += (share * answer.std_error) ** 2
        spoken = [answer for part, answer in zip(parts, answers, strict=True) if not part.silent] or answers
        return Answer(
            scores=scores,
            base_value=_mean([answer.base_value for answer in answers]),
            std_error=None if any(answer.std_error is None for answer in answers) else np.sqrt(variances),
            error_bound=_mean([answer.error_bound for answer in answers]),
            additive=False if any(answer.additive is False for answer in answers) else None,
            n_forward=sum(answer.n_forward for answer in answers),
            settings=_shared(spoken),
            details=_combined_details(method, spoken),
        )


def _shared(answers: Sequence[Answer]) -> dict[str, Any]:
    """The settings on which all answers agree."""
    first, *others = answers
    return {k: v for k, v in first.settings.items() if all(other.settings.get(k) == v for other in others)}


def _combined_details(method: Method, answers: Sequence[Answer]) -> dict[str, float]:
    """Combine the details that all answers have, each by the rule on the method's card."""
    names = [name for name in answers[0].details if all(name in answer.details for answer in answers)]
    rules = {name: _COMBINED[method.card.details.get(name, "mean")] for name in names}
    return {name: float(rule([answer.details[name] for answer in answers])) for name, rule in rules.items()}


def ask_long(classifier: Classifier, text: Text, choices: Choices, windows: Windows | None) -> Asked:
    """The question about one text, cut at the classifier's limit (None) or read window by window.

    Raises:
        TextError, TargetError, SettingError: text, target or settings cannot be used.
        ModelError: the classifier gives NaN or infinite logits.
    """
    if windows is None:
        return Asked.at_once(ask(classifier, text, choices))
    if isinstance(text, tuple):
        raise SettingError("windows are of single texts: a pair of texts that is too long can only be truncated")
    text = as_text(text, ONE)
    size = classifier.max_tokens if windows.size is None else windows.size
    if size > classifier.max_tokens:
        raise SettingError(f"windows of {size} tokens: {classifier.name} takes {classifier.max_tokens} at most")
    whole = classifier.encode_up_to(sys.maxsize, text)
    places, stride = _places(whole, size, windows.stride)
    if len(places) == 1:
        return Asked.at_once(ask(classifier, text, choices))
    seen = [_at(whole, place) for place in places]
    logits = np.stack([classifier.logits_of(window) for window in seen])
    question = about(
        classifier, whole, logits.mean(axis=0) if windows.combine == "mean" else logits.max(axis=0), choices
    )
    question.check_units()
    outputs = question.output(logits)
    settings: dict[str, Any] = {"windows": len(seen), "window_size": size, "stride": stride, "combine": windows.combine}
    if windows.combine == "max":
        best = int(np.argmax(outputs))
        kept = [span for span in seen[best].offsets if span is not None]
        settings["window"] = [kept[0][0], kept[-1][1]]
        chosen, prediction = [best], float(outputs[best])
    else:
        chosen, prediction = list(range(len(seen))), float(outputs.mean())
    # seeds of their own: equal ones would make the errors of two windows alike, and these add up as independent ones;
    # of 32 bits, more than which numpy's older generators do not take
    seeds = np.random.SeedSequence(choices.seed).generate_state(len(seen), np.uint32).tolist()
    parts = []
    for i in chosen:
        owned, units = _units_at(question.units, places[i])
        window_question = replace(question, encoded=seen[i], units=units, logits=logits[i], seed=int(seeds[i]))
        parts.append(Part(window_question, owned, silent=not len(owned)))
    return Asked(question, tuple(parts), prediction, len(seen), settings)


def ask_each(
    classifier: Classifier, texts: Iterable[Text], choices: Choices, windows: Windows | None
) -> Iterator[Asked]:
    """Ask about several texts, as `ask_long` about one; those of equal length share forward passes.

    Raises:
        TextError, TargetError, SettingError, ModelError: see `ask_long`.
    """
    remaining = iter(texts)
    while some := list(islice(remaining, 1 if windows else _TOGETHER)):
        if windows is None:
            yield from map(Asked.at_once, ask_all(classifier, some, choices))
        else:
            yield ask_long(classifier, some[0], choices, windows)


def _everything(question: Question) -> Part:
    return Part(question, np.arange(len(question.units)))


def _places(whole: Encoded, size: int, stride: int | None) -> tuple[list[Int64[np.ndarray, " window"]], int]:
    """The whole text's tokens that each window has, special ones at both ends included, and the stride."""
    ours = np.flatnonzero([span is not None for span in whole.offsets])
    first, behind, n = int(ours[0]), int(ours[-1]) + 1, len(whole)
    special = n - (behind - first)
    room = size - special
    if room < 1:
        raise SettingError(f"windows of {size} tokens have no room for words: {special} tokens are special ones")
    stride = max(1, room // 2) if stride is None else stride
    if stride > room:
        raise SettingError(f"windows of {size} tokens have room for {room}: a stride of {stride} leaves words out")
    if n <= size:
        return [np.arange(n)], stride
    starts = [*range(first, behind - room, stride), behind - room]
    ends = np.arange(first), np.arange(behind, n)
    return [np.concatenate([ends[0], np.arange(start, start + room), ends[1]]) for start in starts], stride


def _at(whole: Encoded, place: Int64[np.ndarray, " window"]) -> Encoded:
    """Some tokens of a text as the classifier sees them; offsets stay those in the text."""
    return replace(
        whole,
        input_ids=whole.input_ids[place],
        offsets=tuple(whole.offsets[t] for t in place),
        type_ids=None if whole.type_ids is None else whole.type_ids[place],
    )


def _units_at(units: Units, place: Int64[np.ndarray, " window"]) -> tuple[Int64[np.ndarray, " owned"], Units]:
    """Which units have tokens in a window, and they as the window's own units, with all their spans in the text."""
    owner = units.of_token[place]
    owned = np.unique(owner[owner >= 0])
    positions: dict[int, list[int]] = {j: [] for j in owned.tolist()}
    for t in np.flatnonzero(owner >= 0).tolist():
        positions[int(owner[t])].append(t)
    return owned, replace(
        units,
        strings=tuple(units.strings[j] for j in owned),
        spans=tuple(units.spans[j] for j in owned),
        positions=tuple(tuple(places) for places in positions.values()),
        n_tokens=len(place),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
