"""Calls as users make them, without the tests' own checks of types in front, which would refuse bad arguments first."""

from __future__ import annotations

import inspect
from typing import Any


def make(cls: type, *positional: Any, **settings: Any) -> Any:
    """An object of a class, made without those checks."""
    made = object.__new__(cls)
    inspect.unwrap(cls.__init__)(made, *positional, **settings)
    return made


def call(function: Any, *positional: Any, **settings: Any) -> Any:
    """A function called without those checks."""
    return inspect.unwrap(function)(*positional, **settings)
