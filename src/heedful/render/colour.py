"""From scores to colours: red for the target, blue against it, white at zero; one hue for methods without signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)

# The full-strength colours on light paper (dark ends of ColorBrewer's RdBu, Purples and BrBG: safe for colour-blind
# readers), and brighter ones for dark screens.
HUES: dict[str, RGB] = {
    "for": (178, 24, 43),
    "against": (33, 102, 172),
    "weight": (84, 39, 143),
    "agree": (1, 102, 94),
    "disagree": (140, 81, 10),
}
HUES_ON_DARK: dict[str, RGB] = {
    "for": (205, 38, 56),
    "against": (36, 112, 190),
    "weight": (120, 75, 190),
    "agree": (10, 120, 110),
    "disagree": (155, 92, 18),
}
SIGNED = ("for", "against")
UNSIGNED = ("weight", "weight")
AGREEMENT = ("agree", "disagree")


@dataclass(frozen=True)
class Shade:
    """What a number looks like.

    Attributes:
        kind: key of `HUES`, or "zero", or "undefined" for not-a-number.
        strength: 0 for white to 1 for the full hue.
    """

    kind: str
    strength: float

    @property
    def rgb(self) -> RGB:
        """The hue on white paper."""
        hue = HUES.get(self.kind, WHITE)
        red, green, blue = (round(255 + self.strength * (channel - 255)) for channel in hue)
        return red, green, blue

    @property
    def dark(self) -> bool:
        """True if white text reads better on it than black."""
        return contrast(self.rgb, WHITE) > contrast(self.rgb, BLACK)


def full_scale(scores: Float64[np.ndarray, " units"]) -> float:
    """The score shown at full strength: the largest finite absolute score, 0 if there is none.

    Example:
        >>> full_scale(np.array([0.5, -2.0, np.nan, np.inf]))
        2.0
    """
    finite = np.abs(scores[np.isfinite(scores)])
    return float(finite.max(initial=0.0))


def shade(value: float, scale: float, kinds: tuple[str, str]) -> Shade:
    """The shade of a number, linear in its size and symmetric around 0; infinities are at full strength.

    Args:
        value: any number.
        scale: the size of a number at full strength; larger ones are clipped.
        kinds: the kinds of numbers above and below 0.

    Example:
        >>> shade(-0.5, 2.0, SIGNED)
        Shade(kind='against', strength=0.25)
    """
    if math.isnan(value):
        return Shade("undefined", 0.0)
    size = abs(value)
    strength = 1.0 if size >= scale else size / scale
    return Shade(kinds[value < 0], strength) if size > 0 else Shade("zero", 0.0)


def contrast(one: RGB, other: RGB) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2; text wants 4.5).

    Example:
        >>> contrast(BLACK, WHITE)
        21.0
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(rgb: RGB) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
