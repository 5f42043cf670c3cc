"""What a request asks, read from its JSON: everything an answer depends on, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from heedful.errors import SettingError, TextError
from heedful.page.limits import Limits, TooLargeError
from heedful.support.names import shown

_NAME = 200  # characters of a name
_NAMES = ("model", "output", "unit", "masking")


@dataclass(frozen=True)
class Ask:
    """One text, what is asked about it, and which of its units are removed.

    Attributes:
        text: the text.
        model: name of the model, as it is served; None for the first.
        target: index of a class, its name as `heedful.explain` takes it, or None for the predicted one.
        output: as there; None for the usual one.
        unit, masking: as there.
        removed: indices of units, ascending.
    """

    text: str
    model: str | None = None
    target: int | str | None = None
    output: str | None = None
    unit: str = "word_type"
    masking: str = "auto"
    removed: tuple[int, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any], limits: Limits) -> Ask:
        """Read it from JSON.

        Raises:
            TextError, SettingError: something is missing or of the wrong kind.
            TooLargeError: the text is too long.
        """
        text = given.get("text")
        if not isinstance(text, str) or not text.strip():
            raise TextError("the text is empty: type at least one word")
        if len(text) > limits.characters:
            raise TooLargeError(f"the text has {len(text):,} characters: this page takes {limits.characters:,}")
        names = {name: given[name] for name in _NAMES if given.get(name) is not None}
        for name, value in names.items():
            if not isinstance(value, str) or len(value) > _NAME:
                raise SettingError(f"{name} must be a name, got {shown(value)}")
        target = _target(given.get("target"))
        return cls(text=text, target=target, removed=units(given.get("removed", []), "removed"), **names)


def _target(given: Any) -> int | str | None:
    """A class: "#3" is an index, whatever classes are called, and None the predicted one."""
    if isinstance(given, str) and re.fullmatch("#[0-9]{1,6}", given):
        return int(given[1:])
    if isinstance(given, bool) or not isinstance(given, (int, str, NoneType)):
        raise SettingError(f"target must be a class, got {shown(given)}")
    return given


def units(given: Any, name: str) -> tuple[int, ...]:
    """Read indices of units, ascending and each once.

    Example:
        >>> units([3, 1, 3], "removed")
        (1, 3)
    """
    if not isinstance(given, list) or not all(isinstance(i, int) and not isinstance(i, bool) for i in given):
        raise SettingError(f"{name} must be a list of whole numbers, got {shown(given)}")
    return tuple(sorted(set(given)))


def names(given: Any, what: str, most: int) -> tuple[str, ...]:
    """Read a list of names, each once.

    Example:
        >>> names(["lime", "lime"], "methods", 5)
        ('lime',)
    """
    if not isinstance(given, list) or not all(isinstance(one, str) and 0 < len(one) <= _NAME for one in given):
        raise SettingError(f"{what} must be a list of names, got {shown(given)}")
    if len(given) > most:
        raise TooLargeError(f"{len(given)} {what} are asked for: {most} at once is the most")
    return tuple(dict.fromkeys(given))
