"""The headline over several trainings: the same classifier from other seeds, on the same texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from heedful.studies.attention_meets_post_hoc.attention import means
from heedful.studies.attention_meets_post_hoc.measuring import Row, groups, report
from heedful.support import intervals

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
        | {"texts": len(of["text"])}
        | means(of)
        for key, of in groups(measured, "seed", "right", "n_test")
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
