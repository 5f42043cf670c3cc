"""The verdict on attention as an explanation: rule 1 of docs/audit.md, from per-text figures to one of four levels."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.audit.figures import PerText
from heedful.audit.reliability import ceiling, mean_corrected
from heedful.support.intervals import Estimate, mean, proportion, share

RULE = "rule 1"
FAITHFUL, MAP, MISLEADING, UNDECIDED = LEVELS = ("faithful", "map", "misleading", "undecided")
HOLDS, FAILS, NOT_SETTLED = "holds", "fails", "not settled"

ORDERED, TOP_FOR, MASS_AGAINST = 0.75, 0.90, 0.25
FEWEST = 20  # with fewer texts nothing is settled
LEAST_CEILING = 0.5  # as a tau-b
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
        >>> from heedful.audit.figures import text_figures
        >>> draw = np.random.default_rng(0)
        >>> effects = draw.uniform(0, 1, (50, 12))
        >>> verdict = judge(PerText.gather(text_figures(one, one) for one in effects))
        >>> print(verdict.level, verdict.sentences[0], sep=": ")
        faithful: Of every 100 pairs of words that differ in effect, attention orders 100 as their effects do (95 %
            interval 92.9 to 100; random scores 50; at least 75 needed): it ranks words by the size of their effects.
    """
    n = len(texts)
    order = _judged(_bounded(texts.ordered), ORDERED, 0.5, n, at_least=True)
    top = _judged(_bounded(texts.top_for), TOP_FOR, _average(texts.words_for), n, at_least=True)
    mass = _judged(_bounded(texts.mass_against), MASS_AGAINST, _average(texts.words_against), n, at_least=False)
    reliability = _average(texts.reliability)
    reachable = float(ceiling(np.array([reliability]))[0]) if not math.isnan(reliability) else 1.0
    noisy = reachable < LEAST_CEILING
    level = UNDECIDED if noisy else _level(order.says, _both(top.says, mass.says))
    conditions = {"ordered": order, "top_for": top, "mass_against": mass}
    deciding = (order,) if order.says == NOT_SETTLED else (order, top, mass)
    more = max(one.more for one in deciding) if level == UNDECIDED and not noisy else 0.0
    described = {
        "top_against": share(texts.top_against),
        "tau_sizes": mean(texts.tau_sizes),
        "tau_effects": mean(texts.tau_effects),
    }
    if not math.isnan(reliability):
        described |= {
            "tau_sizes_corrected": mean_corrected(texts.tau_sizes, texts.reliability),
            "reliability": mean(texts.reliability),
        }
    figures: dict[str, Any] = {name: asdict(one) for name, one in (conditions | described).items()}
    figures |= {"texts": n, "more_texts": more, "ceiling": reachable}
    sentences = (_on_order(order, reachable if noisy else 1.0, n), _on_top(top, n), _on_mass(mass, n))
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


def _bounded(values: Values) -> Estimate:
    """Estimate the mean of numbers in 0..1, also where all are the same: few texts can then have other values."""
    estimate = share(values)
    if estimate.n and math.isnan(estimate.low):
        others = proportion(0, estimate.n).high
        at = estimate.value
        return Estimate(at, at - others * at, at + others * (1 - at), estimate.n)
    return estimate


def _judged(estimate: Estimate, threshold: float, at_random: float, texts: int, *, at_least: bool) -> Judged:
    low, high, n = estimate.low, estimate.high, estimate.n
    above, below = (low >= threshold, high < threshold) if at_least else (low > threshold, high <= threshold)
    says = NOT_SETTLED
    if n >= FEWEST and (above or below):
        says = HOLDS if above == at_least else FAILS
    more = 0.0 if says != NOT_SETTLED else _more(estimate, threshold, texts)
    return Judged(estimate.value, low, high, n, at_random, threshold, says, more)


def _more(estimate: Estimate, threshold: float, texts: int) -> float:
    """How many more texts bring the interval's end to the threshold, if the figure stays."""
    if not estimate.n:
        return math.inf
    distance = abs(estimate.value - threshold)
    half = estimate.value - estimate.low if estimate.value > threshold else estimate.high - estimate.value
    if distance == 0 or math.isnan(half):
        return math.inf
    needed = max(estimate.n * (half / distance) ** 2, FEWEST, estimate.n + 1)
    more = math.ceil(needed * texts / estimate.n) - texts  # not every text says something
    return float(more) if more <= _HOPELESS * texts else math.inf


def _average(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _on_order(one: Judged, reachable: float, texts: int) -> str:
    if reachable < 1.0:
        return (
            f"The effects are too noisy to be compared with: even the true ones would have a tau-b of {reachable:.2f} "
            f"with them, and {LEAST_CEILING} is needed; raise the budget of the reference."
        )
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
        return f"{before} ... {after}: none of {texts} texts says anything about it."
    value, low, high, random, bar = map(_percent, (one.value, one.low, one.high, one.at_random, one.threshold))
    condition = f"{'at most' if one.threshold == MASS_AGAINST else 'at least'} {bar} needed"
    ending = {HOLDS: says[0], FAILS: says[1], NOT_SETTLED: _unsettled(one, texts)}[one.says]
    return f"{before} {value} {after} (95 % interval {low} to {high}; random scores {random}; {condition}): {ending}."


def _percent(part: float) -> str:
    return "unknown" if math.isnan(part) else f"{100 * part:.1f}".removesuffix(".0")


def _unsettled(one: Judged, texts: int) -> str:
    if math.isinf(one.more):
        return f"cannot tell from {texts} texts, and more will hardly help: the figure lies on the threshold"
    return f"cannot tell from {texts} texts: about {one.more:.0f} more are needed"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
