"""Ctrl-C ends a command as an interruption, also where a library turns it into an error of its own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C, and the computation failed for it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn what fails after a Ctrl-C into `Interrupted`, and keep Python from printing it where it was swallowed.

    A KeyboardInterrupt within a callback of the compiler is printed and forgotten, and the compiler then fails for
    another reason. Outside the main thread, which alone hears signals, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        heard.append(number)
        signal.default_int_handler(number, frame)

    def unraisable(told: sys.UnraisableHookArgs) -> None:
        if not (heard and told.exc_type is KeyboardInterrupt):
            hook(told)

    handler, hook = signal.signal(signal.SIGINT, interrupt), sys.unraisablehook
    sys.unraisablehook = unraisable
    try:
        yield
    except Exception:  # of any kind: what fails after a Ctrl-C failed for it
        if heard:
            raise Interrupted from None
        raise
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, handler)
