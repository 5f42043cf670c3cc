"""Output: the one number that is explained, computed from a classifier's logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from heedful.errors import SettingError

KINDS = ("logit", "probability", "logit_difference")


@dataclass(frozen=True)
class Output:
    """What is explained, for which class.

    Attributes:
        kind: "logit", "probability" (softmax or sigmoid), or "logit_difference" (target minus one other class).
        target: class index.
        exclusive: whether exactly one class is right. If not, a probability is a sigmoid of its own logit.
        other: for the difference, the best other class on the whole text, held fixed while words are removed.

    Example:
        >>> Output("probability", 1)(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]))
        array([0.5 , 0.75])
    """

    kind: str
    target: int
    other: int | None = None
    exclusive: bool = True

    @classmethod
    def of(cls, kind: str, target: int, logits: Float64[np.ndarray, " classes"], *, exclusive: bool = True) -> Output:
        """Return the output of `kind` for a text with these logits.

        Raises:
            SettingError: unknown kind, or a difference of classes that do not exclude each other.
        """
        if kind not in KINDS:
            raise SettingError(f"unknown output {kind!r}: use one of {', '.join(KINDS)}")
        if kind != "logit_difference":
            return cls(kind, target, exclusive=exclusive)
        if len(logits) < 2 or not exclusive:
            raise SettingError("logit_difference needs at least two classes that exclude each other: use 'logit'")
        rivals = logits.copy()
        rivals[target] = -np.inf
        return cls(kind, target, int(np.argmax(rivals)))

    @property
    def linear(self) -> bool:
        """True if the output is a fixed linear function of the logits."""
        return self.kind != "probability"

    def __call__(self, logits: Float64[np.ndarray, "n classes"]) -> Float64[np.ndarray, " n"]:
        """Values of the output."""
        if self.kind == "probability":
            return probabilities(logits, exclusive=self.exclusive)[:, self.target]
        return logits @ self.cotangent(logits[0])

    def cotangent(self, logits: Float64[np.ndarray, " classes"]) -> Float64[np.ndarray, " classes"]:
        """Return the gradient of the output by the logits, at these logits."""
        one_hot = np.zeros(len(logits))
        one_hot[self.target] = 1.0
        if self.kind == "probability":
            if not self.exclusive:
                probability = _sigmoid(logits[self.target])
                return one_hot * probability * (1.0 - probability)
            probabilities = np.exp(logits - logits.max())
            probabilities /= probabilities.sum()
            return probabilities[self.target] * (one_hot - probabilities)
        if self.other is not None:
            one_hot[self.other] = -1.0
        return one_hot


def probabilities(logits: Float64[np.ndarray, "n classes"], *, exclusive: bool) -> Float64[np.ndarray, "n classes"]:
    """Return those of all classes: a softmax where exactly one is right, else a sigmoid of each.

    Example:
        >>> probabilities(np.array([[0.0, np.log(3.0)]]), exclusive=True)
        array([[0.25, 0.75]])
    """
    if not exclusive:
        return _sigmoid(logits)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _sigmoid(x: Float64[np.ndarray, ...] | np.float64) -> Float64[np.ndarray, ...]:
    return np.exp(-np.logaddexp(0.0, -x))
