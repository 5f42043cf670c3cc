"""What the page serves: models that are loaded once, audits and corpora given at start, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heedful.api import usual_output
from heedful.classifier import Classifier
from heedful.errors import InputError, SettingError, TargetError
from heedful.explaining.answers import REFUSALS, Refusal, explain_or_refuse
from heedful.explaining.windows import Asked
from heedful.explanation import Explanation
from heedful.games import exact
from heedful.methods.registry import REGISTRY
from heedful.page.asked import Ask
from heedful.page.keeping import Kept
from heedful.page.limits import Limits
from heedful.question import Choices, Question, ask, without
from heedful.support.names import shown
from heedful.support.visible import shortened

NOT_OFFERED = ("attention-head", "partition")  # shown head by head; and one that takes long
_QUESTIONS = 64  # of short texts, kept
Key = tuple[Ask, str]


@dataclass(frozen=True, eq=False)
class Served:
    """Everything that requests are answered from.

    Attributes:
        models: classifiers by the name the page shows.
        audits: audits that can be browsed, by name.
        corpora: corpora that can be browsed, by name.
        limits: how much a request may ask for.
    """

    models: Mapping[str, Classifier]
    audits: Mapping[str, Any] = field(default_factory=dict)
    corpora: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    _kept: Kept[Key, Explanation | str] = field(init=False)
    _questions: Kept[Ask, Question] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", Kept(self.limits.kept, _weight))
        object.__setattr__(self, "_questions", Kept(_QUESTIONS, lambda given, _: 1 + len(given.text) // 1000))

    def classifier(self, name: str | None) -> Classifier:
        """Return a model by its name, or the first.

        Raises:
            SettingError: none of that name is served.
        """
        return self.models[self.name(name)]

    def name(self, name: str | None) -> str:
        """Return the name of a model, that of the first for None; raises as `classifier`."""
        if name is None:
            return next(iter(self.models))
        if name not in self.models:
            raise SettingError(f"no model {shown(name)} is served here, only {', '.join(self.models)}")
        return name

    def question(self, given: Ask) -> Question:
        """Return the question that a request asks, without the removed units; kept by its content.

        Raises:
            InputError: it cannot be asked.
        """
        return self._questions.get(given, lambda: self._ask(given))

    def whole(self, given: Ask) -> Question:
        """Return the question about the whole text."""
        return self.question(replace(given, removed=()))

    def explain(self, given: Ask, method: str) -> Explanation | str:
        """Return the explanation by a method, or a line that says why there is none; kept by all it depends on."""
        try:
            name = check_method(method)
        except SettingError as error:  # of a name that anybody can make up: nothing to keep
            return line(error)
        return self._kept.get((given, name), lambda: _or_line(explained(self.question(given), name)))

    def _ask(self, given: Ask) -> Question:
        if given.removed:
            return without(self.whole(given), given.removed)
        classifier, named = self.classifier(given.model), isinstance(given.target, str)
        some = given.target if isinstance(given.target, str) else _unmistakable(classifier)
        choices = Choices(
            target=some, output=given.output or usual_output(classifier), unit=given.unit, masking=given.masking
        )
        question = ask(classifier, given.text, choices)
        if named or (given.target is None and some == "predicted"):
            return question
        index = int(np.argmax(question.logits)) if given.target is None else given.target
        if not isinstance(index, int) or not 0 <= index < len(classifier.labels):
            raise TargetError(f"there is no class {shown(index)}: they are numbered to {len(classifier.labels) - 1}")
        return replace(question, output=question.output_of(question.output.kind, index))


def _unmistakable(classifier: Classifier) -> str:
    """A target that no name of a class can be taken for."""
    return "predicted" if "predicted" not in classifier.labels else "#0"


def explained(question: Question, name: str) -> Explanation | Refusal:
    """Let a method of the registry, with its own settings, explain a question; or return why it does not."""
    try:
        method = REGISTRY.get(check_method(name))
        if not len(question.units):
            raise SettingError("no word is left to explain: put one back")
        (result,) = explain_or_refuse([Asked.at_once(question)], method)
    except REFUSALS as error:
        return error
    return result


def check_method(name: str) -> str:
    """Return the name of a method; settings are not taken.

    Raises:
        SettingError: there is none of that name.

    Example:
        >>> check_method("alpha-avg")
        'attention-mean'
    """
    card = REGISTRY.card_of(name)
    if card is None:
        raise SettingError(f"there is no method {shown(name)}: see the list of methods")
    if card.name in NOT_OFFERED:
        raise SettingError(f"this page does not offer {card.name}: choose another method, or use heedful explain")
    return card.name


def works_on(classifier: Classifier, methods: Sequence[str]) -> dict[str, str]:
    """Tell which of these methods a classifier has no answers from, and why: tried on a short text.

    Args:
        classifier: the model.
        methods: names.
    """
    try:
        question = ask(classifier, "a good word", Choices(output=usual_output(classifier)))
    except InputError:
        return {}  # of a text of its own language each says so itself
    refusals = {name: explained(question, name) for name in methods}
    with suppress(*REFUSALS):
        exact.group(question.ratio_game(), [0, 1])  # compiled now, before anybody waits for it
    return {name: str(error) for name, error in refusals.items() if not isinstance(error, Explanation)}


def line(error: Refusal) -> str:
    """What an error says, on one line."""
    return shortened(" ".join(str(error).split()), 500)


def _or_line(outcome: Explanation | Refusal) -> Explanation | str:
    """Without the error itself, which holds on to all that was computed."""
    return outcome if isinstance(outcome, Explanation) else line(outcome)


def _weight(key: Key, value: Explanation | str) -> int:
    """About how many bytes both take: characters of up to 4 bytes, a unit's words and places as objects."""
    text = 1_000 + 4 * len(key[0].text) + 40 * len(key[0].removed)
    return text + (300 * len(value) if isinstance(value, Explanation) else 4 * len(value))
