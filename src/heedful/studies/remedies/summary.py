"""The one table: every remedy on every data set, and its differences to plain training, adjusted after Holm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from heedful.auditing.reliability import ceiling
from heedful.auditing.tables import holm
from heedful.auditing.verdict import FAITHFUL
from heedful.corpus import Corpus
from heedful.studies.explained import FOLDER
from heedful.studies.measuring import Row, groups, mean, report, seed_of
from heedful.studies.remedies.cells import corpus_name, right_name, texts_name
from heedful.studies.remedies.columns import (
    ACCURACY,
    COLUMNS,
    LEAK,
    PER_TEXT,
    STABLE,
    Column,
    grid,
    leak,
    levels,
    stability,
)
from heedful.studies.remedies.crossed import Grid, crossed
from heedful.studies.remedies.trainings import PLAIN, Remedy
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.remedies.settings import Numbers
    from heedful.studies.remedies.tasks import Task

Grids = dict[str, Grid]  # by column


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Put all cells together.

    Returns:
        remedies.summary: see `row_of`; gains.summary: see `gains`.
    """
    rows, differences = list[Row](), list[Row]()
    for task in run.settings.tasks:
        texts, right = (
            pa.concat_tables([run.table(name(task, nth)) for nth in range(run.settings.seeds)])
            for name in (texts_name, right_name)
        )
        everything = {key["remedy"]: columns for key, columns in groups(texts, "remedy")}
        rights = {key["remedy"]: columns for key, columns in groups(right, "remedy")}
        choice = {row["remedy"]: row for row in run.tables.rows("choice.summary", data=task.name, chosen=True)}
        grids: dict[str, Grids] = {}
        for remedy in run.settings.remedies:
            columns = everything[remedy.name]
            grids[remedy.name] = {ACCURACY: grid(rights[remedy.name], "right")} | grids_of(run, task, remedy, columns)
            rows.append(row_of(task.name, remedy, choice[remedy.name], columns, grids[remedy.name]))
        differences += gains(task.name, grids)
    return {"remedies.summary": report(rows), "gains.summary": report(differences)}


def grids_of(run: Run[Numbers], task: Task, remedy: Remedy, columns: Mapping[str, np.ndarray]) -> Grids:
    """Return the grids of a remedy on the texts that are explained; attention comes from the run's corpora."""
    maps = [attention(run, corpus_name(task.name, remedy.name, nth)) for nth in range(run.settings.seeds)]
    predicted = columns["predicted"].reshape(len(maps), -1)
    leaks = [
        leak(one, told, seed_of(run.seed, nth)) for nth, (one, told) in enumerate(zip(maps, predicted, strict=True))
    ]
    return {name: grid(columns, name) for name in PER_TEXT} | {LEAK: np.array(leaks), STABLE: stability(maps)}


def attention(run: Run[Any], name: str) -> list[np.ndarray]:
    """Return the maps in a corpus of the run."""
    rows = Corpus.read(run.folder / FOLDER / name).rows(["attention_mean_scores"])
    return [np.array(row["attention_mean_scores"], dtype=np.float64) for row in rows]


def row_of(
    data: str, remedy: Remedy, choice: Mapping[str, Any], columns: Mapping[str, np.ndarray], grids: Grids
) -> Row:
    """Return one row of the table.

    Returns:
        data, remedy, title, setting (its title), by (what the setting was chosen by), seeds, texts (explained), every
        column with its interval over seeds and texts; exact (whether values are), halves (share of pairs of words that
        two halves of sampled values order alike), ceiling (share that the true values would order as the sampled ones),
        std_error (mean over texts); faithful, map, misleading, undecided: numbers of trainings that the audit's rule
        finds so; share_faithful.
    """
    halves = mean(columns["halves"].astype(np.float64))
    counts = levels(columns)
    estimates = {one.name: estimate(grids[one.name], one) for one in COLUMNS}
    return (
        {"data": data, "remedy": remedy.name, "title": remedy.title, "setting": choice["title"], "by": choice["by"]}
        | {"seeds": len(grids[ACCURACY]), "texts": len(np.unique(columns["text"]))}
        | intervals.columns(estimates)
        | {"exact": bool(np.isnan(halves)), "halves": halves, "ceiling": 1.0 if np.isnan(halves) else ceiling(halves)}
        | {"std_error": mean(columns["std_error"].astype(np.float64))}
        | counts
        | {"share_faithful": counts[FAITHFUL] / len(grids[ACCURACY])}
    )


def estimate(values: Grid, column: Column) -> intervals.Estimate:
    """Return the mean with its interval, within the column's bounds; of a share that all texts have, Wilson's bound."""
    one = crossed(values, 2 if column.name == STABLE else 1).estimate
    if math.isnan(one.low):
        sure = column.unit == "share" and one.n > 1 and one.value in (0.0, 1.0)
        return intervals.proportion(round(one.value * one.n), one.n) if sure else one
    return intervals.Estimate(one.value, max(one.low, column.least), min(one.high, column.most), one.n)


def gains(data: str, grids: Mapping[str, Grids]) -> list[Row]:
    """Return the differences of every remedy to plain training, of the same seed on the same texts.

    Returns:
        One row a remedy and column that is compared: data, remedy, column, gain with its interval over seeds and texts,
        p (two-sided), p_holm (adjusted after Holm over all rows of the data set).
    """
    rows: list[Row] = []
    for remedy, own in grids.items():
        for column in COLUMNS if remedy != PLAIN else ():
            if column.compared:
                one = crossed(own[column.name] - grids[PLAIN][column.name], 2 if column.name == STABLE else 1)
                key = {"data": data, "remedy": remedy, "column": column.name}
                rows.append(key | intervals.columns({"gain": one.estimate}) | {"p": one.p})
    adjusted: Sequence[float] = holm([row["p"] for row in rows])
    return [row | {"p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
