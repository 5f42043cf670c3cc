"""Compile functions to machine code, kept on disk where that can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Numba's `njit` without the interpreter's lock; `options` are its own.

    Example:
        >>> def halved(x):
        ...     return x / 2
        >>> compiled(error_model="numpy")(halved)(3.0)
        1.5
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # neither the package nor the user's cache can be written: compile in every process
            return njit(nogil=True, **options)(function)

    return compile_
