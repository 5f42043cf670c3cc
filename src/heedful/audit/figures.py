"""What the verdict is made from: how one text's attention stands to the effects of its words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float64

from heedful.metrics import kendall_tau_b

NOTICEABLE = 0.1  # as a share of the text's largest effect
ROUNDING = 1e-9
_UNMOVED = 1e-3  # effects known to be below this share of the output are none

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
        reliability: tau-b of two independent halves of a sampled reference, by size; not-a-number for exact effects.
    """

    ordered: float
    top_for: float
    top_against: float
    mass_against: float
    words_for: float
    words_against: float
    tau_sizes: float
    tau_effects: float
    reliability: float = math.nan


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
    reliability: Float64[np.ndarray, " texts"]

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
    error: float | Scores = 0.0,
    output: float = 0.0,
    halves: tuple[Scores, Scores] | None = None,
) -> TextFigures:
    """Return the figures of one text.

    Args:
        attention: attention on each word, not negative.
        effects: each word's effect on the output, positive where it speaks for the prediction.
        error: two standard errors of each effect, or its certified bound.
        output: the output for the whole text: what rounding of effects is measured by.
        halves: the effects from each half of the budget, where they are sampled.

    Example:
        >>> figures = text_figures(np.array([0.5, 0.3, 0.1]), np.array([-3.0, 2.0, 1.0]))
        >>> figures.ordered, figures.top_for, figures.top_against, round(figures.mass_against, 3)
        (1.0, 0.0, 1.0, 0.556)
    """
    sizes = np.abs(effects)
    largest = float(sizes.max(initial=0.0))
    rounding = ROUNDING * max(abs(output), largest)
    bound = np.maximum(np.broadcast_to(np.asarray(error, dtype=np.float64), sizes.shape), rounding)
    top = float(attention.max(initial=0.0))
    shares = np.round(attention / top, 9) if top > 0 else np.zeros(len(attention))
    flat = bool(np.ptp(shares) == 0) if len(shares) else True
    told = sizes > bound
    if not told.any() and (flat or float(bound.max(initial=0.0)) > _UNMOVED * abs(output)):
        return TextFigures(*[math.nan] * 8)
    speaks_for, against = told & (effects > 0), told & (effects < 0)
    unknown = ~told & (bound > NOTICEABLE * largest) & told.any()
    total = float(attention.sum())
    exact = np.where(sizes > rounding, effects, 0.0)
    return TextFigures(
        ordered=_ordered(shares, np.where(sizes > rounding, sizes, 0.0), bound) if told.any() else 0.5,
        top_for=_at_the_top(shares, speaks_for, unknown),
        top_against=_at_the_top(shares, against, unknown),
        mass_against=float(attention[against].sum()) / total if total > 0 else math.nan,
        words_for=float(speaks_for.mean()),
        words_against=float(against.mean()),
        tau_sizes=_zero_if_flat(shares, np.abs(exact)),
        tau_effects=_zero_if_flat(shares, exact),
        reliability=math.nan if halves is None else kendall_tau_b(np.abs(halves[0]), np.abs(halves[1])),
    )


def _ordered(shares: Scores, sizes: Scores, bound: Scores) -> float:
    """Share of pairs told apart in size that attention orders alike; half of those it ties."""
    i, j = np.triu_indices(len(sizes), 1)
    apart = sizes[i] - sizes[j]
    told = np.abs(apart) > np.maximum(NOTICEABLE * sizes.max(), np.hypot(bound[i], bound[j]))
    if not told.any():
        return math.nan
    alike = np.sign(apart[told]) * np.sign((shares[i] - shares[j])[told])
    return float((1 + alike.mean()) / 2)


def _at_the_top(shares: Scores, words: Bool[np.ndarray, " units"], unknown: Bool[np.ndarray, " units"]) -> float:
    """Share of the most attended words (one, but for ties) that are such words; unknown if one's direction is."""
    top = shares == shares.max()
    return math.nan if (top & unknown).any() else float(words[top].mean())


def _zero_if_flat(shares: Scores, effects: Scores) -> float:
    """Tau-b, and 0 where only one of the two has no order: it orders no pair of the other."""
    tau = kendall_tau_b(shares, effects)
    one_is_flat = len(shares) > 1 and (np.ptp(shares) == 0) != (np.ptp(effects) == 0)
    return 0.0 if math.isnan(tau) and one_is_flat else tau
