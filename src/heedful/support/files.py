"""Files written whole or not at all, and failures of files as errors of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heedful.errors import InputError


def write_whole(path: Path, content: str) -> None:
    """Write a text file so that a reader finds the old content or the new one, never half of it."""
    scratch = path.with_name(f".{path.name}.part")
    with failing_clearly(f"cannot write {path}"):
        try:
            scratch.write_text(content, encoding="utf-8")
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


@contextmanager
def failing_clearly(what: str) -> Iterator[None]:
    """Turn what files and their names raise into an InputError: `what`, and the reason."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a ValueError: a null byte in a name, half a surrogate pair in a text
        raise InputError(f"{what}: {getattr(error, 'strerror', None) or error}") from None
