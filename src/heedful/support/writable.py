"""Whether a result can be written where it is wanted: asked before it is computed, not after."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from heedful.errors import InputError, SettingError
from heedful.support.files import failing_clearly
from heedful.support.names import shown


def check_file(path: str | Path, suffixes: Sequence[str] = ()) -> Path:
    """Return the path of a file that can be written; nothing is left there.

    Args:
        path: where it is wanted.
        suffixes: what its name may end with; anything where there are none.

    Raises:
        SettingError: no name, or another suffix.
        InputError: there is no such folder, it cannot be written to, or a folder has the file's name.

    Example:
        >>> check_file("report.pdf", (".html", ".json"))
        Traceback (most recent call last):
        heedful.errors.SettingError: cannot save as '.pdf': use .html or .json
    """
    path = _named(path, "file")
    if suffixes and path.suffix.lower() not in suffixes:
        *most, last = suffixes
        wanted = f"{', '.join(most)} or {last}" if most else last
        raise SettingError(f"cannot save as {shown(path.suffix or 'a file without suffix')}: use {wanted}")
    with failing_clearly(f"cannot write {path}"):
        if _is_folder(path):
            raise InputError(f"cannot write {path}: it is a folder")
        if not _is_folder(path.parent):
            raise InputError(f"cannot write {path}: there is no folder {path.parent}")
        _try(path.parent)
    return path


def check_folder(path: str | Path) -> Path:
    """Return the path of a folder that is there and can be written to, or can be made; nothing is made yet.

    Raises:
        SettingError: no name.
        InputError: it cannot be made or written to.
    """
    path = _named(path, "folder")
    with failing_clearly(f"cannot create {path}"):
        parent = path
        while not _is_there(parent) and parent.parent != parent:
            parent = parent.parent
        if not _is_folder(parent):
            raise InputError(f"cannot create {path}: {parent} is no folder")
        _try(parent)
    return path


def _named(path: object, what: str) -> Path:
    if not isinstance(path, (str, Path)) or not str(path).strip():
        raise SettingError(f"name the {what} to write to, got {shown(path)}")
    return Path(path)


def _is_there(path: Path) -> bool:
    """Whether anything has that name, be it a link to nothing; raises an error for a name that no file can have."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _try(folder: Path) -> None:
    """Write to a folder: permissions alone do not tell, for root has all of them and a disk may be read-only."""
    with tempfile.TemporaryFile(dir=folder):
        pass
