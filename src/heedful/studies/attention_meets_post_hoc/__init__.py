"""*Attention Meets Post-hoc Interpretability* (Lopardo, Precioso, Garreau, ICML 2024), reproduced and taken further.

Facts about the paper are those of its public code and the texts about it; see `docs/attention-meets-post-hoc.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from heedful.runs.tables import Tables
from heedful.studies.attention_meets_post_hoc.sections import words
from heedful.studies.attention_meets_post_hoc.settings import FULL, QUICK, Numbers, data
from heedful.studies.attention_meets_post_hoc.stages import stages
from heedful.studies.study import Study


def _figures() -> Mapping[str, Callable[[Tables], Any]]:
    from heedful.studies.attention_meets_post_hoc.figures import FIGURES  # late: it brings matplotlib, an extra

    return FIGURES


STUDY: Study[Numbers] = Study(
    name="attention-meets-post-hoc",
    title="Attention Meets Post-hoc Interpretability, reproduced and taken further",
    full=FULL,
    quick=QUICK,
    data=data,
    stages=stages,
    figures=_figures,
    package=__name__,
    words=words,
)
