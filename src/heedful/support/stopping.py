"""Computations that can be stopped from outside: they look, wherever they pause, whether anybody still waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("heedful_stopping", default=None)


class Stopped(BaseException):  # not an Exception: nobody is to take it for a refusal, and go on
    """Ends a computation that nobody waits for any more."""


@contextmanager
def stoppable(over: Callable[[], bool]) -> Iterator[None]:
    """Let this thread's computations inside, and those of threads that take turns with it, be stopped.

    Args:
        over: tells whether nobody waits any more; called often, so it has to be quick.

    Example:
        >>> try:
        ...     with stoppable(lambda: True):
        ...         pause()
        ... except Stopped:
        ...     print("stopped")
        stopped
    """
    token = _asked.set(over)
    try:
        yield
    finally:
        _asked.reset(token)


def pause() -> None:
    """Go on, unless nobody waits any more: to be called before every piece of work that takes long.

    Raises:
        Stopped: nobody does.

    Example:
        >>> pause()  # outside of `stoppable` nothing stops anything
    """
    over = _asked.get()
    if over is not None and over():
        raise Stopped
