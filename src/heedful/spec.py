"""Settings written as text, as in "lime:n_samples=1000", read by the types of the defaults they change."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from heedful.errors import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")


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
        changes[key] = _read(value, getattr(default, key), str(known[key]), f"{name}: {key}")
    return replace(default, **changes)


def _read(value: str, default: object, kind: str, where: str) -> str | int | float:
    """A setting's text as the type of its default; an optional setting (default None) is a number of its kind."""
    if isinstance(default, str):
        return value
    if isinstance(default, bool):
        if value not in ("true", "false"):
            raise SettingError(f"{where} must be true or false, got {value!r}")
        return value == "true"
    real = isinstance(default, float) or (default is None and "float" in kind)
    try:
        return float(value) if real else int(value)
    except ValueError:
        raise SettingError(f"{where} must be a {'number' if real else 'whole number'}, got {value!r}") from None
