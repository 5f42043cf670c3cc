"""Files written whole or not at all, and failures of files as errors of one line."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from heedful.errors import InputError

_SCRATCH = re.compile(r"\.(heedful-[0-9a-f]{16}|run\.json)\.part")  # the latter is what earlier versions left behind


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never half of it; text as UTF-8.

    Raises:
        InputError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(Path(folder) / "note.txt", "read me")
        ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
        [('note.txt', 'read me')]
    """
    with open_whole(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name once it is complete and on the disk; after an error nothing of it remains.

    It is written beside the target under a random name: concurrent writers do not meet, the last one wins, and a
    target's name may be as long as the file system allows.

    Raises:
        InputError: the file cannot be written.
    """
    with failing_clearly(f"cannot write {path}"):
        scratch = path.with_name(f".heedful-{secrets.token_hex(8)}.part")
        try:
            with scratch.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # the rename must not reach the disk before the content
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def is_there(path: str | Path) -> bool:
    """Tell whether a file or folder is there; `Path.exists` raises for a name too long for a file.

    Example:
        >>> is_there("."), is_there("x" * 1000)
        (True, False)
    """
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_folder(path: str | Path) -> bool:
    """Tell whether a folder is there; `Path.is_dir` raises for a name too long for a file.

    Example:
        >>> is_folder("."), is_folder("x" * 1000)
        (True, False)
    """
    return os.path.isdir(path)  # noqa: PTH112 - see above


def last_part(name: str) -> str:
    """Return the last part of a folder's path, for other people's eyes; what is no folder as it is.

    Example:
        >>> last_part("."), last_part("someone/model")
        (..., 'someone/model')
    """
    path = Path(name)
    return path.resolve().name if is_folder(path) else name


def is_scratch(path: Path) -> bool:
    """Tell whether a file is one that `open_whole` left behind when its process was killed."""
    return _SCRATCH.fullmatch(path.name) is not None


@contextmanager
def failing_clearly(what: str) -> Iterator[None]:
    """Turn what files and their names raise into an InputError: `what`, and the reason."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a ValueError: a null byte in a name, half a surrogate pair in a text
        raise InputError(f"{what}: {getattr(error, 'strerror', None) or error}") from None
