"""Questions about a text whose output is written down by hand, and explanations of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from explanations import make
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.explanation import Explanation
from heedful.games import Output
from heedful.question import Choices, Question, ask

Play = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Posed(Question):
    """A question whose text has logits by hand."""

    play: Play | None = None

    def logits_of(self, masks: np.ndarray) -> np.ndarray:
        return self.play(masks)


@cache
def two_classes() -> Classifier:
    return make_classifier(texts=(text_of(150),), num_labels=2, max_position_embeddings=160)


def text_of(n_units: int) -> str:
    return " ".join(f"w{i}" for i in range(n_units))


def pose(n_units: int, log_odds: Play, seed: int = 0) -> Posed:
    """Ask about words whose second class has these log-odds; that class is explained, by its logit."""

    def play(masks: np.ndarray) -> np.ndarray:
        odds = log_odds(masks)
        return np.stack([np.zeros_like(odds), odds], axis=1)

    question = _asked(n_units)
    known = {field.name: getattr(question, field.name) for field in fields(Question)} | {"seed": seed}
    logits = play(np.ones((1, n_units), dtype=bool))[0]
    return Posed(**known | {"logits": logits, "output": Output.of("logit", 1, logits)}, play=play)


@cache
def _asked(n_units: int) -> Question:
    return ask(two_classes(), text_of(n_units), Choices(unit="word", target=1))


def additive(coefficients: list[float], start: float = 0.0, seed: int = 0) -> Posed:
    """Log-odds are a start and the sum of the coefficients of the words kept."""
    return pose(len(coefficients), lambda masks: start + masks @ np.array(coefficients), seed)


def probable(shares: list[float], start: float) -> Posed:
    """The probability itself is a start and a sum."""

    def log_odds(masks: np.ndarray) -> np.ndarray:
        p = start + masks @ np.array(shares)
        return np.log(p / (1 - p))

    return pose(len(shares), log_odds)


def scored(scores: list[float], *, signed: bool = True) -> Explanation:
    return make(text_of(len(scores)), scores=scores, signed=signed)
