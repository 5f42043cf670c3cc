"""*Why Attentions May Not Be Interpretable?* (Bai et al., KDD 2021): does the choice of words tell what they do not?

The paper's code is not public; what was chosen in its place stands in `docs/combinatorial-shortcuts.md`.
"""

from __future__ import annotations

from heedful.studies.combinatorial_shortcuts.figures import FIGURES
from heedful.studies.combinatorial_shortcuts.sections import words
from heedful.studies.combinatorial_shortcuts.settings import FULL, QUICK, Numbers, data
from heedful.studies.combinatorial_shortcuts.stages import stages
from heedful.studies.study import Study

STUDY: Study[Numbers] = Study(
    name="combinatorial-shortcuts",
    title="Combinatorial shortcuts: does attention tell by where it looks?",
    full=FULL,
    quick=QUICK,
    data=data,
    stages=stages,
    figures=lambda: FIGURES,
    package=__name__,
    words=words,
)
