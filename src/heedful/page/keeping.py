"""A cache by content, bounded by what it weighs: the only thing that requests share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values asked for last, by everything they depend on.

    Args:
        most: what all may weigh together.
        weigh: the weight of a key with its value.

    Example:
        >>> kept = Kept(2, lambda key, value: len(value))
        >>> kept.get("a", lambda: "x"), kept.get("a", lambda: "never made"), len(kept)
        ('x', 'x', 1)
        >>> kept.get("b", lambda: "yz"), len(kept)
        ('yz', 1)
    """

    def __init__(self, most: int, weigh: Callable[[K, V], int]) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made if it is not there; two threads may make the same one."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._weight += self._weigh(key, value)
            while self._weight > self._most and self._values:
                self._weight -= self._weigh(*self._values.popitem(last=False))
        return value
