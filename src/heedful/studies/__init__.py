"""Studies: one module a paper, from settings to report; see `heedful.studies.study`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heedful.errors import SettingError

if TYPE_CHECKING:
    from heedful.studies.study import Study

NAMES = ("attention-meets-post-hoc",)


def find(name: str) -> Study[Any]:
    """A study by name.

    Raises:
        SettingError: there is no such study.

    Example:
        >>> find("attention-meets-post-hoc").title
        'Attention Meets Post-hoc Interpretability, reproduced and taken further'
    """
    if name not in NAMES:
        raise SettingError(f"unknown study {name!r}: use one of {', '.join(NAMES)}")
    study: Study[Any] = import_module(f"heedful.studies.{name.replace('-', '_')}").STUDY
    return study
