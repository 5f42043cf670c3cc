"""How far attention is spread: its entropy over the units, and the number of units it comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class Spread:
    """How far the attention of one text is spread.

    Attributes:
        entropy: in bits, of the shares that the units have of the attention on all of them.
        effective: 2 to the power of the entropy: so many units with equal attention have the same entropy.
        entropy_share: entropy by its largest value, log2 of the number of units; not-a-number for a single unit.
        effective_share: effective number of units by their number.
        even: log2 of the number of units.
    """

    entropy: float
    effective: float
    entropy_share: float
    effective_share: float
    even: float


def spread(attention: Scores) -> Spread:
    """Return how far attention is spread; not-a-number throughout where there is none.

    Args:
        attention: on each unit, none negative.

    Example:
        >>> spread(np.array([0.2, 0.2, 0.1]) / 10).effective.__round__(3)
        2.872
        >>> spread(np.full(8, 0.125))
        Spread(entropy=3.0, effective=8.0, entropy_share=1.0, effective_share=1.0, even=3.0)
    """
    n, total = len(attention), float(attention.sum())
    if not n or not total > 0:
        return Spread(*[math.nan] * 5)
    shares = attention[attention > 0] / total
    entropy = abs(float(-(shares * np.log2(shares)).sum()))  # not -0.0
    even = math.log2(n)
    return Spread(entropy, 2**entropy, entropy / even if n > 1 else math.nan, 2**entropy / n, even)
