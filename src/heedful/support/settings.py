"""Settings: written as text, as in "lime:n_samples=1000" and read by the types of those they change; and checked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

from heedful.errors import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")

_FLAGS = {"true": True, "false": False}
_KINDS = {"bool": "true or false", "float": "a number", "int": "a whole number"}


def changed(default: Settings, settings: str, name: str) -> Settings:
    """A dataclass of settings, changed by a text such as "size=128,stride=64"; `name` is what errors call it.

    Raises:
        SettingError: unknown setting, or a value of the wrong type.

    Example:
        >>> from heedful.methods import Lime
        >>> changed(Lime(), "n_samples=100,sampler=lime", "lime").n_samples
        100
    """
    known = {field.name: field.type for field in fields(default)}
    changes: dict[str, Any] = {}
    for part in filter(None, settings.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise SettingError(f"{name} has no setting {key!r}; it has {', '.join(known) or 'none'}")
        changes[key] = _read(value, str(known[key]), f"{name}: {key}")
    return replace(default, **changes)


def _read(value: str, kind: str, where: str) -> str | int | float:
    """A setting's text as what its annotation names."""
    if kind == "str":
        return value
    with suppress(ValueError):
        if "bool" in kind and value in _FLAGS:
            return _FLAGS[value]
        if "float" in kind:
            return float(value)
        if "int" in kind:
            return int(value)
    wanted = " or ".join(words for name, words in _KINDS.items() if name in kind)
    raise SettingError(f"{where} must be {wanted}, got {value!r}")


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse a setting that is no whole number, or too small."""
    if not isinstance(value, Integral):
        raise SettingError(f"{name} must be a whole number, got {value!r}")
    if int(value) < least:
        raise SettingError(f"{name} must be at least {least}, got {value}")


def check_seed(seed: int) -> None:
    """Raises SettingError for a seed that training cannot take."""
    if not 0 <= seed < 2**32:
        raise SettingError(f"the seed must lie in 0..{2**32 - 1}, got {seed}")
