"""Compile functions to machine code, kept on disk where that can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Numba's `njit` without the interpreter's lock; `options` are its own.

    Example:
        >>> def halved(x):
        ...     return x / 2
        >>> compiled(error_model="numpy")(halved)(3.0)
        1.5
    """

    def compile_(function: Function) -> Function:
        try:
            made = njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # neither the package nor the user's cache can be written: compile in every process
            made = njit(nogil=True, **options)(function)
        return cast("Function", made)

    return compile_
