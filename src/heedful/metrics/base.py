"""Metric: a number that judges an explanation, from the question it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

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
