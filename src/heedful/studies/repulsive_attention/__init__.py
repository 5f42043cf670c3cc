"""*Repulsive Attention* (An et al., EMNLP 2020): do heads that keep apart make a better classifier, and do they?

Facts about the paper are those of its public code; see `docs/repulsive-attention.md`.
"""

from __future__ import annotations

from heedful.studies.repulsive_attention.figures import FIGURES
from heedful.studies.repulsive_attention.sections import words
from heedful.studies.repulsive_attention.settings import FULL, QUICK, Numbers, data
from heedful.studies.repulsive_attention.stages import stages
from heedful.studies.study import Study

STUDY: Study[Numbers] = Study(
    name="repulsive-attention",
    title="Repulsive attention: do heads that keep apart make a better classifier?",
    full=FULL,
    quick=QUICK,
    data=data,
    stages=stages,
    figures=lambda: FIGURES,
    package=__name__,
    words=words,
)
