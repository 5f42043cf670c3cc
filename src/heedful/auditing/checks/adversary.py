"""Adversarial attention: other weights, as far from the model's as can be found, that give the same logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import optimize

from heedful.auditing.checks.figure_rows import Row, percent, row, told
from heedful.auditing.checks.pooling import Pooled
from heedful.metrics import jensen_shannon
from heedful.metrics.spreading import spread
from heedful.support.intervals import mean, share

FAR = 0.5  # total-variation distance: half of the attention lies elsewhere
TOLERANCE = 1e-6  # by which logits may differ, as a share of the largest logit or of 1
_ROUNDS = 4

Units = Float64[np.ndarray, " units"]
Weights = Float64[np.ndarray, "heads tokens"]


@dataclass(frozen=True, eq=False)
class Adversary:
    """Other attention with the same logits.

    Attributes:
        weights: its weights, in place of `Pooled.weights`.
        attention: shares of the units in the model's attention.
        moved: shares of the units in the adversary's.
        least_overlap: the overlap cannot be smaller than this.
        logit_change: largest difference of a logit from the model's.

    Where no unit has any attention, there is nothing to compare: overlap, distance and divergence are not-a-number.
    """

    weights: Weights
    attention: Units
    moved: Units
    least_overlap: float
    logit_change: float

    @property
    def overlap(self) -> float:
        """Attention that the two have in common: 1 if they are equal, 0 if no unit has any of both."""
        if not self.attention.any():
            return math.nan
        return float(np.minimum(self.attention, self.moved).sum())

    @property
    def distance(self) -> float:
        """Total-variation distance of the two: 1 less their overlap."""
        return 1.0 - self.overlap

    @property
    def divergence(self) -> float:
        """Jensen-Shannon divergence of the two in bits: 0 if they are equal, at most 1."""
        return jensen_shannon(self.attention, self.moved) if self.attention.any() else math.nan


def adversary(text: Pooled) -> Adversary:
    """Find attention that overlaps little with the model's and gives the same logits, all values fixed.

    Every head keeps what attention it has for the words, and shares it out among them anew; what is compared is what
    a reader sees, the mean over heads on each unit. The overlap, the sum of min(a, b) over units, is concave in b: to
    make it as small as can be is no linear programme. By its chords, a b <= min(a, b) for shares a and b, so a linear
    programme for the inner product comes first: its minimum is a bound below which no overlap lies. From its solution
    a few programmes with the slope of the overlap follow, each of which can only lower it. Weights whose logits are off
    by more than `TOLERANCE` are not taken: then it is the model's own attention that is returned.

    Source: Jain and Wallace 2019, section 4.2.2, who maximise the Jensen-Shannon divergence by gradient ascent.

    Example:
        >>> text = Pooled(np.array([[0.2, 0.6, 0.2]]), np.array([[[1.0], [0.0], [-1.0]]]), np.zeros(1), np.arange(3), 3)
        >>> other = adversary(text)
        >>> other.moved.round(6), round(other.distance, 6)
        (array([0.5, 0. , 0.5]), 0.6)
    """
    model = text.on_units(text.weights)
    if not model.any():
        return Adversary(text.weights, model, model, math.nan, 0.0)
    programme = _Programme.of(text)
    best, overlap, least = text.weights, 1.0, 0.0
    slope = model
    for attempt in range(_ROUNDS):
        solved = programme.minimise(slope)
        if solved is None:
            break
        weights, lowest = solved
        if attempt == 0:
            least = lowest
        moved = text.on_units(weights)
        found = float(np.minimum(model, moved).sum())
        if found >= overlap - 1e-9:
            break
        best, overlap, slope = weights, found, (moved < model).astype(np.float64)
    return Adversary(best, model, text.on_units(best), min(max(least, 0.0), overlap), _logit_change(text, best))


@dataclass(frozen=True, eq=False)
class _Programme:
    """The constraints, in variables x: each head's shares of its own attention on the words.

    Values are less their mean in the head, and scaled to at most 1 in size: what rounding there is is relative to what
    the words say.
    """

    text: Pooled
    mass: Float64[np.ndarray, " heads"]
    rows: Float64[np.ndarray, "constraints variables"]
    right: Float64[np.ndarray, " constraints"]

    @classmethod
    def of(cls, text: Pooled) -> _Programme:
        heads, tokens = text.weights.shape
        mass = text.weights.sum(1)
        shares = text.weights / np.where(mass > 0, mass, 1.0)[:, None]
        centred = text.values - np.einsum("ht,htc->hc", shares, text.values)[:, None]
        says = (mass[:, None, None] * centred).reshape(heads * tokens, -1).T
        size = np.abs(says).max(1, keepdims=True)
        says = (says / np.where(size > 0, size, 1.0))[size[:, 0] > 0]
        whole = np.kron(np.eye(heads), np.ones(tokens))
        return cls(text, mass, np.vstack([whole, says]), np.concatenate([np.ones(heads), np.zeros(len(says))]))

    def minimise(self, slope: Units) -> tuple[Weights, float] | None:
        """Return the weights with the least sum of slope times attention on units, and that; None if there are none."""
        text, total = self.text, self.mass.sum()
        cost = (self.mass[:, None] / total * slope[text.owner]).ravel() if total > 0 else np.zeros(text.weights.size)
        result = optimize.linprog(
            cost, A_eq=self.rows, b_eq=self.right, bounds=(0, None), method="highs",
            options={"primal_feasibility_tolerance": 1e-10},
        )  # fmt: skip
        if result.x is None:
            return None
        shares = np.maximum(result.x, 0.0).reshape(text.weights.shape)
        weights = shares / np.maximum(shares.sum(1, keepdims=True), np.finfo(float).tiny) * self.mass[:, None]
        size = max(1.0, float(np.abs(text.logits(text.weights[None])).max()))
        return (weights, float(result.fun)) if _logit_change(text, weights) <= TOLERANCE * size else None


def _logit_change(text: Pooled, weights: Weights) -> float:
    return float(np.abs(text.logits(weights[None]) - text.logits(text.weights[None])).max())


def adversary_rows(each: Sequence[Adversary]) -> tuple[list[Row], list[str]]:
    """Return the figures of all texts, and sentences: what they are, and what they are not."""
    overlap, distance, divergence = (
        mean(np.array([getattr(one, name) for one in each])) for name in ("overlap", "distance", "divergence")
    )
    width = mean(np.array([spread(one.moved).effective for one in each]))
    known = [one for one in each if one.attention.any()]
    far = share(np.array([one.distance >= FAR for one in known], dtype=np.float64))
    none = share(np.array([1 - one.least_overlap < FAR for one in known], dtype=np.float64))
    moved = max((one.logit_change for one in each), default=0.0)
    rows = [
        row("adversary_overlap", overlap, "attention shared with other weights that give the same logits"),
        row("adversary_distance", distance, "total-variation distance of these from the model's: 1 less the overlap"),
        row("adversary_divergence", divergence, "Jensen-Shannon divergence of the two, in bits"),
        row("adversary_units", width, "units that these weights attend to, in effect"),
        row("adversary_far", far, f"share of texts with such weights at a distance of {FAR} or more: at least"),
        row("adversary_none", none, f"share of texts for which there are certainly none at a distance of {FAR}"),
    ]
    return rows, [
        f"In {percent(far)} of {len(known)} texts other attention on the same words, at a total-variation distance of "
        f"{FAR} or more, gives the same logits (to {moved:.0e}); the mean distance is {told(distance)}. "
        f"They attend to {told(width, 1)} units in effect.",
        "That such weights exist for single texts does not show that the model's mean nothing: with many words and few "
        "classes they nearly always exist, and no model was trained that computes them (Wiegreffe and Pinter 2019).",
    ]
