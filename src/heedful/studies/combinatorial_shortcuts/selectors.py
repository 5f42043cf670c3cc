"""A selector of k words before a reader, trained three ways: fidelity, what its choice tells, planted words taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float64

from heedful.metrics.mask_probe import balanced, pattern, standardised, told_rightly
from heedful.models.training import seeded
from heedful.remedies.shortcuts import (
    TRAININGS,
    Reader,
    Selector,
    Weights,
    choose,
    random_weights,
    tell,
    train_reader,
    train_selector,
)
from heedful.studies.combinatorial_shortcuts.existence import by_text
from heedful.studies.combinatorial_shortcuts.tasks import Part, Task, parts, shown_to
from heedful.studies.measuring import Row, groups, report, seed_of, table
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.combinatorial_shortcuts.settings import Numbers

RANDOM = "random"  # a choice that knows nothing of the text: what length alone tells, and chance
FIGURES = ("evaluator", "black_box", "reader", "pattern", "positions", "both", "recall")


def table_name(task: Task, number: int) -> str:
    """Return the name of the table, and the stage, of a task and training."""
    return f"selectors.{task.name}.{number}"


def stage(task: Task, number: int, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train the selectors of a task from one seed, and measure their choices on the test texts."""
    train, test = parts(run, task)
    training = replace(run.settings.training, k=task.k)
    vocabulary, classes = len(run.classifier(task.name).tokenizer), int(train.labels.max()) + 1

    def made(part: int, kind: Any) -> Any:
        with seeded(seed_of(run.seed, number, part)):
            extra = (classes,) if kind is Reader else ()
            return kind(vocabulary, task.tokens, *extra, run.settings.size)

    seed = seed_of(run.seed, number)
    evaluator = made(0, Reader)
    train_reader(evaluator, train.texts, training, seed_of(run.seed, number, 0))
    chance = random_weights(test.texts.attended, task.k, torch.Generator().manual_seed(seed))
    choices: dict[str, tuple[Weights, Reader]] = {RANDOM: (chance, evaluator)}
    epochs = {
        kind: training.epochs * (1 if kind == "frozen" else 2) for kind in TRAININGS
    }  # as its reader has had some
    for kind in run.track(TRAININGS, f"selectors, {task.title}"):
        selector, reader = made(1, Selector), made(2, Reader)  # all three begin alike
        if kind == "frozen":
            train_reader(reader, train.texts, training, seed_of(run.seed, number, 2))
        train_selector(selector, reader, train.texts, replace(training, kind=kind, epochs=epochs[kind]), seed)
        choices[kind] = choose(selector, test.texts, task.k), reader
    rows = list[Row]()
    for kind, (chosen, reader) in choices.items():
        answers = test.texts.labels.numpy()
        columns = {
            "evaluator": tell(evaluator, test.texts, chosen) == answers,
            "black_box": shown_to(run.classifier(task.name), test.texts, chosen) == answers,
            "reader": tell(reader, test.texts, chosen) == answers,
            **leaks(chosen, test, seed),
            "recall": recall(chosen, test, task.k),
        }
        key = {"data": task.name, "training": kind, "seed": number}
        values = zip(*(column.astype(np.float64).tolist() for column in columns.values()), strict=True)
        rows += [key | {"text": i} | dict(zip(columns, one, strict=True)) for i, one in enumerate(values)]
    return {table_name(task, number): table(rows)}


def leaks(chosen: Weights, part: Part, seed: int) -> dict[str, Float64[np.ndarray, " texts"]]:
    """Let logistic regression tell the black box's answer from the choice alone, out of sample.

    Returns:
        pattern, positions, both: numbers whose mean is the balanced accuracy, from the audit's description of where in
        the text the choice lies, from the positions one by one, and from both together.
    """
    answers, masks, attended = part.texts.labels.numpy(), chosen.double().numpy(), part.texts.attended.numpy()
    _, answers = np.unique(answers, return_inverse=True)  # an answer that is never given is no class
    described = standardised(np.stack([pattern(mask[words]) for mask, words in zip(masks, attended, strict=True)]))
    features = {"pattern": described, "positions": masks, "both": np.hstack([described, masks])}
    state = seed % 2**31
    return {name: balanced(told_rightly(one, answers, state), answers) for name, one in features.items()}


def recall(chosen: Weights, part: Part, k: int) -> Float64[np.ndarray, " texts"]:
    """Return the share of planted words for the label that were taken, of those for which there was room.

    Not-a-number where nothing is planted, and where the black box does not give the label.
    """
    if part.reasons is None:
        return np.full(len(part.labels), np.nan)
    taken = shares_taken(chosen.bool().numpy(), part.reasons, k)
    return np.where(part.texts.labels.numpy() == part.labels, taken, np.nan)


def shares_taken(
    chosen: Bool[np.ndarray, "texts tokens"], reasons: Bool[np.ndarray, "texts tokens"], k: int
) -> Float64[np.ndarray, " texts"]:
    """Return the reasons taken by the reasons there are, or by k where there are more; not-a-number without any.

    Example:
        >>> shares_taken(np.array([[True, True, False]]), np.array([[False, True, True]]), 2)
        array([0.5])
    """
    room = np.minimum(reasons.sum(1), k).astype(np.float64)
    return np.divide((chosen & reasons).sum(1), room, out=np.full(len(room), np.nan), where=room > 0)


def summary_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Sum up all tasks and trainings."""
    names = [table_name(task, number) for task in run.settings.tasks for number in range(run.settings.seeds)]
    measured = pa.concat_tables([run.table(name) for name in names])
    return {"selectors.summary": summary(measured), "repairs.summary": repairs(measured)}


def summary(measured: pa.Table) -> pa.Table:
    """One row a data set and training: data, training, seeds, texts, and the mean of every figure.

    evaluator, black_box, reader: share of texts of which it tells the black box's answer from the chosen words alone;
    pattern, positions, both: balanced accuracy of telling that answer from the choice without the words; recall.
    """
    rows = []
    for key, columns in groups(measured, "data", "training"):
        every = {name: by_text(columns, name) for name in FIGURES}
        means = intervals.columns({name: intervals.mean(one.mean(0)) for name, one in every.items()})
        ends = {
            f"{name}_{end}": float(function(every[name].mean(1)))
            for name in ("evaluator", "both")
            for end, function in (("least", np.min), ("most", np.max))
        }
        rows.append(key | {"seeds": len(every["reader"]), "texts": every["reader"].shape[1]} | means | ends)
    return report(rows)


def repairs(measured: pa.Table) -> pa.Table:
    """One row a data set and training, paired over texts with the joint training.

    Returns:
        data, training; leak: what the choice tells beyond a random one, by pattern and positions together; excess: that
        minus half of what it is in the joint training, so that at most 0 says that it is halved; fidelity, recall:
        minus what they are in the joint training.
    """
    known = {tuple(key.values()): columns for key, columns in groups(measured, "data", "training")}
    rows = []
    for data in dict.fromkeys(data for data, _ in known):
        by = {
            kind: {name: by_text(known[data, kind], name).mean(0) for name in FIGURES} for kind in (RANDOM, *TRAININGS)
        }
        leak = {kind: by[kind]["both"] - by[RANDOM]["both"] for kind in TRAININGS}
        rows += [
            {"data": data, "training": kind}
            | intervals.columns(
                {
                    "leak": intervals.mean(leak[kind]),
                    "excess": intervals.mean(leak[kind] - 0.5 * leak["joint"]),
                    "fidelity": intervals.mean(by[kind]["evaluator"] - by["joint"]["evaluator"]),
                    "recall": intervals.mean(by[kind]["recall"] - by["joint"]["recall"]),
                }
            )
            for kind in TRAININGS
        ]
    return report(rows)
