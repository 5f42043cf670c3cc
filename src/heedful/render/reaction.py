"""How much a classifier reacts: how large scores are beside what is explained, so that small ones do not look large.

Colours scale each row to itself, which would show a model that ignores its text in the brightest red. So rows fade once
all their scores together come to less than a hundredth of

- 1, for a probability;
- 1, for a logit of a classifier: it moves a probability by a quarter of a percentage point at most. Beside the logit
  itself they are not judged, since a constant added to a bias moves that and changes no prediction;
- the prediction, where it is another number, or nothing is known of probabilities.

Only scores in units of the output can be judged so. Weights of attention and gradients fade where they are zero but for
rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heedful.explanation import Explanation
from heedful.methods.registry import REGISTRY
from heedful.render import colour

HARDLY = 1e-2  # of the scale above, for the sum of absolute scores
NOTHING = 1e-7  # of it, for the largest: no more than the rounding of float32
_IN_UNITS_OF_THE_OUTPUT = {"perturbation", "exact", "asymptotic", "surrogate", "propagation"}


@dataclass(frozen=True)
class Reaction:
    """How large an explanation's scores are.

    Attributes:
        kind: "clear", "hardly" for scores that are small beside what is explained, or "none" for scores of zero.
        largest: the largest absolute score.
        share: 1 for clear scores; for others, how near they come to it.
    """

    kind: str
    largest: float
    share: float


def reaction(explanation: Explanation) -> Reaction:
    """How large the scores are; those that are no numbers, and of the random baseline, are not judged.

    Example:
        >>> import heedful
        >>> reaction(heedful.explain(heedful.load("demo"), "The acting was superb.", "occlusion")).kind
        'clear'
    """
    scores, scale = np.abs(explanation.scores), _scale(explanation)
    largest = colour.full_scale(explanation.scores)
    if not len(scores) or not np.isfinite(scores).all() or family(explanation) == "baseline":
        return Reaction("clear", largest, 1.0)
    if largest <= NOTHING * scale:
        return Reaction("none", largest, largest / (NOTHING * scale) if scale else 0.0)
    total = float(scores.sum())
    if total < HARDLY * scale and comparable(explanation):
        return Reaction("hardly", largest, total / (HARDLY * scale))
    return Reaction("clear", largest, 1.0)


def full_scale(explanation: Explanation) -> float:
    """The score shown at full strength: the largest, or a larger one where the classifier hardly reacts."""
    seen = reaction(explanation)
    return seen.largest / seen.share if seen.share else 0.0


def family(explanation: Explanation) -> str | None:
    """The family on the card of its method; None for a method that is not known here."""
    card = REGISTRY.card_of(explanation.method)
    return None if card is None else card.family


def _scale(explanation: Explanation) -> float:
    if explanation.output == "probability" or explanation.probability is not None:
        return 1.0
    return abs(explanation.prediction) if math.isfinite(explanation.prediction) else 0.0


def comparable(explanation: Explanation) -> bool:
    """Tell whether scores are in units of the output, so that those of several methods can share a scale.

    Example:
        >>> import heedful
        >>> clf, text = heedful.load("demo"), "The acting was superb."
        >>> [comparable(heedful.explain(clf, text, method)) for method in ("occlusion", "attention-mean")]
        [True, False]
    """
    known = explanation.method == "gradient-x-input" or family(explanation) in _IN_UNITS_OF_THE_OUTPUT
    return known or explanation.additive
