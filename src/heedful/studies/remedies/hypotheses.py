"""The hypotheses, their bounds fixed before the full run, and the rule that judges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from heedful.runs.tables import Tables
from heedful.studies.measuring import Row, report
from heedful.studies.remedies.columns import ACCURACY, AGAINST, LEAK, PLAUSIBLE, TAU
from heedful.studies.remedies.trainings import PLAIN, RANDOM, RATIONALES, REPULSIVE, SPARSE, UNIFORM, WEIGHTED
from heedful.studies.run import Run
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED, Claim, judged, together

if TYPE_CHECKING:
    from heedful.studies.remedies.settings import Numbers

GAINS, TABLE = "gains.summary", "remedies.summary"


@dataclass(frozen=True)
class Bounds:
    """Thresholds, fixed before the full run.

    Attributes:
        gain: least rise of tau-b that matters.
        price: most accuracy that may be lost.
        plausible: least rise of the plausibility of attention that matters.
        against: share of attention on words against, above which the audit's rule finds no reasons in attention.
    """

    gain: float = 0.1
    price: float = 0.01
    plausible: float = 0.05
    against: float = 0.25


@dataclass(frozen=True)
class Hypothesis:
    """A statement, as claims about figures.

    Attributes:
        name: "H1" and so on.
        statement: in words.
        source: whose claim it is, or what it asks.
        claims: it is confirmed if all are, refuted if any is.
    """

    name: str
    statement: str
    source: str
    claims: tuple[Claim, ...]


def hypotheses(data: Sequence[str], remedies: Sequence[str], bounds: Bounds) -> tuple[Hypothesis, ...]:
    """Return the hypotheses about some data sets and remedies, but for H1, which looks at two figures at once."""
    others = [name for name in remedies if name != PLAIN]

    def each(names: Sequence[str], make: Callable[[str, str], Claim]) -> tuple[Claim, ...]:
        return tuple(make(one, name) for one in data for name in names if name in remedies)

    def gain(
        figure: str, words: str, unit: str = "number", *, least: float = -inf, most: float = inf
    ) -> Callable[[str, str], Claim]:
        return lambda one, name: Claim(
            f"{one}, {name}: {words}", GAINS, (("data", one), ("remedy", name), ("column", figure)), "gain", unit,
            least, most,
        )  # fmt: skip

    def figure(name: str, words: str, unit: str, **limits: float) -> Callable[[str, str], Claim]:
        return lambda one, remedy: Claim(
            f"{one}, {remedy}: {words}", TABLE, (("data", one), ("remedy", remedy)), name, unit, **limits
        )

    tau = gain(TAU, "rise of tau-b with the sizes of Shapley values", most=bounds.gain)
    price = gain(ACCURACY, "change of accuracy", "share", least=-bounds.price)
    return (
        Hypothesis(
            "H2", "sparse attention does not order words better by the size of their effects",
            "Meister et al. 2021", each([SPARSE], tau),
        ),
        Hypothesis(
            "H3", "training against combinatorial shortcuts makes masks tell less of the prediction",
            "Bai et al. 2021", each([RANDOM, WEIGHTED], gain(LEAK, "told by the mask, change", "share", most=0.0)),
        ),
        Hypothesis(
            "H4", "heads that keep apart cost no point of accuracy, and explain no better",
            "An et al. 2020; their claim is a gain in accuracy",
            each([REPULSIVE], price) + each([REPULSIVE], tau),
        ),
        Hypothesis(
            "H5", "supervision by rationales makes attention plausible, but no better ordered by effects",
            "Zhong et al. 2019; Jacovi and Goldberg 2020: plausible is not faithful",
            each([RATIONALES], gain(PLAUSIBLE, "rise of plausibility", least=bounds.plausible))
            + each([RATIONALES], tau),
        ),
        Hypothesis(
            "H6", "uniform attention costs no point of accuracy: nothing here needs attention",
            "Wiegreffe and Pinter 2019", each([UNIFORM], price),
        ),
        Hypothesis(
            "H7", "the audit finds the attention of no training faithful", "ours",
            each([PLAIN, *others], figure("share_faithful", "share of trainings found faithful", "share", most=0.0)),
        ),
        Hypothesis(
            "H8", "whatever the training, a quarter of attention lies on words that speak against", "ours",
            each([PLAIN, *others], figure(AGAINST, "attention on words against", "share", least=bounds.against)),
        ),
    )  # fmt: skip


def free_gains(tables: Tables, bounds: Bounds) -> list[Row]:
    """Judge of every remedy and data set the claim that it raises tau-b by enough at no price that matters.

    Returns:
        data, remedy, tau (the gain with its interval), price (the change of accuracy with its interval), p_holm (of the
        gain), verdict: confirmed if both whole intervals lie within the bounds; refuted if one lies outside.
    """
    rows = []
    for gain in tables.rows(GAINS, column=TAU):
        price = tables.one(GAINS, data=gain["data"], remedy=gain["remedy"], column=ACCURACY)
        where = (("data", gain["data"]), ("remedy", gain["remedy"]))
        both = (
            Claim("", GAINS, (*where, ("column", TAU)), "gain", least=bounds.gain),
            Claim("", GAINS, (*where, ("column", ACCURACY)), "gain", least=-bounds.price),
        )
        rows.append(
            {"data": gain["data"], "remedy": gain["remedy"]}
            | {f"tau{end}": gain[f"gain{end}"] for end in ("", "_low", "_high")}
            | {f"price{end}": price[f"gain{end}"] for end in ("", "_low", "_high")}
            | {"p_holm": gain["p_holm"], "verdict": together(row["verdict"] for row in judged(both, tables))}
        )
    return rows


def none_is_free(verdicts: Sequence[str]) -> str:
    """Return the verdict on the claim that there is no gain without a price, from those on each that there is.

    Example:
        >>> none_is_free(["refuted", "refuted"]), none_is_free(["refuted", "confirmed"])
        ('confirmed', 'refuted')
    """
    if CONFIRMED in verdicts:
        return REFUTED
    return CONFIRMED if set(verdicts) == {REFUTED} else NOT_SETTLED


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Judge the hypotheses.

    Returns:
        free.summary: see `free_gains`; claims.summary: hypothesis, data, remedy, and the columns of `judged`;
        hypotheses.summary: hypothesis, statement, source, verdict.
    """
    bounds = run.settings.bounds
    free = free_gains(run.tables, bounds)
    first = f"no training raises tau-b by {bounds.gain:g} without losing {100 * bounds.price:g} point of accuracy"
    verdict = none_is_free([row["verdict"] for row in free])
    verdicts: list[dict[str, Any]] = [
        {"hypothesis": "H1", "statement": first, "source": "the question of this study", "verdict": verdict}
    ]
    claims: list[dict[str, Any]] = []
    names = [task.name for task in run.settings.tasks], [remedy.name for remedy in run.settings.remedies]
    for one in hypotheses(*names, bounds):
        rows = judged(one.claims, run.tables)
        claims += [
            {"hypothesis": one.name} | {key: dict(claim.where)[key] for key in ("data", "remedy")} | row
            for claim, row in zip(one.claims, rows, strict=True)
        ]
        told = {"hypothesis": one.name, "statement": one.statement, "source": one.source}
        verdicts.append(told | {"verdict": together(row["verdict"] for row in rows)})
    return {"free.summary": report(free), "claims.summary": report(claims), "hypotheses.summary": report(verdicts)}
