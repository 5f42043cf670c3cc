"""The verdict on attention as an explanation: rule 1 of docs/audit.md, from per-text figures to one of four levels."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.auditing.figures import PerText
from heedful.auditing.reliability import ceiling, mean_corrected
from heedful.support.counts import count
from heedful.support.intervals import LEVEL, Estimate, mean, proportion, share

RULE = "rule 1"
FAITHFUL, MAP, MISLEADING, UNDECIDED = LEVELS = ("faithful", "map", "misleading", "undecided")
HOLDS, FAILS, NOT_SETTLED = "holds", "fails", "not settled"

ORDERED, TOP_FOR, MASS_AGAINST = 0.75, 0.90, 0.25
FEWEST = 20  # with fewer texts nothing is settled
LEAST_HALVES = 0.8  # share of pairs that two halves of a sampled reference must order alike
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_HOPELESS = 100  # so many times the texts there are would not be worth it

Values = Float64[np.ndarray, " texts"]


@dataclass(frozen=True)
class Judged:
    """A figure and what its interval says of the condition on it.

    Attributes:
        value, low, high: the figure and its 95 % interval; not-a-number where there is none.
        n: texts behind it.
        at_random: what random scores come to.
        threshold: the condition's.
        says: "holds", "fails" or "not settled".
        more: how many more texts would settle it, if the figure stays where it is; infinite if none would.
    """

    value: float
    low: float
    high: float
    n: int
    at_random: float
    threshold: float
    says: str
    more: float


@dataclass(frozen=True)
class Verdict:
    """What an audit says of attention as an explanation.

    Attributes:
        level: "faithful", "map", "misleading" or "undecided".
        sentences: three, each with its figure and 95 % interval: on the order, the most attended word, the direction.
        figures: the figures behind them, by name, and those that only describe.
        rule: the rule's number.
    """

    level: str
    sentences: tuple[str, ...]
    figures: dict[str, Any]
    rule: str = RULE

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as it stands in audit.json; what is not a number is null."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain | {"sentences": list(self.sentences)}


def judge(texts: PerText) -> Verdict:
    """Apply the rule.

    Example:
        >>> from heedful.auditing.figures import text_figures
        >>> draw = np.random.default_rng(0)
        >>> effects = draw.uniform(0, 1, (50, 12))
        >>> verdict = judge(PerText.gather(text_figures(one, one) for one in effects))
        >>> print(verdict.level, verdict.sentences[0], sep=": ")
        faithful: Of every 100 pairs of words that differ in effect, attention orders 100 as their effects do (95 %
            interval 92.9 to 100; random scores 50; at least 75 needed): it ranks words by the size of their effects.
    """
    n, halves = len(texts), _average(texts.halves)
    sampled = not math.isnan(halves)
    order = _judged(_order(texts), ORDERED, 0.5, n, at_least=True)
    top = _judged(_bounded(texts.top_for), TOP_FOR, _average(texts.words_for), n, at_least=True)
    mass = _judged(_bounded(texts.mass_against), MASS_AGAINST, _average(texts.words_against), n, at_least=False)
    noisy = sampled and halves < LEAST_HALVES
    level = UNDECIDED if noisy else _level(order.says, _both(top.says, mass.says))
    conditions = {"ordered": order, "top_for": top, "mass_against": mass}
    deciding = (order,) if order.says == NOT_SETTLED else (order, top, mass)
    more = max(one.more for one in deciding) if level == UNDECIDED and not noisy else 0.0
    names = ("top_against", "tau_sizes", "tau_effects", *(("halves",) if sampled else ()))
    described = {name: mean(np.sort(getattr(texts, name))) for name in names}
    if sampled:
        described["ordered_uncorrected"] = mean(np.sort(texts.ordered))
    figures: dict[str, Any] = {name: asdict(one) for name, one in (conditions | described).items()}
    figures |= {"texts": n, "more_texts": more, "ceiling": ceiling(halves) if sampled else 1.0}
    sentences = (_too_noisy(halves) if noisy else _on_order(order, n), _on_top(top, n), _on_mass(mass, n))
    return Verdict(level, sentences, figures)


def _level(order: str, direction: str) -> str:
    if order == FAILS:
        return MISLEADING
    if order == HOLDS and direction != NOT_SETTLED:
        return FAITHFUL if direction == HOLDS else MAP
    return UNDECIDED


def _both(one: str, other: str) -> str:
    if FAILS in (one, other):
        return FAILS
    return HOLDS if one == other == HOLDS else NOT_SETTLED


def _order(texts: PerText) -> tuple[Estimate, str]:
    """The order of words, corrected for noise where the effects are sampled."""
    if not np.isnan(texts.halves).all():
        estimate = mean_corrected(texts.ordered, texts.halves)
        if not math.isnan(estimate.low):
            return estimate, "mean"
    return _bounded(texts.ordered)


def _bounded(values: Values) -> tuple[Estimate, str]:
    """Estimate the mean of numbers in 0..1, and say how: as a "share", a "mean", or one "value" that all texts have.

    Of the latter there is no bootstrap, but only few texts can have another, by Wilson's interval for 0 of n.
    """
    known = np.sort(values[~np.isnan(values)])  # the bootstrap draws by place: texts in any order, same bits
    estimate = share(known)
    if len(known) and np.isin(known, (0.0, 1.0)).all():
        return estimate, "share"
    if len(known) and math.isnan(estimate.low):
        others, at = proportion(0, estimate.n).high, estimate.value
        return Estimate(at, at - others * at, at + others * (1 - at), estimate.n), "value"
    return estimate, "mean"


def _judged(estimated: tuple[Estimate, str], threshold: float, at_random: float, n: int, *, at_least: bool) -> Judged:
    estimate, how = estimated
    low, high = estimate.low, estimate.high
    above, below = (low >= threshold, high < threshold) if at_least else (low > threshold, high <= threshold)
    says = NOT_SETTLED
    if estimate.n >= FEWEST and (above or below):
        says = HOLDS if above == at_least else FAILS
    more = 0.0 if says != NOT_SETTLED else _more(estimate, how, threshold, n)
    return Judged(estimate.value, low, high, estimate.n, at_random, threshold, says, more)


def _more(estimate: Estimate, how: str, threshold: float, texts: int) -> float:
    """How many more texts bring the interval's end to the threshold, if the figure stays."""
    distance = abs(estimate.value - threshold)
    if not estimate.n or distance == 0 or math.isnan(estimate.low):
        return math.inf
    half = estimate.value - estimate.low if estimate.value > threshold else estimate.high - estimate.value
    needed = {
        "share": _Z**2 * threshold * (1 - threshold) / distance**2,  # where Wilson's interval ends at the threshold
        "value": (estimate.n + _Z**2) * half / distance - _Z**2,  # its width goes with 1 / (n + z^2)
        "mean": estimate.n * (half / distance) ** 2,
    }[how]
    needed = max(math.ceil(needed), FEWEST, estimate.n + 1)
    more = math.ceil(needed * texts / estimate.n) - texts  # not every text says something
    return float(more) if more <= _HOPELESS * texts else math.inf


def _average(values: Values) -> float:
    known = np.sort(values[~np.isnan(values)])
    return float(known.mean()) if len(known) else math.nan


def _too_noisy(halves: float) -> str:
    return (
        f"The effects are too noisy to compare attention with: two halves of their budget order {_percent(halves)} of "
        f"100 pairs of words alike, and {_percent(LEAST_HALVES)} are needed; raise the budget of the reference."
    )


def _on_order(one: Judged, texts: int) -> str:
    return _sentence(
        one, texts, "Of every 100 pairs of words that differ in effect, attention orders", "as their effects do",
        ("it ranks words by the size of their effects", "it does not rank words by the size of their effects"),
    )  # fmt: skip


def _on_top(one: Judged, texts: int) -> str:
    return _sentence(
        one, texts, "The most attended word speaks for the prediction in", "of 100 texts",
        ("it can be read as a reason", "it is often not a reason"),
    )  # fmt: skip


def _on_mass(one: Judged, texts: int) -> str:
    return _sentence(
        one, texts, "Of the attention on words,", "% lies on words that speak against the prediction",
        ("most of it supports the prediction", "too much of it does not support the prediction"),
    )  # fmt: skip


def _sentence(one: Judged, texts: int, before: str, after: str, says: tuple[str, str]) -> str:
    if not one.n:
        return f"{before} ... {after}: none of {count(texts, 'text')} says anything about it."
    value, low, high, random, bar = map(_percent, (one.value, one.low, one.high, one.at_random, one.threshold))
    condition = f"{'at most' if one.threshold == MASS_AGAINST else 'at least'} {bar} needed"
    ending = {HOLDS: says[0], FAILS: says[1], NOT_SETTLED: _unsettled(one, texts)}[one.says]
    return f"{before} {value} {after} (95 % interval {low} to {high}; random scores {random}; {condition}): {ending}."


def _percent(part: float) -> str:
    return "unknown" if math.isnan(part) else f"{100 * part:.1f}".removesuffix(".0")


def _unsettled(one: Judged, texts: int) -> str:
    if math.isinf(one.more):
        return f"cannot tell from {count(texts, 'text')}, and more will hardly help: the figure lies on the threshold"
    return f"cannot tell from {count(texts, 'text')}: about {one.more:.0f} more are needed"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
