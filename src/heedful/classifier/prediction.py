"""Prediction: what a classifier says of one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from heedful.games.output import probabilities


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one text.

    Attributes:
        label: name of the class with the largest logit.
        target: its index.
        probabilities: by class name, or by "#0", "#1", ... where classes share a name: a softmax where exactly one
            class is right, else a sigmoid of each; none where the model predicts a number.
        logits: by index.

    Example:
        >>> Prediction.of(np.array([0.0, np.log(3.0)]), ("no", "yes"), exclusive=True, is_number=False)
        Prediction(label='yes', target=1, probabilities={'no': 0.25, 'yes': 0.75}, logits=(0.0, 1.09...))
    """

    label: str
    target: int
    probabilities: Mapping[str, float]
    logits: tuple[float, ...]

    @classmethod
    def of(
        cls, logits: Float64[np.ndarray, " classes"], labels: Sequence[str], *, exclusive: bool, is_number: bool
    ) -> Prediction:
        """Make one from logits; `is_number` tells that they are no classes'."""
        names = [name if labels.count(name) == 1 else f"#{i}" for i, name in enumerate(labels)]
        chances = probabilities(logits[None], exclusive=exclusive)[0]
        best = int(np.argmax(logits))
        by_name = {} if is_number else dict(zip(names, map(float, chances), strict=True))
        return cls(labels[best], best, by_name, tuple(logits.tolist()))
