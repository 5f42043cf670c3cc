"""Studies: one module a paper, from settings to report; see `heedful.studies.study`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heedful.errors import MissingExtraError
from heedful.support.names import choose

if TYPE_CHECKING:
    from heedful.studies.study import Study

NAMES = ("attention-meets-post-hoc", "sparse-attention", "combinatorial-shortcuts", "repulsive-attention", "remedies")


def find(name: str) -> Study[Any]:
    """Return a study by name.

    Raises:
        SettingError: there is no such study.
        MissingExtraError: a library that studies need is not installed.

    Example:
        >>> find("attention-meets-post-hoc").title
        'Attention Meets Post-hoc Interpretability, reproduced and taken further'
    """
    module = choose(name, NAMES, "study").replace("-", "_")
    try:
        study: Study[Any] = import_module(f"heedful.studies.{module}").STUDY
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("heedful"):
            raise
        raise MissingExtraError(error.name, "study", f"the study {name}") from None
    return study
