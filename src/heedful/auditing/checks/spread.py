"""How far attention is spread over the units, in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.figure_rows import Row, average, row, told
from heedful.metrics.spreading import Spread, spread
from heedful.support.intervals import mean


def spread_rows(attention: Sequence[Float64[np.ndarray, " _"]]) -> tuple[list[Row], list[str]]:
    """Return the figures of all texts, and a sentence."""
    each = [spread(one) for one in attention]
    columns = {name: np.array([getattr(one, name) for one in each]) for name in Spread.__dataclass_fields__}
    means = {name: mean(values) for name, values in columns.items()}
    numbers = np.array([len(one) for one in attention], dtype=np.float64)
    rows = [
        row("entropy_bits", means["entropy"], "entropy of attention over units, in bits", average(columns["even"])),
        row("entropy_share", means["entropy_share"], "the same, of the largest it could be: 1 is even attention", 1.0),
        row("effective_units", means["effective"], "2 to the entropy: units attended to, in effect", average(numbers)),
        row("effective_share", means["effective_share"], "the same, as a share of the units", 1.0),
    ]
    sentence = (
        f"Attention is spread as if over {told(means['effective'], 1)} units of equal weight, of "
        f"{average(numbers):.1f} in a text; its entropy is {told(means['entropy_share'])} of what even attention has."
    )
    return rows, [sentence]
