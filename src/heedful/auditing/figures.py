"""What the verdict is made from: how one text's attention stands to the effects of its words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float64

from heedful.metrics import kendall_tau_b

NOTICEABLE = 0.1  # as a share of the text's largest effect
ROUNDING = 1e-9

Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class TextFigures:
    """Figures of one text; not-a-number where the text says nothing about one. See docs/audit.md.

    Attributes:
        ordered: share of pairs of words with noticeably different sizes of effect that attention orders the same way.
        top_for: 1.0 if the most attended word speaks for the prediction; words tied at the top share the place.
        top_against: the same for speaking against it.
        mass_against: share of the attention on words that lies on words speaking against.
        words_for, words_against: shares of words that speak for and against: what random scores come to.
        tau_sizes, tau_effects: Kendall's tau-b of attention with the sizes of effects, and with the effects.
        halves: share of noticeable pairs that two halves of a sampled reference order alike; not-a-number for exact
            effects.
    """

    ordered: float
    top_for: float
    top_against: float
    mass_against: float
    words_for: float
    words_against: float
    tau_sizes: float
    tau_effects: float
    halves: float = math.nan


NOTHING = TextFigures(*[math.nan] * len(fields(TextFigures)))  # of a text without attention, or without effects


@dataclass(frozen=True, eq=False)
class PerText:
    """The figures of all texts, one array (texts,) each; attributes as in `TextFigures`."""

    ordered: Float64[np.ndarray, " texts"]
    top_for: Float64[np.ndarray, " texts"]
    top_against: Float64[np.ndarray, " texts"]
    mass_against: Float64[np.ndarray, " texts"]
    words_for: Float64[np.ndarray, " texts"]
    words_against: Float64[np.ndarray, " texts"]
    tau_sizes: Float64[np.ndarray, " texts"]
    tau_effects: Float64[np.ndarray, " texts"]
    halves: Float64[np.ndarray, " texts"]

    @classmethod
    def gather(cls, texts: Iterable[TextFigures]) -> PerText:
        """Stack the figures of single texts.

        Example:
            >>> one = text_figures(np.array([0.6, 0.3]), np.array([2.0, 1.0]))
            >>> PerText.gather([one, one]).ordered
            array([1., 1.])
        """
        rows = list(texts)
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in names})

    def __len__(self) -> int:
        return len(self.ordered)

    def __getitem__(self, rows: slice | Float64[np.ndarray, " n"] | np.ndarray) -> PerText:
        return PerText(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def text_figures(
    attention: Scores,
    effects: Scores,
    *,
    error: float = 0.0,
    output: float = 0.0,
    halves: tuple[Scores, Scores] | None = None,
) -> TextFigures:
    """Return the figures of one text.

    Args:
        attention: attention on each word, not negative.
        effects: each word's effect on the output, positive where it speaks for the prediction.
        error: certified bound of exact effects; what lies within it, or within rounding, is no effect.
        output: the output for the whole text: what rounding is measured by, beside the largest effect.
        halves: the effects from each half of the budget, where they are sampled; of a text for which sampling is exact,
            these effects twice.

    Example:
        >>> figures = text_figures(np.array([0.5, 0.3, 0.1]), np.array([-3.0, 2.0, 1.0]))
        >>> figures.ordered, figures.top_for, figures.top_against, round(figures.mass_against, 3)
        (1.0, 0.0, 1.0, 0.556)
    """
    sizes = np.abs(effects)
    bound = max(error, ROUNDING * max(abs(output), float(sizes.max(initial=0.0))))
    effects = _beyond(bound, effects)
    sizes = np.abs(effects)
    top, total = float(attention.max(initial=0.0)), float(attention.sum())
    shares = np.round(attention / top, 9) if top > 0 else np.zeros(len(attention))
    if not sizes.any() and (len(shares) == 0 or np.ptp(shares) == 0):
        return TextFigures(*[math.nan] * 8)
    speaks_for, against, most = effects > 0, effects < 0, shares == shares.max()
    return TextFigures(
        ordered=ordered(shares, sizes) if sizes.any() else 0.5,
        top_for=float(speaks_for[most].mean()),
        top_against=float(against[most].mean()),
        mass_against=float(attention[against].sum()) / total if total > 0 else math.nan,
        words_for=float(speaks_for.mean()),
        words_against=float(against.mean()),
        tau_sizes=_zero_if_flat(shares, sizes),
        tau_effects=_zero_if_flat(shares, effects),
        halves=math.nan if halves is None else _alike(*(np.abs(_beyond(bound, half)) for half in halves)),
    )


def ordered(scores: Scores, sizes: Scores) -> float:
    """Return the share of pairs with noticeably different sizes that scores order alike; what they tie counts half.

    Example:
        >>> ordered(np.array([3.0, 1.0, 1.0]), np.array([1.0, 0.5, 0.2])), ordered(np.ones(2), np.array([1.0, 0.95]))
        (0.8333333333333333, nan)
    """
    i, j = np.triu_indices(len(sizes), 1)
    apart = sizes[i] - sizes[j]
    told = np.abs(apart) > NOTICEABLE * sizes.max()
    if not told.any():
        return math.nan
    alike = np.sign(apart[told]) * np.sign((scores[i] - scores[j])[told])
    return float((1 + alike.mean()) / 2)


def _beyond(bound: float, effects: Scores) -> Scores:
    return np.where(np.abs(effects) > bound, effects, 0.0)


def _alike(one: Scores, other: Scores) -> float:
    """Share of pairs ordered alike, the two halves taking turns in saying which pairs count."""
    return (ordered(one, other) + ordered(other, one)) / 2


def _zero_if_flat(shares: Scores, effects: Scores) -> float:
    """Tau-b, and 0 where only one of the two has no order: it orders no pair of the other."""
    tau = kendall_tau_b(shares, effects)
    one_is_flat = len(shares) > 1 and (np.ptp(shares) == 0) != (np.ptp(effects) == 0)
    return 0.0 if math.isnan(tau) and one_is_flat else tau
