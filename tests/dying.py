"""A process that dies between two operations on files, played in this one: from then on no operation does anything."""

import builtins
import io
import os
from collections.abc import Callable, Iterator

import pytest


class Killed(BaseException):
    pass


class Dying:
    """Counts operations that change files; `at` the n-th one, and at all after it, the process is dead."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int | None = None) -> None:
        self.done, self._at = 0, at
        for name in ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "symlink", "link"):
            patch.setattr(os, name, self._dying(getattr(os, name), lambda *_, **__: True))
        patch.setattr(os, "fsync", self._dying(lambda _: None, lambda _: True))  # the machine stays up, and it is slow
        patch.setattr(
            os, "open", self._dying(os.open, lambda _path, flags, *_, **__: flags & (os.O_CREAT | os.O_TRUNC))
        )
        for module in (builtins, io):
            patch.setattr(
                module, "open", self._dying(io.open, lambda _path, mode="r", *_, **__: set(mode) & set("wxa"))
            )

    def _dying(self, operation: Callable, changes: Callable) -> Callable:
        def operate(*arguments: object, **options: object) -> object:
            if changes(*arguments, **options):
                if self._at is not None and self.done >= self._at:
                    raise Killed
                self.done += 1
            return operation(*arguments, **options)

        return operate


def moments(work: Callable[[], object]) -> int:
    """How many operations there are, from a run that lives."""
    with pytest.MonkeyPatch.context() as patch:
        dying = Dying(patch)
        work()
    return dying.done


def kill(work: Callable[[], object], moment: int) -> None:
    """Let the work die after so many operations."""
    with pytest.MonkeyPatch.context() as patch:
        Dying(patch, moment)
        with pytest.raises(Killed):
            work()


def spread(n: int, count: int) -> Iterator[int]:
    """Numbers below n: so many, or all there are; the first and the last among them."""
    yield from sorted({round(i * (n - 1) / (count - 1)) for i in range(count)})
