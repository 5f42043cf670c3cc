"""All settings trained, measured on validation texts, and one of each remedy chosen by a rule fixed beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.auditing.effects import effects
from heedful.auditing.figures import text_figures
from heedful.classifier import Classifier
from heedful.methods.attention import AttentionMean
from heedful.methods.shap import PermutationShap
from heedful.question import Choices, ask_all
from heedful.studies.measuring import Row, groups, mean, report, seed_of, table
from heedful.studies.remedies.trainings import PLAIN, Remedy
from heedful.studies.run import Run

if TYPE_CHECKING:
    from heedful.studies.remedies.settings import Numbers
    from heedful.studies.remedies.tasks import Task

OUTPUT = "logit_difference"  # to the best other class: what decides the prediction
_ROUNDING = 1e-9  # a point of accuracy is a whole number of texts
BY_ATTENTION, BY_ACCURACY, ONLY = "attention", "accuracy", "only one"


def stage_name(task: Task, nth: int) -> str:
    """Return the name of the stage, and the table, of a data set and seed."""
    return f"fit.{task.name}.{nth}"


def stage(task: Task, nth: int, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train every setting on a data set from one seed, and measure it on validation texts.

    Returns:
        One row a setting: data, remedy, setting, nth, accuracy (on all validation texts), tau_sizes (mean over texts of
        the tau-b of attention with the sizes of Shapley values).
    """
    numbers, rows = run.settings, list[Row]()
    validation = run.data[task.name].validation
    assert validation is not None  # noqa: S101 - the study's data has seen to it
    some = np.sort(np.random.default_rng(run.seed).permutation(len(validation))[: task.n_choosing])
    texts = validation.subset(some).texts
    for remedy in run.track(numbers.remedies, f"{task.name}, seed {nth}"):
        for training in remedy.settings:
            name = f"{task.name}-{training.name}-{nth}"
            reached = run.training(name)["validation"]["accuracy"]
            tau = taus(run.classifier(name), texts, numbers.choosing, seed_of(run.seed, nth))
            key = {"data": task.name, "remedy": remedy.name, "setting": training.name, "nth": nth}
            rows.append(key | {"accuracy": reached, "tau_sizes": mean(tau)})
    return {stage_name(task, nth): table(rows)}


def taus(classifier: Classifier, texts: Sequence[str], permutations: int, seed: int) -> np.ndarray:
    """Return tau-b of attention with the sizes of Shapley values, text by text."""
    choices = Choices(output=OUTPUT, seed=seed)
    attention = [AttentionMean().answer(question).scores for question in ask_all(classifier, texts, choices)]
    known = effects(classifier, texts, choices, PermutationShap(n_permutations=permutations))
    return np.array(
        [
            text_figures(scores, one.scores, error=one.error, output=one.output).tau_sizes
            for scores, one in zip(attention, known, strict=True)
        ]
    )


def choice_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Choose a setting of every remedy, on every data set by itself."""
    numbers = run.settings
    names = [stage_name(task, nth) for task in numbers.tasks for nth in range(numbers.seeds)]
    return {"choice.summary": chosen([run.table(name) for name in names], numbers.remedies, numbers.within)}


def chosen(tables: Iterable[pa.Table], remedies: Sequence[Remedy], within: float) -> pa.Table:
    """Choose settings by the rule: means over seeds on validation texts decide.

    Among the settings whose accuracy is at most `within` below that of plain training, the one with the largest tau-b
    of attention with the sizes of Shapley values; if there is none, the one with the largest accuracy. Of equal ones
    the first.

    Returns:
        One row a data set and setting: data, remedy, setting, title, accuracy, tau_sizes, admitted (by its accuracy),
        chosen, by ("attention", "accuracy", or "only one").
    """
    rows: list[Row] = []
    for key, columns in groups(pa.concat_tables(tables), "data"):
        setting, accuracy, tau = (columns[name] for name in ("setting", "accuracy", "tau_sizes"))
        means = {
            training.name: (float(accuracy[setting == training.name].mean()), mean(tau[setting == training.name]))
            for remedy in remedies
            for training in remedy.settings
        }
        least = next(means[one.settings[0].name][0] for one in remedies if one.name == PLAIN) - within - _ROUNDING
        for remedy in remedies:
            best, by = best_of({one.name: means[one.name] for one in remedy.settings}, least)
            rows += [
                key
                | {"remedy": remedy.name, "setting": one.name, "title": one.title, "accuracy": means[one.name][0]}
                | {"tau_sizes": means[one.name][1], "admitted": means[one.name][0] >= least}
                | {"chosen": one.name == best, "by": by if one.name == best else None}
                for one in remedy.settings
            ]
    return report(rows)


def best_of(means: Mapping[str, tuple[float, float]], least: float) -> tuple[str, str]:
    """Return the setting that the rule chooses, and what it was chosen by.

    Args:
        means: accuracy and tau-b of every setting.
        least: accuracy that admits a setting.

    Example:
        >>> best_of({"a": (0.90, 0.1), "b": (0.89, 0.3), "c": (0.70, 0.9)}, least=0.89)
        ('b', 'attention')
        >>> best_of({"a": (0.80, 0.1), "b": (0.70, 0.3)}, least=0.89)
        ('a', 'accuracy')
    """
    if len(means) == 1:
        return next(iter(means)), ONLY
    admitted = [name for name, (accuracy, _) in means.items() if accuracy >= least]
    if not admitted:
        return max(means, key=lambda name: means[name][0]), BY_ACCURACY
    return max(admitted, key=lambda name: np.nan_to_num(means[name][1], nan=-2.0)), BY_ATTENTION
