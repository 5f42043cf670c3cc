"""Work ahead of whoever takes the results, in a thread, by a few items and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")
_LOOK = 0.1  # seconds between two looks at whether anyone still wants the results


def ahead(items: Iterable[Item], n: int = 2) -> Iterator[Item]:
    """Iterate over items that a thread makes meanwhile, at most `n` ahead.

    What making an item raises is raised where it would be next. Whoever stops early stops the thread.

    Example:
        >>> list(ahead(x * x for x in range(4)))
        [0, 1, 4, 9]
    """
    queue: Queue[tuple[bool, Any]] = Queue(n)
    unwanted = threading.Event()

    def put(entry: tuple[bool, Any]) -> None:
        while not unwanted.is_set():
            try:
                queue.put(entry, timeout=_LOOK)
            except Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put((True, item))
                if unwanted.is_set():
                    return
            put((False, None))
        except BaseException as error:  # of any kind: raised below, on the caller's thread
            put((False, error))

    thread = threading.Thread(target=work, name="heedful-ahead", daemon=True)
    thread.start()
    try:
        while True:
            there, item = _next(queue, thread)
            if there:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        unwanted.set()
        thread.join()


def _next(queue: Queue[tuple[bool, Any]], thread: threading.Thread) -> tuple[bool, Any]:
    """The next entry; waiting in small steps lets an interrupt of the keyboard through."""
    while True:
        try:
            return queue.get(timeout=_LOOK)
        except Empty:
            if not thread.is_alive() and queue.empty():
                raise RuntimeError("the thread that works ahead has died") from None
