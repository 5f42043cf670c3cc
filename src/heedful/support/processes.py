"""Processes of one thread that answer messages: started here, told what to do through pipes, gone when this one is.

What goes through the pipes is pickled, between processes of one program and nowhere else. Unlike those of
`multiprocessing` they do not run the caller's script again, so it needs no guard.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from heedful import errors
from heedful.errors import HeedfulError, InputError, MissingExtraError

Say: TypeAlias = Callable[[Any], None]
Handler: TypeAlias = Callable[[Any, Say], Any]  # of a message, and of what tells of the work meanwhile

_DYING = 10.0  # seconds from the end of a process's output to its own
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def sendable(handler: Handler) -> bytes | None:
    """Return a handler as bytes for another process; None where a part of it, such as a function, cannot be sent.

    A class that the caller's script itself defines cannot be: another process does not run that script.
    """
    try:
        content = pickle.dumps(handler)
    except Exception:  # pickling runs whatever its parts have for it
        return None
    return None if b"__main__" in content else content


class Processes:
    """Processes that answer messages by a handler. A context: they end with it, and with this process.

    Args:
        n: how many.
        handler: as bytes, see `sendable`; it answers a message, and may tell of its work meanwhile.
        advice: what to do where a process has died, for the error.
    """

    def __init__(self, n: int, handler: bytes, advice: str) -> None:
        self.n, self._handler, self._advice = n, handler, advice
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._all: list[_Process] = []
        self._threads = ThreadPoolExecutor(n, "heedful-processes")

    def __enter__(self) -> Processes:
        try:
            for _ in range(self.n):
                process = _Process(self._handler, self._advice)
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

    def submit(self, message: Any, heard: Say = lambda _: None) -> Future[Any]:
        """Have a message answered; `heard` is told, on any thread, what the handler says meanwhile.

        The future raises what the handler has raised: errors of ours as they are, others as RuntimeError; and
        InputError if the process has died.
        """
        return self._threads.submit(self._answer, message, heard)

    def _answer(self, message: Any, heard: Say) -> Any:
        process = self._idle.get()
        try:
            return process.ask(message, heard)
        finally:
            self._idle.put(process)


class _Process:
    """One process, and the pipes to it and from it."""

    def __init__(self, handler: bytes, advice: str) -> None:
        home = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "heedful.support.answering"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C and the like are for this process, which ends the others
        )
        self._start: tuple[list[str], bytes] | None = (sys.path, handler)
        self._advice = advice

    def ask(self, message: Any, heard: Say) -> Any:
        try:
            if self._start is not None:
                self._send(self._start)
                self._start = None
            self._send(message)
            kind, said = self._heard()
            while kind == "meanwhile":
                heard(said)
                kind, said = self._heard()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self._process.wait(_DYING)
            raise InputError(f"a process has died (exit code {code}; out of memory?): {self._advice}") from error
        if kind == "answer":
            return said
        raise _error(*said)

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


def _error(name: str | None, message: str) -> Exception:
    """An error of another process: of ours with its class, of others with where it came from."""
    if name is None:
        return RuntimeError(message)
    kind = getattr(errors, name, InputError)
    plain = isinstance(kind, type) and issubclass(kind, HeedfulError) and kind is not MissingExtraError
    return kind(message) if plain else InputError(message)
