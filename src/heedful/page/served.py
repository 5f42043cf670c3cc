"""What the page serves: models that are loaded once, audits and corpora given at start, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from heedful.api import usual_output
from heedful.classifier import Classifier
from heedful.errors import InputError, SettingError
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

_QUESTIONS = 64  # kept


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
    _kept: Kept[Explanation | Refusal] = field(init=False)
    _questions: Kept[Question] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", Kept(self.limits.kept, _weight))
        object.__setattr__(self, "_questions", Kept(_QUESTIONS, lambda _: 1))

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

    def explain(self, given: Ask, method: str) -> Explanation | Refusal:
        """Return the explanation by a method, or why there is none; kept by all it depends on."""
        return self._kept.get((given, method), lambda: explained(self.question(given), method))

    def _ask(self, given: Ask) -> Question:
        if given.removed:
            return without(self.whole(given), given.removed)
        classifier = self.classifier(given.model)
        choices = Choices(
            target=given.target,
            output=given.output or usual_output(classifier),
            unit=given.unit,
            masking=given.masking,
        )
        return ask(classifier, given.text, choices)


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


def _weight(value: Explanation | Refusal) -> int:
    return 20 + 2 * len(value.text) // 10 + len(value) if isinstance(value, Explanation) else 20
