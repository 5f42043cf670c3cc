"""Metric: a number that judges an explanation, from the question it answers.

What a metric needs beyond the two stands on its card. Exact values it computes itself. Where the card needs
"rationales", `measure` takes the text's own rationale, out of `heedful.data.Dataset.rationales`, as a third argument:
its tokens are matched with units by their characters. `judge` hands it on to those metrics alone, so that metrics of
one's own need not know of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from heedful.data import Rationale
from heedful.explanation import Explanation
from heedful.metrics.cards import Card
from heedful.question import Question
from heedful.support.settings import check_settings


@dataclass(frozen=True)
class Metric(ABC):
    """A frozen bundle of settings that judges explanations. Subclasses are registered in `heedful.metrics`.

    Settings are checked by their annotations, as those of methods are.

    Raises:
        SettingError: a setting is of another type than its annotation says, or breaks a rule in it.
    """

    card: ClassVar[Card]

    def __post_init__(self) -> None:
        check_settings(self, self.card.name)

    def settings(self) -> dict[str, Any]:
        """Return every setting, for the result."""
        return asdict(self)

    @abstractmethod
    def measure(self, question: Question, explanation: Explanation) -> float:
        """Judge an explanation of the question's prediction.

        Returns:
            A number in the card's range; not-a-number where the metric is undefined.

        Raises:
            SettingError: what the metric needs is not to be had here; the message says what.
        """


def judge(metric: Metric, question: Question, explanation: Explanation, rationale: Rationale | None = None) -> float:
    """Measure, with the text's rationale for metrics that need one.

    Raises:
        SettingError: as `Metric.measure`; or the metric needs a rationale, and there is none.
        InputError: the explanation or the rationale belongs to another text.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> judge(heedful.metrics.get("token-f1"), question, exact)
        Traceback (most recent call last):
        heedful.errors.SettingError: token-f1 needs a rationale, which this text does not have
    """
    if "rationales" not in metric.card.needs:
        return metric.measure(question, explanation)
    measure: Any = metric.measure  # with a third argument, see the head of this module
    return float(measure(question, explanation, rationale))
