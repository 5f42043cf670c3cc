"""LIME against Shapley, exact against exact, over kernel widths: where two explanations without noise disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from heedful.classifier import Classifier
from heedful.games import exact
from heedful.metrics import kendall_tau_b, sign_agreement, spearman, top_k_overlap
from heedful.question import Choices
from heedful.studies.measuring import (
    Row,
    Track,
    Vector,
    batches,
    groups,
    most,
    report,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

WIDTHS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, math.inf)


def measure(
    classifier: Classifier, texts: Sequence[str], widths: Sequence[float] = WIDTHS, *, track: Track = silent
) -> pa.Table:
    """The exact limit of LIME at each width against exact Shapley values, of the predicted class's logit.

    Removed words are unknown; infinity is the limit in which all samples weigh the same.

    Returns:
        One row a text and width: text, n_units, width, kendall, spearman, sign (share of equal signs), top5 (share of
        the five largest in size in common), same5 (the five are the same), first (the largest is the same).

    Raises:
        SettingError: the classifier has no ratio games, or a width is out of range.

    Example:
        >>> import heedful
        >>> result = measure(heedful.load("demo"), ["The plot was dull, but the actors were good."], [0.25, math.inf])
        >>> result["width"].to_pylist()
        [0.25, inf]
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, Choices(masking="unk"), track, "widths"):
        games = [question.ratio_game() for _, question in batch]
        truths = [result.values for result in exact.batch(exact.shapley, games)]
        of_width = {
            width: [fit.values for fit in exact.batch(partial(exact.lime, kernel_width=width), games)]
            for width in widths
        }
        rows += [
            {"text": number, "n_units": len(truths[i]), "width": float(width)}
            | _agreement(of_width[width][i], truths[i])
            for i, (number, _) in enumerate(batch)
            for width in widths
        ]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """One row a width.

    Returns:
        width, texts, kendall, kendall_5 (below it in 5 % of texts), spearman, sign, top5, same5, first (means); each
        of these figures with its interval over texts.
    """
    return report(
        key
        | {"texts": len(columns["text"])}
        | intervals.columns(
            {
                "kendall": intervals.mean(columns["kendall"]),
                "kendall_5": intervals.quantile(columns["kendall"], 0.05),
                "spearman": intervals.mean(columns["spearman"]),
            }
            | {name: intervals.share(columns[name]) for name in ("sign", "top5", "same5", "first")}
        )
        for key, columns in groups(measured, "width")
    )


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure some texts of the corpus."""
    numbers = run.settings
    measured = measure(run.classifier(), run.texts(numbers.widths), numbers.kernel_widths, track=run.track)
    return {"widths": measured, "widths.summary": summary(measured)}


def _agreement(lime: Vector, shapley: Vector) -> Row:
    return {
        "kendall": kendall_tau_b(lime, shapley),
        "spearman": spearman(lime, shapley),
        "sign": sign_agreement(lime, shapley),
        "top5": top_k_overlap(lime, shapley, 5),
        "same5": most(lime, 5) == most(shapley, 5),
        "first": most(lime, 1) == most(shapley, 1),
    }
