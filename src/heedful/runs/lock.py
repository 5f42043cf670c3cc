"""The lock of a run's folder: one process at a time works there, and a kill lets the next one in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from heedful.errors import SettingError
from heedful.support.files import failing_clearly


class BusyError(SettingError):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file at `path`, which is made if need be and stays; the system lets go of it when a process dies.

    Args:
        path: of the lock file; its folder exists.
        wait: wait for whoever holds it.

    Raises:
        BusyError: another process holds it; never when waiting.
        InputError: the file cannot be created.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / ".lock"):
        ...     with locked(Path(folder) / ".lock"):
        ...         pass
        Traceback (most recent call last):
        heedful.runs.lock.BusyError: another process works in ...: wait for it, or choose another folder
    """
    lock = FileLock(path, timeout=-1 if wait else 0)
    with failing_clearly(f"cannot create {path}"):
        try:
            lock.acquire()
        except Timeout:
            busy = f"another process works in {path.parent}: wait for it, or choose another folder"
            raise BusyError(busy) from None
        except NotImplementedError as error:
            raise OSError(f"the file system has no locks ({error})") from None
    try:
        yield
    finally:
        lock.release()
