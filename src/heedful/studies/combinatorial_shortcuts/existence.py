"""Does the shortcut exist? Attention is trained where what it weighs is the same in every text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch

from heedful.models.training import seeded
from heedful.remedies.shortcuts import Reader, Selector, choose, random_weights, tell, train_reader, train_selector
from heedful.studies.combinatorial_shortcuts.tasks import Task, parts
from heedful.studies.measuring import Row, groups, report, seed_of, table
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.combinatorial_shortcuts.settings import Numbers

SOFT, HARD = "softmax", "top-k"
TRAINED, RANDOM = "trained", "random"
# attention, what it weighs, and whether it is trained
ARMS = (
    (SOFT, "words", TRAINED),
    (SOFT, "positions", TRAINED),
    (SOFT, "positions", RANDOM),
    (SOFT, "one", TRAINED),
    (HARD, "positions", TRAINED),
    (HARD, "positions", RANDOM),
)


def stage(task: Task, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train every arm of a task on the labels, and note which test texts it is right on."""
    numbers, rows = run.settings, list[Row]()
    train, test = parts(run, task)
    classes, vocabulary = int(train.labels.max()) + 1, len(run.classifier(task.name).tokenizer)
    for number in run.track(range(numbers.seeds), f"constant values, {task.title}"):
        for arm, (attention, values, how) in enumerate(ARMS):
            seed = seed_of(run.seed, number, arm)
            training = replace(numbers.training, k=task.k if attention == HARD else None)
            with seeded(seed):
                selector = Selector(vocabulary, task.tokens, numbers.size)
                reader = Reader(vocabulary, task.tokens, classes, numbers.size, values)
            if how == TRAINED:
                train_selector(selector, reader, train.with_labels(), training, seed)
                weights = choose(selector, test.texts, training.k)
            else:
                train_reader(reader, train.with_labels(), training, seed)
                weights = random_weights(test.texts.attended, training.k, torch.Generator().manual_seed(seed))
            right = tell(reader, test.texts, weights) == test.labels
            key = {"data": task.name, "attention": attention, "values": values, "how": how, "seed": number}
            rows += [key | {"text": i, "label": int(test.labels[i]), "right": bool(one)} for i, one in enumerate(right)]
    return {f"existence.{task.name}": table(rows)}


def summary_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Sum up all tasks."""
    measured = pa.concat_tables([run.table(f"existence.{task.name}") for task in run.settings.tasks])
    return {"existence.summary": summary(measured), "existence.gain.summary": gain(measured)}


def summary(measured: pa.Table) -> pa.Table:
    """One row a data set and arm.

    Returns:
        data, attention, values, how, seeds, texts, accuracy (over texts, of each its mean over trainings), least and
        most (of the trainings), commonest (share of the commonest label), over_commonest (accuracy minus that).
    """
    rows = []
    for key, columns in groups(measured, "data", "attention", "values", "how"):
        right, labels = by_text(columns, "right"), columns["label"][columns["seed"] == 0]
        commonest = float(np.bincount(labels).max() / len(labels))
        estimates = {
            "accuracy": intervals.mean(right.mean(0)),
            "over_commonest": intervals.mean(right.mean(0) - commonest),
        }
        rows.append(
            key
            | {"seeds": len(right), "texts": right.shape[1]}
            | intervals.columns(estimates)
            | {"least": float(right.mean(1).min()), "most": float(right.mean(1).max()), "commonest": commonest}
        )
    return report(rows)


def gain(measured: pa.Table) -> pa.Table:
    """One row a data set and attention: what training adds to random weights where only positions are weighed.

    Returns:
        data, attention, gain (accuracy, trained minus random, paired over texts).
    """
    known = {tuple(key.values()): columns for key, columns in groups(measured, "data", "attention", "values", "how")}
    rows = []
    for data, attention, values, how in known:
        if values == "positions" and how == TRAINED:
            mine, other = (by_text(known[data, attention, values, one], "right").mean(0) for one in (TRAINED, RANDOM))
            rows.append(
                {"data": data, "attention": attention} | intervals.columns({"gain": intervals.mean(mine - other)})
            )
    return report(rows)


def by_text(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return a column as an array (trainings, texts), of rows that are grouped by training, in the order of texts."""
    return columns[name].astype(np.float64).reshape(len(np.unique(columns["seed"])), -1)
