"""Method, Answer and Card: how a method answers a question, and what kind of method it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from heedful.games.sampled.stopping import Sampled, relative_error
from heedful.question import Question


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """Scores of one method, and what it knows about them. Fields as in `heedful.Explanation`."""

    scores: Float64[np.ndarray, " units"]
    base_value: float | None = None
    std_error: Float64[np.ndarray, " units"] | None = None
    error_bound: float | None = None
    n_forward: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_sample(cls, sample: Sampled, n_forward: int) -> Answer:
        """Take over estimates and their errors from an estimator that needed so many forwards."""
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
            details=details,
        )


@dataclass(frozen=True)
class Card:
    """What kind of method it is: a row of `heedful methods`.

    Attributes:
        name: registered name.
        aliases: other names, such as the paper's.
        family: "attention", "gradient", "propagation", "perturbation", "exact", "asymptotic", "surrogate" or
            "baseline".
        signed: True if scores can speak against the target.
        additive: True if scores and base value add up to the prediction by construction.
        scope: "local" for explanations of one prediction.
        access: what it needs of the classifier: "attention", "gradient", "outputs" or "nothing".
        cost: forward (and backward) passes for d units.
        source: paper and equation.
        removes: True if it removes units, so that `masking` matters.
        random: True if it draws random numbers, so that `seed` matters.
    """

    name: str
    aliases: tuple[str, ...]
    family: str
    signed: bool
    access: str
    cost: str
    source: str
    additive: bool = False
    scope: str = "local"
    removes: bool = False
    random: bool = False

    @property
    def agnostic(self) -> bool:
        """True if it works on any classifier, model-agnostic; False if it needs attention or gradients."""
        return self.access in ("outputs", "nothing")


@dataclass(frozen=True)
class Method(ABC):
    """A frozen bundle of settings that answers questions. Subclasses are registered in `heedful.methods`."""

    card: ClassVar[Card]

    @property
    def signed(self) -> bool:
        """True if these settings give scores that can speak against the target; mostly as the card says."""
        return self.card.signed

    def settings(self) -> dict[str, Any]:
        """Every setting, for the result."""
        return asdict(self)

    @abstractmethod
    def answer(self, question: Question) -> Answer:
        """Scores for one question."""
