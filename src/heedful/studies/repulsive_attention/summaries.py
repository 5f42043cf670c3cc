"""Every arm beside plain training: accuracy, diversity of maps, accuracy at matched diversity, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy import stats

from heedful.studies.measuring import Row, groups, report
from heedful.studies.repulsive_attention.cells import table_name
from heedful.studies.repulsive_attention.hops import OPTIMISERS, Arm
from heedful.studies.run import Run
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.repulsive_attention.settings import Numbers

Means = dict[str, np.ndarray]  # of every figure, one number a training, in the order of the seeds


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Sum up all cells."""
    numbers = run.settings
    names = [
        table_name(task, optimiser, number)
        for task in numbers.tasks
        for optimiser in OPTIMISERS
        for number in range(numbers.seeds)
    ]
    trained = means(run.table(name) for name in names)
    cells = summary(trained, numbers.arms)
    return {"cells.summary": cells, "claims.summary": claims(cells.to_pylist(), numbers.alpha, numbers.straddling)}


def means(tables: Iterable[pa.Table]) -> dict[tuple[str, str, str], Means]:
    """Return means over texts of every figure, by data set, optimiser and arm."""
    result: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for measured in tables:
        for key, columns in groups(measured, "data", "optimiser", "arm"):
            one = result.setdefault((key["data"], key["optimiser"], key["arm"]), {})
            for name in ("right", "similarity", "covered"):
                one.setdefault(name, []).append(float(columns[name].astype(np.float64).mean()))
    return {key: {name: np.array(values) for name, values in one.items()} for key, one in result.items()}


def summary(trained: Mapping[tuple[str, str, str], Means], arms: Sequence[Arm]) -> pa.Table:
    """One row a data set, optimiser and arm; intervals are over trainings, paired by seed where there is a difference.

    Returns:
        data, optimiser, arm, repulsive, seeds, accuracy, similarity (mean cosine between the maps of two hops), covered
        (planted words that are some hop's most attended one), gain and apart (accuracy and similarity minus those of
        plain training), matched (accuracy minus that of plain training or the penalty at the same similarity, between
        which it is interpolated; null where the similarity lies outside of theirs).
    """
    rows: list[Row] = []
    controls = [arm.name for arm in arms if arm.weight is None]
    for (data, optimiser, name), one in trained.items():
        plain = trained[data, optimiser, arms[0].name]
        curve = [trained[data, optimiser, control] for control in controls]
        repulsive = name not in controls
        columns = {
            "accuracy": one["right"],
            "similarity": one["similarity"],
            "covered": one["covered"],
            "gain": one["right"] - plain["right"],
            "apart": one["similarity"] - plain["similarity"],
            "matched": matched(one, curve) if repulsive else np.full(len(one["right"]), math.nan),
        }
        rows.append(
            {"data": data, "optimiser": optimiser, "arm": name, "repulsive": repulsive, "seeds": len(one["right"])}
            | intervals.columns({figure: intervals.of_few(values) for figure, values in columns.items()})
        )
    return report(rows)


def matched(one: Means, curve: Sequence[Means]) -> np.ndarray:
    """Return accuracy minus that of the controls at the same similarity, seed by seed.

    Example:
        >>> curve = [{"similarity": np.array([s]), "right": np.array([r])} for s, r in ((0.9, 0.8), (0.5, 0.9))]
        >>> matched({"similarity": np.array([0.7]), "right": np.array([0.86])}, curve).round(3)
        array([0.01])
    """
    result = []
    for seed, (similarity, right) in enumerate(zip(one["similarity"], one["right"], strict=True)):
        points = sorted((float(control["similarity"][seed]), float(control["right"][seed])) for control in curve)
        x, y = zip(*points, strict=True)
        inside = x[0] <= similarity <= x[-1]
        result.append(right - np.interp(similarity, x, y) if inside else math.nan)
    return np.array(result, dtype=np.float64)


def claims(cells: Sequence[Mapping[str, Any]], alpha: float, straddling: float) -> pa.Table:
    """Judge of every arm but plain training that it improves accuracy consistently.

    Confirmed: the sign test over data sets and optimisers (one-sided; no difference counts against) has p of at most
    `alpha`, and the interval over trainings lies above 0 in one at least. Refuted: p is larger, and the interval does
    not lie above 0 in a share of `straddling` of them or more; never where so few could not have confirmed it. Planted
    texts are counted apart.

    Returns:
        data ("public" or "planted"), arm, cells, better (of them, on average), p, above, below (intervals that lie so),
        verdict.
    """
    rows: list[Row] = []
    for planted in (False, True):
        chosen = [cell for cell in cells if (cell["data"] == "planted") == planted]
        for arm in [*dict.fromkeys(cell["arm"] for cell in chosen)][1:]:  # the first is plain training
            of_arm = [cell for cell in chosen if cell["arm"] == arm]
            better = sum(cell["gain"] > 0 for cell in of_arm)
            above = sum(cell["gain_low"] is not None and cell["gain_low"] > 0 for cell in of_arm)
            below = sum(cell["gain_high"] is not None and cell["gain_high"] < 0 for cell in of_arm)
            p = float(stats.binomtest(better, len(of_arm), 0.5, alternative="greater").pvalue)
            verdict = NOT_SETTLED
            if p <= alpha and above:
                verdict = CONFIRMED
            elif 0.5 ** len(of_arm) <= alpha < p and len(of_arm) - above >= straddling * len(of_arm):
                verdict = REFUTED
            counts = {"cells": len(of_arm), "better": better, "p": p, "above": above, "below": below}
            rows.append({"data": "planted" if planted else "public", "arm": arm} | counts | {"verdict": verdict})
    return report(rows)
