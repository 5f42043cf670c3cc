"""Question, Answer and Method: what is asked of every method, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from heedful.classifier import Classifier, Encoded
from heedful.errors import TextError
from heedful.games.output import Output
from heedful.games.protocol import Game
from heedful.games.text import play
from heedful.units import Units


@dataclass(frozen=True, eq=False)
class Question:
    """One prediction to be explained: the same for every method, so that their answers can be compared.

    Attributes:
        classifier: the classifier.
        encoded: the text as the classifier sees it.
        units: what gets a score.
        output: the explained quantity and class.
        masking: how units are removed.
        logits: the classifier's logits for the whole text.
        seed: seed of this call.
    """

    classifier: Classifier
    encoded: Encoded
    units: Units
    output: Output
    masking: str
    logits: Float64[np.ndarray, " classes"]
    seed: int

    @cached_property
    def prediction(self) -> float:
        """The output for the whole text."""
        return float(self.output(self.logits[None])[0])

    def game(self) -> Game:
        """The output as a function of which units are kept: on look-up tables where they exist, else by forwards.

        Raises:
            TextError: there is nothing to remove.
        """
        if len(self.units) == 0:
            raise TextError(
                f"nothing to explain: the text has no {self.units.kind.replace('_', ' ')} the classifier sees"
            )
        return play(self.classifier, self.encoded, self.units, self.masking, self.output)


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


@dataclass(frozen=True)
class Card:
    """What kind of method it is: a row of `heedful methods`.

    Attributes:
        name: registered name.
        aliases: other names, such as the paper's.
        family: "attention", "gradient", "perturbation" or "baseline".
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
class Method:
    """A frozen bundle of settings that answers questions. Subclasses are registered in `heedful.methods`."""

    card: ClassVar[Card]

    def settings(self) -> dict[str, Any]:
        """Every setting, for the result."""
        return asdict(self)

    def answer(self, question: Question) -> Answer:
        """Scores for one question."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it answers")
