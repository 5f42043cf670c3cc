"""*Is Sparse Attention more Interpretable?* (Meister, Lazov, Augenstein, Cotterell, ACL 2021), rebuilt, with a control.

Facts about the paper are those of texts about it, as its code is not public; see `docs/sparse-attention.md`.
"""

from __future__ import annotations

from heedful.studies.sparse_attention.sections import words
from heedful.studies.sparse_attention.settings import FULL, QUICK, Numbers, data
from heedful.studies.sparse_attention.stages import stages
from heedful.studies.study import Study, figures_of

STUDY: Study[Numbers] = Study(
    name="sparse-attention",
    title="Is sparse attention more interpretable? Rebuilt, with a control and exact values",
    full=FULL,
    quick=QUICK,
    data=data,
    stages=stages,
    figures=figures_of(__name__),
    package=__name__,
    words=words,
)
