"""The folder of a run: whose it is, and what is done; a run that was killed at any moment goes on when called again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heedful.errors import InputError, SettingError
from heedful.runs.lock import locked
from heedful.support.files import failing_clearly, is_scratch, write_whole

RECORD = "run.json"
LOCK = ".lock"
_SHORT = 20  # characters of a text that a message quotes
_DIGEST = re.compile(r"[0-9a-f]{16,}")


@dataclass(frozen=True)
class RunFolder:
    """A folder that one run claims for itself: nobody else's files are touched, no two processes work in it at once.

    Whose it is stands in `run.json`, written first. A run with a `result` ends with that file, which names the run too;
    then `run.json` goes. Whatever a kill left unfinished or not cleared away, the next call deals with.

    Attributes:
        path: of the folder; made if need be.
        identity: what makes two runs the same, such as settings, seed and data: what JSON can hold.
        result: name of the JSON file that ends the run; None: the run may be gone over again.
        makes: what is in a folder with a result, for messages.
        parts: names of folders within, made if need be.
        temporary: names of folders within that are needed to go on, and go with the result.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as path:
        ...     run = RunFolder(Path(path), {"seed": 0}, result="metrics.json")
        ...     print(run.finished())
        ...     with run.claimed():
        ...         _ = run.finish({"accuracy": 0.9})
        ...     print(run.finished())
        ...     print([file.name for file in Path(path).iterdir()])
        None
        {'seed': 0, 'accuracy': 0.9}
        ['metrics.json']
    """

    path: Path
    identity: Mapping[str, Any]
    result: str | None = None
    makes: str = "results"
    parts: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()

    def finished(self) -> dict[str, Any] | None:
        """Return the result if this run has ended here, after clearing away what a kill may have left; else None.

        Raises:
            SettingError: the folder holds another run, or anything else; it is left alone.
            InputError: the folder cannot be read.
        """
        with failing_clearly(f"cannot create {self.path}"):
            self._refuse_others()
            if self.result is None or not (self.path / self.result).is_file():
                return None
            if self._leftovers() or (self.path / LOCK).exists():
                with suppress(InputError, OSError), locked(self.path / LOCK):  # not if someone else is at it
                    self._clear()
                    self._unlock()
            return _read(self.path / self.result)

    @contextmanager
    def claimed(self) -> Iterator[dict[str, Any] | None]:
        """Make the folder, keep other processes out of it, and write down whose it is.

        Yields:
            The result if another process has finished this run since `finished` was asked; otherwise None.

        Raises:
            SettingError: another process works there, or the folder holds something else, which is left alone.
            InputError: the folder cannot be written.
        """
        with failing_clearly(f"cannot create {self.path}"):
            self._refuse_others()
            self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path / LOCK):
            try:
                with failing_clearly(f"cannot create {self.path}"):
                    self._refuse_others()
                    result = None if self.result is None else _read(self.path / self.result)
                    if result is None:
                        self._prepare()
                yield result
            finally:
                if not (self.path / RECORD).exists():  # nothing to go on from: all is done, or nothing was begun
                    self._unlock()

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result, which ends the run, and return it with the identity that it then holds."""
        if self.result is None:
            raise TypeError("this run has no result")
        whole = {**self.identity, **result}
        content = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(self.path / self.result, content + "\n")
        self._clear()
        return whole

    def abandon(self) -> None:
        """Give the folder up: there is nothing in it to go on from."""
        self._clear()

    def _prepare(self) -> None:
        for part in self.parts:
            (self.path / part).mkdir(exist_ok=True)
        for file in self._scratch():
            file.unlink(missing_ok=True)
        if not (self.path / RECORD).is_file():
            write_whole(self.path / RECORD, json.dumps(self.identity, indent=2) + "\n")

    def _clear(self) -> None:
        """Drop what was only needed to go on; `run.json` last, so that it can be done again."""
        for leftover in self._leftovers():
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def _unlock(self) -> None:
        """Drop the lock file while it is held: whoever has opened it meanwhile sees that it is gone."""
        with suppress(OSError):
            (self.path / LOCK).unlink(missing_ok=True)

    def _leftovers(self) -> list[Path]:
        named = [self.path / name for name in (*self.temporary, RECORD)]
        return [*self._scratch(), *(path for path in named if path.exists())]

    def _scratch(self) -> list[Path]:
        folders = [self.path, *(self.path / part for part in self.parts)]
        return [path for folder in folders if folder.is_dir() for path in folder.iterdir() if is_scratch(path)]

    def _refuse_others(self) -> None:
        """Let a run only into a new or empty folder, or back into its own."""
        for name, holds in ((self.result, f"already holds {self.makes}"), (RECORD, "holds a run")):
            if name is not None and (self.path / name).is_file():
                known, wanted = _read(self.path / name) or {}, json.loads(json.dumps(self.identity))
                differing = [name for key, value in wanted.items() for name in _differing(key, known.get(key), value)]
                if differing:
                    what = f"{holds} that differs in {', '.join(differing)}"
                    raise SettingError(f"{self.path} {what}: choose another folder or delete it")
                return
        if self.path.exists() and not (self.path.is_dir() and all(map(_is_trace, self.path.iterdir()))):
            raise SettingError(f"{self.path} is not an empty folder: choose another")


def _differing(name: str, known: Any, wanted: Any) -> list[str]:
    """Names of what differs, down to the settings within."""
    if isinstance(known, dict) and isinstance(wanted, dict) and known.keys() == wanted.keys():
        return [inner for key in wanted for inner in _differing(f"{name}.{key}", known[key], wanted[key])]
    if known == wanted:
        return []
    plain = all(isinstance(one, (int, float)) or _is_short(one) for one in (known, wanted))
    return [f"{name} ({known} there, {wanted} here)" if plain else name]


def _is_short(value: Any) -> bool:
    """Tell whether this is a text that says something in a message: no long one, no digest."""
    return isinstance(value, str) and len(value) <= _SHORT and not _DIGEST.fullmatch(value)


def _is_trace(path: Path) -> bool:
    """Tell whether this is nothing but what a kill leaves before `run.json` is there: a lock, half a file, folders."""
    if path.is_dir() and not path.is_symlink():
        return all(map(_is_trace, path.iterdir()))
    return path.name == LOCK or is_scratch(path)


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON file that holds an object; None if it is missing or holds anything else."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError, FileNotFoundError):
        return None
    return content if isinstance(content, dict) else None
