"""Does another classifier change the answer? Its figures beside those of the standard one, paired over texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.studies.attention_meets_post_hoc import variants
from heedful.studies.attention_meets_post_hoc.choices import EXACT
from heedful.studies.measuring import Row, groups, mean, report, table
from heedful.studies.run import Run
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED, judge, together
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers


def summary(measured: pa.Table, margins: Mapping[str, float], most_noise: float) -> pa.Table:
    """How far every variant is from the first one, and whether that is within a margin.

    The claim is that the mean difference over the texts that both were measured on lies within the margin, on either
    side: confirmed, the variant leaves the answer as it is; refuted, it changes it. Shapley values that are too noisy
    settle nothing: their noise, which lowers every agreement, is in no interval over texts.

    Args:
        measured: rows of all variants: see `variants.labelled`; the first variant is the standard.
        margins: figure, a column of `attention.contrasted`, and the difference from which on it counts.
        most_noise: mean standard error of the Shapley values, as a share of the largest, that is still let pass.

    Returns:
        One row a variant, source and figure: variant, source, figure, margin, std_error, difference (with its interval
        and number of texts), verdict.
    """
    variants = {(key["variant"], key["source"]): columns for key, columns in groups(measured, "variant", "source")}
    standard = next(iter(variants))[0]
    rows: list[Row] = []
    for (variant, source), columns in variants.items():
        if variant == standard:
            continue
        other = variants.get((standard, source), variants[standard, EXACT])
        _, mine, theirs = np.intersect1d(columns["text"], other["text"], return_indices=True)
        noise = mean(columns["std_error"])
        for figure, margin in margins.items():
            pairs = columns[figure][mine].astype(np.float64) - other[figure][theirs].astype(np.float64)
            difference = intervals.mean(pairs)
            verdict = judge(difference.low, difference.high, least=-margin, most=margin)
            rows.append(
                {"variant": variant, "source": source, "figure": figure, "margin": margin, "std_error": noise}
                | intervals.columns({"difference": difference})
                | {"verdict": verdict if noise <= most_noise else NOT_SETTLED}
            )
    return report(rows)


def overall(differences: pa.Table) -> pa.Table:
    """One row: comparisons, confirmed, refuted, not_settled (how many are), verdict (on all of them together)."""
    verdicts = [row["verdict"] for row in differences.to_pylist()]
    number = Counter(verdicts)
    counts = {name.replace(" ", "_"): number[name] for name in (CONFIRMED, REFUTED, NOT_SETTLED)}
    return table([{"comparisons": len(verdicts)} | counts | {"verdict": together(verdicts)}])


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Put the variants' tables together, and compare each with the first."""
    every = pa.concat_tables([run.table(variants.table_name(variant)) for variant in run.settings.variants])
    apart = summary(every, dict(run.settings.margins), run.settings.most_noise)
    return {
        "variants": every,
        "variants.summary": variants.summary(every),
        "differences.summary": apart,
        "differences.overall.summary": overall(apart),
    }
