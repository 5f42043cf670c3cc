"""Processes that make shards: started here, told what to do through pipes, gone when this process is."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import heedful
from heedful.corpus.explainer import Explainer
from heedful.corpus.shards import Part, Shard
from heedful.errors import DataError, InputError, ModelError, PrecisionError, SettingError

_KINDS = {kind.__name__: kind for kind in (DataError, InputError, ModelError, PrecisionError, SettingError)}
_DYING = 10.0  # seconds from the end of a process's output to its own
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def sendable(explainer: Explainer) -> bytes | None:
    """Return an explainer as bytes for a process of ours; None where a part of it, such as a function, cannot be sent.

    A class that the caller's script itself defines cannot be: another process does not run that script.
    """
    try:
        content = pickle.dumps(explainer)
    except Exception:  # pickling runs whatever the parts of a classifier have for it
        return None
    return None if b"__main__" in content else content


class Processes:
    """Processes that make shards, of one thread each. A context: they end with it, and with this process.

    Args:
        n: how many.
        explainer: what explains rows, as bytes: see `sendable`.
        folder: of the corpus.
        strict: stop at the first row that cannot be explained.
        counted: is told how many rows have been explained since, on any thread.
    """

    def __init__(
        self, n: int, explainer: bytes, folder: Path, *, strict: bool, counted: Callable[[float], None] = lambda _: None
    ) -> None:
        self.n, self._counted = n, counted
        self._start = (sys.path, explainer, folder.resolve(), strict)
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._all: list[_Process] = []
        self._threads = ThreadPoolExecutor(n, "heedful-corpus")

    def __enter__(self) -> Processes:
        try:
            for _ in range(self.n):
                process = _Process(self._start)
                self._all.append(process)
                self._idle.put(process)
        except OSError as error:
            self.__exit__(type(error))
            raise InputError(f"cannot start {self.n} processes: {error.strerror}: use fewer") from error
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for process in self._all:
            process.end(at_once=kind is not None)
        self._threads.shutdown(cancel_futures=True)

    def begin(self, parts: Sequence[Part]) -> Future[Shard]:
        """Have a shard made; what is raised then, the future raises: as `heedful.corpus.engine.made_shard`.

        Raises:
            InputError: from the future, if the process has died.
        """
        return self._threads.submit(self._made, parts)

    def _made(self, parts: Sequence[Part]) -> Shard:
        process = self._idle.get()
        try:
            return process.ask(parts, self._counted)
        finally:
            self._idle.put(process)


class _Process:
    """One process, and the pipes to it and from it."""

    def __init__(self, start: tuple[Any, ...]) -> None:
        home = str(Path(heedful.__file__).parents[1])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "heedful.corpus.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C and the like are for this process, which ends the others
        )
        self._waiting: tuple[Any, ...] | None = start

    def ask(self, parts: Sequence[Part], counted: Callable[[float], None]) -> Shard:
        """Have a shard made, and wait for it."""
        try:
            if self._waiting is not None:
                self._send(self._waiting)
                self._waiting = None
            self._send(list(parts))
            kind, said = self._heard()
            while kind == "rows":
                counted(said)
                kind, said = self._heard()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self._process.wait(_DYING)
            raise InputError(
                f"a process that explains has died (exit code {code}; out of memory?): the same call goes on, "
                "with fewer at once by --engine local:processes=1"
            ) from error
        if kind == "shard":
            return said
        name, message = said
        raise (RuntimeError if name is None else _KINDS.get(name, InputError))(message)

    def end(self, *, at_once: bool) -> None:
        """End the process: it ends by itself when it is told nothing more."""
        if at_once:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # it is gone already, with something left to be written to it
                pipe.close()  # type: ignore[union-attr]
        self._process.wait()

    def _heard(self) -> tuple[str, Any]:
        return pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 - of our own process

    def _send(self, message: object) -> None:
        pickle.dump(message, self._process.stdin)  # type: ignore[arg-type]
        self._process.stdin.flush()  # type: ignore[union-attr]
