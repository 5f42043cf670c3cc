"""Every method by name, with its taxonomy."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from heedful.errors import SettingError
from heedful.methods.attention import AttentionHead, AttentionMax, AttentionMean
from heedful.methods.base import Answer, Card, Method
from heedful.methods.chance import Random
from heedful.methods.exact import BanzhafExact, LimeExact, ShapleyExact
from heedful.methods.gradient import GradientL1, GradientL2, GradientMean, GradientXInput
from heedful.methods.lime import Lime
from heedful.methods.occlusion import Occlusion
from heedful.methods.shap import KernelShap, PermutationShap
from heedful.question import Question

METHODS: tuple[type[Method], ...] = (
    AttentionMean,
    AttentionMax,
    AttentionHead,
    GradientMean,
    GradientL1,
    GradientL2,
    GradientXInput,
    Lime,
    Occlusion,
    PermutationShap,
    KernelShap,
    ShapleyExact,
    BanzhafExact,
    LimeExact,
    Random,
)

_BY_NAME = {name: method for method in METHODS for name in (method.card.name, *method.card.aliases)}


def names() -> list[str]:
    """Registered names, without aliases.

    Example:
        >>> "lime" in names()
        True
    """
    return [method.card.name for method in METHODS]


def get(method: str | Method) -> Method:
    """A method by name or alias, with settings after a colon, or the method itself.

    Raises:
        SettingError: unknown name or setting, or a value of the wrong type.

    Example:
        >>> get("lime:n_samples=100,sampler=lime")
        Lime(n_samples=100, kernel_width=0.25, ridge=1.0, n_features=None, selection='auto', sampler='lime')
    """
    if isinstance(method, Method):
        return method
    name, _, settings = method.partition(":")
    if name not in _BY_NAME:
        raise SettingError(f"unknown method {name!r}: use one of {', '.join(names())}")
    chosen = _BY_NAME[name]()
    known = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
    changes: dict[str, Any] = {}
    for part in filter(None, settings.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise SettingError(f"{name} has no setting {key!r}; it has {', '.join(known) or 'none'}")
        changes[key] = _read(value, known[key], f"{name}: {key}")
    return replace(chosen, **changes)


def _read(value: str, default: object, where: str) -> str | int | float:
    """A setting's text as the type of its default; an optional setting (default None) is a whole number."""
    if isinstance(default, str):
        return value
    if isinstance(default, bool):
        if value not in ("true", "false"):
            raise SettingError(f"{where} must be true or false, got {value!r}")
        return value == "true"
    try:
        return float(value) if isinstance(default, float) else int(value)
    except ValueError:
        kind = "number" if isinstance(default, float) else "whole number"
        raise SettingError(f"{where} must be a {kind}, got {value!r}") from None


__all__ = [
    "METHODS",
    "Answer",
    "AttentionHead",
    "AttentionMax",
    "AttentionMean",
    "BanzhafExact",
    "Card",
    "GradientL1",
    "GradientL2",
    "GradientMean",
    "GradientXInput",
    "KernelShap",
    "Lime",
    "LimeExact",
    "Method",
    "Occlusion",
    "PermutationShap",
    "Question",
    "Random",
    "ShapleyExact",
    "get",
    "names",
]
