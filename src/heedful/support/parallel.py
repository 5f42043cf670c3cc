"""Threads for compiled loops: they release the interpreter lock, so threads help where processes would copy.

numba is not asked for its number of threads: that starts them, and its runtime then sets torch's number too.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from heedful.support.stopping import pause

_thread = threading.local()
In = TypeVar("In")
Out = TypeVar("Out")


def n_threads() -> int:
    """As many as torch may use (`torch.set_num_threads`); where nobody has imported it, one a core.

    Example:
        >>> n_threads() >= 1
        True
    """
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else os.cpu_count() or 1


def in_parallel(function: Callable[[In], Out], items: Sequence[In], *, least: int = 2) -> list[Out]:
    """Results in the order of the items, by `n_threads()` threads, the caller's among them.

    Fewer than `least` items, or items within items, are worked off one after the other. If several items fail, the
    error of the first is raised. Once nobody waits for the results (`heedful.support.stopping`), no item is begun.

    Example:
        >>> in_parallel(lambda x: x * x, [1, 2, 3])
        [1, 4, 9]
    """
    alone = len(items) < max(2, least) or getattr(_thread, "busy", False)  # before torch is asked, which takes a while
    count = 1 if alone else min(len(items), n_threads())
    if count < 2:
        return [_unless_stopped(function, item) for item in items]
    results: dict[int, Out] = {}
    errors: dict[int, BaseException] = {}
    turn = itertools.count()

    def work() -> None:
        _thread.busy = True
        try:
            while not errors and (i := next(turn)) < len(items):
                try:
                    results[i] = _unless_stopped(function, items[i])
                except BaseException as error:  # of any kind: raised below, on the caller's thread
                    errors[i] = error
        finally:
            _thread.busy = False

    others = [_helpers(count - 1).submit(copy_context().run, work) for _ in range(count - 1)]
    work()
    wait([other for other in others if not other.cancel()])
    if errors:
        raise errors[min(errors)]
    return [results[i] for i in range(len(items))]


def _unless_stopped(function: Callable[[In], Out], item: In) -> Out:
    pause()
    return function(item)


_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # a child has none of its parent's threads


def _helpers(count: int) -> ThreadPoolExecutor:
    """Threads that stay: to start one takes longer than many a loop."""
    if count not in _pools:
        _pools[count] = ThreadPoolExecutor(count, thread_name_prefix="heedful")
    return _pools[count]


def parts(n: int, least: int = 1, most: int | None = None) -> list[slice]:
    """Cut 0..n into consecutive parts: one a thread, or more, so that none has over `most` items.

    Where n allows, each has `least` items at least; `most` goes before that.

    Example:
        >>> sum(part.stop - part.start for part in parts(7))
        7
    """
    count = max(1, min(n_threads(), n // least), 0 if most is None else -(-n // most))
    return [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
