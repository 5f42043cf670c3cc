"""Locks for objects that several threads use: one re-entrant lock an object, for as long as the object lives."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count


class _Lock:
    """A re-entrant lock with its place in the order in which locks are taken."""

    _numbers = count()

    def __init__(self) -> None:
        self.number, self.lock = next(self._numbers), threading.RLock()


_guard = threading.RLock()  # a finaliser may run at any point, in this thread too
_held = threading.local()  # of each thread, how often it is inside `alone`
_locks: dict[int, tuple[weakref.ref[object], _Lock]] = {}  # by identity, as not every object can be hashed


@contextmanager
def alone(*objects: object) -> Iterator[None]:
    """Keep other threads out that ask for any of these objects; the same thread may enter again.

    Objects named together for the first time get one lock between them, so two models that share a part share a lock.

    Example:
        >>> class Model: ...
        >>> model = Model()
        >>> with alone(model), alone(model):
        ...     pass
    """
    with ExitStack() as stack:
        for lock in _locks_of(objects):
            stack.enter_context(lock.lock)
        _held.count = getattr(_held, "count", 0) + 1
        try:
            yield
        finally:
            _held.count -= 1


def holding() -> bool:
    """Tell whether this thread keeps others out of anything.

    Example:
        >>> class Model: ...
        >>> with alone(Model()):
        ...     holding()
        True
    """
    return getattr(_held, "count", 0) > 0


def _locks_of(objects: Iterable[object]) -> list[_Lock]:
    """The different locks of these objects, always in the same order: two threads never wait for each other."""
    with _guard:
        known, new = {}, []
        for one in objects:
            entry = _locks.get(id(one))
            if entry is not None and entry[0]() is one:
                known[entry[1].number] = entry[1]
            else:
                new.append(one)
        lock = known[min(known)] if known else _Lock()
        for one in new:
            _locks[id(one)] = weakref.ref(one, partial(_forget, id(one))), lock
        return [known[number] for number in sorted(known)] or [lock]


def _forget(key: int, gone: weakref.ref[object]) -> None:
    """Drop an object's entry, unless another object has taken its place meanwhile."""
    if (entry := _locks.get(key)) is not None and entry[0] is gone:
        _locks.pop(key, None)
