"""Every remedy, same data, same sizes, judged against exact values: which training makes attention explain?

The parts that users train with are in `heedful.remedies`; see `docs/remedies.md`.
"""

from __future__ import annotations

from heedful.studies.remedies.sections import words
from heedful.studies.remedies.settings import FULL, QUICK, Numbers, data
from heedful.studies.remedies.stages import stages
from heedful.studies.study import Study, figures_of

STUDY: Study[Numbers] = Study(
    name="remedies",
    title="Remedies: which training makes attention explain, and at what price?",
    full=FULL,
    quick=QUICK,
    data=data,
    stages=stages,
    figures=figures_of(__name__),
    package=__name__,
    words=words,
)
