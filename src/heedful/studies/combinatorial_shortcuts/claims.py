"""The paper's statements as claims with bounds, set before the first run of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from heedful.studies.combinatorial_shortcuts.tasks import PLANTED
from heedful.studies.measuring import report
from heedful.studies.run import Run
from heedful.studies.verdicts import Claim, judged

if TYPE_CHECKING:
    from heedful.studies.combinatorial_shortcuts.settings import Numbers

CLEARLY = 0.05  # accuracy that a shortcut must add to be one
CHANCE = 0.03  # accuracy beyond the commonest label that still is chance
LOSS = 0.02  # fidelity that a repair may cost
REPAIRS = {"frozen": "random attention first, the reader then frozen", "weighted": "weights P(y) / P(y | m)"}


def claims(tasks: Sequence[str]) -> tuple[Claim, ...]:
    """Return all claims about some tasks."""
    return tuple(claim for task in tasks for claim in (*_existence(task), *_repairs(task)))


def _existence(task: str) -> list[Claim]:
    random = (("data", task), ("attention", "softmax"), ("values", "positions"), ("how", "random"))
    return [
        *(
            Claim(
                f"{task}: where values are constant, trained attention ({attention}) still tells the label: accuracy "
                "over that with random weights",
                "existence.gain.summary", (("data", task), ("attention", attention)), "gain", "share", least=CLEARLY,
            )
            for attention in ("softmax", "top-k")
        ),
        Claim(
            f"{task}: random weights over constant values tell nothing: accuracy over the commonest label's share",
            "existence.summary", random, "over_commonest", "share", most=CHANCE,
        ),
    ]  # fmt: skip


def _repairs(task: str) -> list[Claim]:
    rows = {kind: (("data", task), ("training", kind)) for kind in ("joint", *REPAIRS)}
    table = "repairs.summary"
    leak = f"{task}: the choice of a selector trained jointly tells the answer: balanced accuracy beyond a random one"
    result = [Claim(leak, table, rows["joint"], "leak", "share", least=CLEARLY)]
    for kind, words in REPAIRS.items():
        halved = f"{task}: {words}: what the choice tells at least halves: what is left beyond half of the joint's"
        kept = f"{task}: {words}: the evaluator's fidelity does not fall: difference to the joint training"
        result += [
            Claim(halved, table, rows[kind], "excess", "share", most=0.0),
            Claim(kept, table, rows[kind], "fidelity", "share", least=-LOSS),
        ]
        if task == PLANTED:
            taken = f"{task}: {words}: more planted words are taken: difference to the joint training"
            result.append(Claim(taken, table, rows[kind], "recall", "share", least=0.0))
    return result


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Judge the claims by the tables of the other stages."""
    return {"claims.summary": report(judged(run.settings.claims, run.tables))}
