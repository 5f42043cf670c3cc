"""Results to files and back, and the views that need other parts of the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from heedful.errors import InputError, SettingError
from heedful.support.files import failing_clearly, write_whole

SUFFIXES = (".json", ".html", ".csv")
Read = TypeVar("Read")


@runtime_checkable
class Result(Protocol):
    """What can be saved."""

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON text."""

    def to_html(self) -> str:
        """Return an HTML page."""


def views() -> Any:
    """Return the module of views."""
    from heedful.render import views  # late: the views know the results

    return views


def save(result: Result, path: str | Path) -> Path:
    """Write a result by the suffix of its path; raises SettingError for one that is not in SUFFIXES."""
    path = _path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        *most, last = SUFFIXES
        given = path.suffix or "a file without suffix"
        raise SettingError(f"cannot save as {given!r}: use {', '.join(most)} or {last}")
    if suffix == ".json":
        content = result.to_json(indent=2) + "\n"
    else:
        content = result.to_html() if suffix == ".html" else views().csv(result)
    write_whole(path, content)
    return path


def load(path: str | Path, read: Callable[[bytes], Read]) -> Read:
    """Read a file; raises InputError, which names it, if that fails."""
    path = _path(path)
    with failing_clearly(f"cannot read {path}"):
        content = path.read_bytes()
    try:
        return read(content)
    except InputError as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _path(path: str | Path) -> Path:
    if not isinstance(path, (str, Path)):
        raise SettingError(f"give the path of a file, got {path!r}")
    return Path(path)
