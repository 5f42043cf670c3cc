"""Kind: what a setting may be, read off its annotation: of which types, within which bounds, which names."""

from __future__ import annotations

import math
import types
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MultipleOf

from heedful.errors import SettingError
from heedful.support.names import choose, shown

_FLAGS = {"true": True, "false": False}
_WORDS: dict[type, str] = {bool: "true or false", float: "a number", int: "a whole number", str: "text"}
_NONE = type(None)
_LARGEST = 10**30  # whole number: what is computed with it must not overflow


@dataclass(frozen=True)
class OneOf:
    """The names that a setting chooses from, without regard to case.

    Attributes:
        names: all of them.
    """

    names: Sequence[str]


@dataclass(frozen=True)
class Kind:
    """What a setting may be.

    Attributes:
        types: bool, int, float, str, NoneType or other classes; none at all where anything may be.
        rules: bounds of numbers as annotated-types has them, and `OneOf` for names.
    """

    types: tuple[type, ...] = ()
    rules: tuple[Any, ...] = ()

    @classmethod
    def of(cls, hint: Any) -> Kind:
        """Read an annotation; where it is more than classes, unions, literals and rules, anything may be.

        Example:
            >>> Kind.of(Annotated[int, Ge(1)] | None)
            Kind(types=(<class 'int'>, <class 'NoneType'>), rules=(Ge(ge=1),))
        """
        origin, arguments = get_origin(hint), get_args(hint)
        if hint in (Any, object):
            return cls()
        if origin is None:
            return cls((_NONE if hint is None else hint,)) if isinstance(hint, (type, _NONE)) else cls()
        if origin is Annotated:
            inner = cls.of(arguments[0])
            return cls(inner.types, (*inner.rules, *arguments[1:]))
        if origin is Literal and all(isinstance(name, str) for name in arguments):
            return cls((str,), (OneOf(arguments),))
        parts = [cls.of(part) for part in arguments] if origin in (Union, types.UnionType) else []
        if not all(part.types for part in parts):
            return cls()
        return cls(tuple(t for part in parts for t in part.types), tuple(r for part in parts for r in part.rules))

    @property
    def names(self) -> Sequence[str]:
        """Names to choose from; none where there is no choice of names."""
        return next((rule.names for rule in self.rules if isinstance(rule, OneOf)), ())

    @property
    def bounds(self) -> str:
        """What the rules say of a number, such as "at least 1"; empty where they say nothing."""
        number = lower = upper = ""
        for rule in self.rules:
            match rule:
                case Ge(ge=least):
                    lower = f"at least {least:,}"
                case Gt(gt=least):
                    lower = f"above {least:,}"
                case Le(le=most):
                    upper = f"at most {most:,}"
                case Lt(lt=math.inf):
                    number = "a number"
                case Lt(lt=most):
                    upper = f"below {most:,}"
                case MultipleOf(multiple_of=2):
                    number = "an even number"
        between = " and ".join(filter(None, (lower, upper)))
        if upper and lower.startswith("at least"):
            between = f"from {lower.removeprefix('at least ')} to {upper.removeprefix('at most ')}"
        return _joined(number, between)

    def __str__(self) -> str:
        """Everything in words, such as "a whole number of at least 1, or none"."""
        if self.names:
            words = f"one of {', '.join(self.names)}"
        else:
            bounds = self.bounds.removeprefix("a number").strip().removeprefix("of ")
            words = bounds if bounds.startswith("an even") else _joined(self.wanted, bounds)
        return f"{words or 'anything'}, or none" if _NONE in self.types else words or "anything"

    @property
    def wanted(self) -> str:
        """The types in words, such as "a whole number", None left out."""
        words = [words for kind, words in _WORDS.items() if kind in self.types]
        return " or ".join(words + [kind.__name__ for kind in self._others])

    @property
    def _others(self) -> tuple[type, ...]:
        return tuple(kind for kind in self.types if kind not in _WORDS and kind is not _NONE)

    def check(self, value: object, name: str) -> Any:
        """Return a value as the type that is wanted: numpy's scalars as Python's, a whole number as a float.

        Raises:
            SettingError: it is of no such type, breaks a rule, or is no number at all.
        """
        if not self.types or (value is None and _NONE in self.types):
            return value
        if self.names:
            return choose(value, self.names, name)
        plain = self._plain(value)
        if plain is None:
            raise SettingError(f"{name} must be {self.wanted}, got {shown(value)}")
        if isinstance(plain, int) and abs(plain) > _LARGEST:
            most = "at most 1e30" if plain > 0 else "at least -1e30"
            raise SettingError(f"{name} must be {most}, got {shown(value)}")
        bounded = isinstance(plain, (int, float)) and not isinstance(plain, bool)
        if bounded and not all(_holds(rule, plain) for rule in self.rules):
            raise SettingError(f"{name} must be {self.bounds}, got {shown(plain)}")
        return plain

    def _plain(self, value: object) -> Any:
        """The value as one of the types; None where it is of none of them."""
        if isinstance(value, (bool, np.bool_)):
            return bool(value) if bool in self.types else None
        if int in self.types and isinstance(value, Integral):
            return int(value)
        if float in self.types and isinstance(value, Real):
            with suppress(OverflowError):  # a whole number beyond all floats
                return float(value)
        if str in self.types and isinstance(value, str):
            return str(value)
        return value if isinstance(value, self._others) else None

    def read(self, text: str, name: str) -> Any:
        """Read a value from text; the rules are left to `check`.

        Raises:
            SettingError: the text says nothing of the kind.

        Example:
            >>> Kind.of(int | None).read("none", "n"), Kind.of(bool | float).read("0.5", "share")
            (None, 0.5)
        """
        plain = text.strip().casefold()
        if _NONE in self.types and plain == "none":
            return None
        if bool in self.types and plain in _FLAGS:
            return _FLAGS[plain]
        for number in (int, float):
            if number in self.types:
                with suppress(ValueError):
                    return number(text)
        if str in self.types:
            return text
        if not set(self.types) & set(_WORDS):
            raise SettingError(f"{name} cannot be given as text: make the object in Python")
        raise SettingError(f"{name} must be {self.wanted}, got {shown(text)}")


def _joined(number: str, bounds: str) -> str:
    return f"{number} of {bounds}" if number and bounds.startswith("at ") else f"{number} {bounds}".strip()


def _holds(rule: object, number: Any) -> bool:
    """Whether a number keeps within a rule; what is no number keeps within none."""
    match rule:
        case Ge(ge=least):
            return bool(number >= least)
        case Gt(gt=least):
            return bool(number > least)
        case Le(le=most):
            return bool(number <= most)
        case Lt(lt=most):
            return bool(number < most)
        case MultipleOf(multiple_of=step):
            return bool(number % step == 0)
    return True
