"""The headline over several trainings: the same classifier from other seeds, on the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.classifier.pretrained import from_pretrained
from heedful.studies.attention_meets_post_hoc.attention import means, measure
from heedful.studies.measuring import Row, groups, report
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

OUTPUT = "logit_difference"
FIGURES = ("accuracy", "kendall_size", "kendall", "top5", "against")


def labelled(measured: pa.Table, seed: int, right: int, n_test: int) -> pa.Table:
    """The rows of `attention.measure` for one training, with its seed and how many of its test texts are right."""
    for at, (name, value) in enumerate({"seed": seed, "right": right, "n_test": n_test}.items()):
        measured = measured.add_column(at, name, pa.array([value] * len(measured)))
    return measured


def chosen(measured: pa.Table, places: Sequence[int], wanted: Sequence[int]) -> pa.Table:
    """The rows of `attention.measure` about `OUTPUT` and some of the texts.

    Args:
        measured: rows; their column text counts `places`.
        places: of the texts in the data.
        wanted: places of those to be kept.
    """
    number, output = measured["text"].to_numpy(), np.array(measured["output"].to_pylist())
    kept = np.isin(np.asarray(places)[number], wanted) & (output == OUTPUT)
    return measured.filter(pa.array(kept))


def summary(measured: pa.Table) -> pa.Table:
    """One row a seed.

    Returns:
        seed, n_test, accuracy, texts, and `attention.means`, with their intervals over texts.
    """
    return report(
        {"seed": key["seed"], "n_test": key["n_test"]}
        | intervals.columns({"accuracy": intervals.proportion(key["right"], key["n_test"])})
        | {"texts": len(columns["text"])}
        | means(columns)
        for key, columns in groups(measured, "seed", "right", "n_test")
    )


def overall(summed: pa.Table) -> pa.Table:
    """One row a figure: what another training brings, which more texts do not tell.

    Returns:
        figure, texts (a seed; for the accuracy those of the test), mean (over seeds; its interval is Student's t with
        the seeds as observations), least and most (of the seeds).
    """
    rows: list[Row] = []
    for figure in FIGURES:
        values = summed[figure].to_numpy()
        texts = summed["n_test" if figure == "accuracy" else "texts"].to_pylist()
        rows.append(
            {"figure": figure, "texts": min(texts)}
            | intervals.columns({"mean": intervals.of_few(values)})
            | {"least": float(values.min()), "most": float(values.max())}
        )
    return report(rows)


def stage(k: int, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train the paper's classifier once more, and measure its attention as `attention.stage` does."""
    recipe, seed = run.recipe("paper"), run.seed + k
    folder = run.folder / "models" / f"paper-seed-{seed}"
    test = recipe.train(run.data[recipe.data], folder, seed, progress=run.progress)["test"]
    classifier = from_pretrained(folder, name=recipe.name)
    measured = measure(classifier, run.texts(run.settings.seed_texts), (OUTPUT,), track=run.track)
    return {f"seed-{k}": labelled(measured, seed, round(test["accuracy"] * test["n"]), test["n"])}


def summary_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Put this seed's training, on the texts of the others, and the others together."""
    numbers, test = run.settings, run.training("paper")["test"]
    first = chosen(run.table("attention"), run.sample(numbers.attention), run.sample(numbers.seed_texts))
    every = [labelled(first, run.seed, round(test["accuracy"] * test["n"]), test["n"])]
    summed = summary(pa.concat_tables([*every, *(run.table(f"seed-{k}") for k in range(1, numbers.seeds))]))
    return {"seeds.summary": summed, "seeds.overall.summary": overall(summed)}
