"""The hypotheses, their bounds fixed before the full run, and the rule that judges them.

H1 to H3 are the paper's, H4 is that of its counter-paper. Each is judged on every data set, on the mixing encoders and
all scorers together; the same bounds are put to each encoder and scorer alone, to show under which condition they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from heedful.studies.measuring import report
from heedful.studies.run import Run
from heedful.studies.sparse_attention.recipe import MIXING, PAPER
from heedful.studies.sparse_attention.summary import ALL
from heedful.studies.verdicts import Claim, judged, together

if TYPE_CHECKING:
    from heedful.studies.sparse_attention.settings import Numbers

TABLE = "contrasts.summary"


@dataclass(frozen=True)
class Hypothesis:
    """A statement of a paper, as claims about figures.

    Attributes:
        name: "H1" to "H4".
        statement: in words.
        claims: it is confirmed if all are.
        needs_all: it is refuted only if all claims are, not if any is.
    """

    name: str
    statement: str
    claims: tuple[Claim, ...]
    needs_all: bool = False


@dataclass(frozen=True)
class Bounds:
    """Thresholds, fixed before the full run.

    Attributes:
        same: least tau-b of two orders that are nearly the same.
        apart: most tau-b of two orders that are only weakly related.
        halved: most of the support that is left.
        steady: most that a normalised entropy moves, relatively.
        gap: least by which one tau-b is above another to matter.
    """

    same: float = 0.9
    apart: float = 0.6
    halved: float = 0.5
    steady: float = 0.1
    gap: float = 0.2


def hypotheses(data: tuple[str, ...], bounds: Bounds = Bounds()) -> tuple[Hypothesis, ...]:
    """Return the hypotheses about some data sets."""
    return (
        Hypothesis(
            "H1",
            "inputs and the states at their places are only weakly related in encoders that mix words, and alike in "
            "the control, which mixes none",
            (
                *_each(data, "control", "in the control, gradients by inputs and by states order words alike: tau-b",
                       "input_state", least=bounds.same),
                *_each(data, "mixing", "in mixing encoders they do not: tau-b", "input_state", most=bounds.apart),
            ),
        ),
        Hypothesis(
            "H2",
            "the sparser attention is, the less it agrees with the importance of inputs, over all words",
            _each(data, "mixing", "tau-b of attention with gradients by inputs falls as alpha rises: slope",
                  "input_slope", most=0.0),
            needs_all=True,
        ),
        Hypothesis(
            "H3",
            "sparse attention does not make the importance of inputs sparse",
            (
                *_each(data, "mixing", "from the smallest alpha to the largest the support at least halves: share left",
                       "support_ratio", "share", most=bounds.halved),
                *_each(data, "mixing", "the entropy of input importance hardly moves: relative change",
                       "entropy_change", "share", least=-bounds.steady, most=bounds.steady),
            ),
        ),
        Hypothesis(
            "H4",
            "over the words that sparse attention keeps above 0 it agrees with gradients far better than over all",
            _each(data, "mixing", "at the largest alpha tau-b over the support exceeds that over all words: difference",
                  "list_gap", least=bounds.gap),
        ),
    )  # fmt: skip


def _each(
    data: tuple[str, ...],
    encoder: str,
    statement: str,
    figure: str,
    unit: str = "number",
    **bounds: float,
) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            f"{name}: {statement}",
            TABLE,
            (("data", name), ("encoder", encoder), ("scorer", ALL)),
            figure,
            unit,
            **bounds,
        )
        for name in data
    )


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Judge the hypotheses.

    Returns:
        claims.summary: hypothesis, data, and the columns of `judged`; conditions.summary: the same claims put to every
        encoder and scorer, which stand in columns; hypotheses.summary: hypothesis, statement, verdict.
    """
    claims, conditions, verdicts = [], [], []
    for one in run.settings.hypotheses:
        rows = judged(one.claims, run.tables)
        claims += [
            {"hypothesis": one.name, "data": dict(claim.where)["data"]} | row
            for claim, row in zip(one.claims, rows, strict=True)
        ]
        verdict = together((row["verdict"] for row in rows), refuted_by_all=one.needs_all)
        verdicts.append({"hypothesis": one.name, "statement": one.statement, "verdict": verdict})
        for claim in one.claims:
            conditions += [{"hypothesis": one.name} | row for row in _conditions(claim, run)]
    return {
        "claims.summary": report(claims),
        "conditions.summary": report(conditions),
        "hypotheses.summary": report(verdicts),
    }


def _conditions(claim: Claim, run: Run[Numbers]) -> list[dict[str, object]]:
    where = dict(claim.where)
    single = [
        row
        for row in run.tables.rows(TABLE, data=where["data"])
        if row["scorer"] != ALL
        and (row["encoder"] in MIXING) == (where["encoder"] == "mixing")
        and not (row["encoder"] == PAPER and claim.figure == "input_state")  # its states are its word vectors
    ]
    rows = []
    for row in single:
        place = {"data": row["data"], "encoder": row["encoder"], "scorer": row["scorer"]}
        (verdict,) = judged([replace(claim, where=tuple(place.items()))], run.tables)
        rows.append(place | {"figure": claim.figure, "matched": row["matched"]} | verdict)
    return rows
