"""Settings: dataclasses whose annotations say what every field may be; by these they are checked, and read from text.

    n_samples: Annotated[int, Ge(1)] = 5000
    sampler: Annotated[str, OneOf(SAMPLERS)] = "fast"
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

Bounds are those of annotated-types; Lt(math.inf) is for numbers that may not be infinite.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from functools import lru_cache
from inspect import cleandoc, get_annotations
from numbers import Integral
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from heedful.errors import SettingError
from heedful.support.kinds import Kind
from heedful.support.names import did_you_mean, match, shown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    DataclassInstance = Any
    Settings = TypeVar("Settings")


@lru_cache(maxsize=512)
def kinds(settings: type[DataclassInstance]) -> Mapping[str, Kind]:
    """Say what every setting of a dataclass may be; one whose annotation cannot be resolved may be anything.

    Example:
        >>> from heedful.methods import SlalomLime
        >>> kinds(SlalomLime)["kernel_width"].bounds
        'above 0'
    """
    return {field.name: Kind.of(_hint(settings, field)) for field in fields(settings)}


def _hint(settings: type, field: Field[Any]) -> Any:
    """A field's annotation, out of the module of the class that has it."""
    home = next((base for base in settings.__mro__ if field.name in get_annotations(base)), settings)
    holder = SimpleNamespace(__annotations__={"it": field.type})
    try:
        return get_type_hints(holder, vars(sys.modules[home.__module__]), vars(home), include_extras=True)["it"]
    except Exception:  # names that only a function knows, or whatever evaluating an annotation brings
        return Any


def check_settings(settings: DataclassInstance, name: str = "") -> None:
    """Check every field of a dataclass by its annotation, and make plain values of numpy's; for `__post_init__`.

    Args:
        settings: the object; its fields are set also where it is frozen.
        name: what errors call it.

    Raises:
        SettingError: a value is of another type, out of its bounds or not one of the names to choose from.

    Example:
        >>> from heedful.methods import Lime
        >>> Lime(n_samples=0)
        Traceback (most recent call last):
        heedful.errors.SettingError: lime: n_samples must be at least 1, got 0
    """
    for field, kind in kinds(type(settings)).items():
        where = f"{name}: {field}" if name else field
        object.__setattr__(settings, field, kind.check(getattr(settings, field), where))


def changed(default: Settings, settings: str, name: str) -> Settings:
    """Change a dataclass of settings by a text such as "size=128,stride=64"; `name` is what errors call it.

    Raises:
        SettingError: an unknown setting, one that is given twice, or a value that it cannot have.

    Example:
        >>> from heedful.methods import Lime
        >>> changed(Lime(), "n_samples=100,sampler=lime,n_features=none", "lime").n_samples
        100
    """
    known = kinds(type(default))
    changes: dict[str, Any] = {}
    for part in filter(None, settings.split(",")):
        given, _, value = part.partition("=")
        key = match(given.strip(), known)
        if key is None:
            listed = f"{name} has no setting {shown(given)}; it has {', '.join(known) or 'none'}"
            asked = did_you_mean(given, known)
            raise SettingError(f"{listed}; {asked}" if asked else listed)
        if key in changes:
            raise SettingError(f"{name}: {key} is given twice")
        where = f"{name}: {key}"
        changes[key] = known[key].check(known[key].read(value, where), where)
    return replace(default, **changes)


@dataclass(frozen=True)
class Described:
    """A setting as people read of it.

    Attributes:
        name: its name.
        default: its default as one would type it; empty if it has none.
        kind: what it may be.
        meaning: what the docstring says of it.
    """

    name: str
    default: str
    kind: str
    meaning: str


def described(settings: type[DataclassInstance]) -> list[Described]:
    """Describe every setting of a dataclass, from its annotations, defaults and docstring.

    Example:
        >>> from heedful.methods import SmoothGrad
        >>> setting = described(SmoothGrad)[0]
        >>> setting.name, setting.default, setting.kind, setting.meaning
        ('n_samples', '50', 'an even number of at least 4', 'noisy copies, each a forward and a backward pass.')
    """
    meanings = {name: text for base in reversed(settings.__mro__) for name, text in _arguments(base.__doc__ or "")}
    return [
        Described(field.name, _typed(field.default), str(kinds(settings)[field.name]), meanings.get(field.name, ""))
        for field in fields(settings)
    ]


def _arguments(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and what is said of them, in the section Args of a docstring of Google's style."""
    _, _, section = cleandoc(docstring).partition("\nArgs:\n")
    for entry in re.finditer(r"^    (\w+): ((?:.|\n {8})*)", re.split(r"\n(?=\S)", section)[0], re.MULTILINE):
        yield entry[1], " ".join(entry[2].split())


def _typed(default: Any) -> str:
    if default is MISSING:
        return ""
    return str(default).lower() if default is None or isinstance(default, bool) else str(default)


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse a number that is not whole, or too small."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SettingError(f"{name} must be a whole number, got {shown(value)}")
    if int(value) < least:
        raise SettingError(f"{name} must be at least {least}, got {shown(value)}")


def check_seed(seed: object) -> None:
    """Raise SettingError for a seed that training cannot take."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise SettingError(f"the seed must lie in 0..{2**32 - 1}, got {shown(seed)}")
