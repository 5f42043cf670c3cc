"""Method and Answer: how a method answers a question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from heedful.games.sampled.stopping import Sampled, relative_error
from heedful.methods.cards import Card
from heedful.question import Question
from heedful.support.settings import check_settings


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """Scores of one method, and what it knows about them. Fields as in `heedful.Explanation`.

    `additive` is None where the method's card holds, False where this answer falls short of it. `settings["note"]` is a
    sentence on what the scores cannot say.
    """

    scores: Float64[np.ndarray, " units"]
    base_value: float | None = None
    std_error: Float64[np.ndarray, " units"] | None = None
    error_bound: float | None = None
    additive: bool | None = None
    n_forward: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_sample(cls, sample: Sampled, n_forward: int, n_samples: int | None = None) -> Answer:
        """Take over estimates and their errors from an estimator that needed so many forwards.

        `n_samples`: the budget, where a method's settings leave it to the length of the text.
        """
        details = {
            "n_evaluations": float(sample.n_evaluations),
            "degrees_of_freedom": float(sample.degrees_of_freedom),
            "enumerated": float(sample.enumerated),
        }
        if sample.precise is not None:
            error = relative_error(sample.values, sample.std_error)
            details |= {"relative_error": error, "precision_reached": float(sample.precise)}
        return cls(
            scores=sample.values,
            base_value=sample.base_value,
            std_error=sample.std_error,
            n_forward=n_forward,
            settings={} if n_samples is None else {"n_samples": n_samples},
            details=details,
        )


@dataclass(frozen=True)
class Method(ABC):
    """A frozen bundle of settings that answers questions. Subclasses are registered in `heedful.methods`.

    Settings are checked by their annotations when the object is made: see `heedful.support.settings`. A subclass with
    a `__post_init__` of its own calls this one first.

    Raises:
        SettingError: a setting is of another type than its annotation says, or breaks a rule in it.
    """

    card: ClassVar[Card]
    together: ClassVar[int] = 1  # questions that `answers` gains from at once

    def __post_init__(self) -> None:
        check_settings(self, self.card.name)

    @property
    def signed(self) -> bool:
        """True if these settings give scores that can speak against the target; mostly as the card says."""
        return self.card.signed

    def settings(self) -> dict[str, Any]:
        """Return every setting, for the result."""
        return asdict(self)

    @abstractmethod
    def answer(self, question: Question) -> Answer:
        """Score the units of one question."""

    def answers(self, questions: Sequence[Question]) -> Iterable[Answer]:
        """Answer several questions, in order: one by one, unless a method has a faster way."""
        return (self.answer(question) for question in questions)
