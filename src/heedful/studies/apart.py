"""Stages in processes of their own, one thread each: what one core cannot use more threads for, several cores share."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import heedful
from heedful import errors
from heedful.errors import InputError
from heedful.studies.run import Run

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def made_apart(tasks: Sequence[tuple[Any, str]], run: Run[Any], processes: int) -> Iterator[tuple[str, float]]:
    """Make the tables of stages, several at once; yield each one's name and seconds as it ends.

    Args:
        tasks: stages, none of which needs another of them, with their stamps.
        run: what they work with.
        processes: how many at once. All end with this one, whatever ends it.

    Raises:
        HeedfulError: what a stage raised, of the same class.
        InputError: a process has died.
    """
    start = pickle.dumps((sys.path, replace(run, progress=False, _loaded={})))
    idle: SimpleQueue[_Process] = SimpleQueue()
    n = min(processes, len(tasks))
    every = [_Process(start) for _ in range(n)]
    for process in every:
        idle.put(process)

    def ask(task: tuple[Any, str]) -> float:
        process = idle.get()
        try:
            return process.ask(task)
        finally:
            idle.put(process)

    threads = ThreadPoolExecutor(n, "heedful-study")
    try:
        # modules cannot be pickled, and nobody needs those of a stage to make it
        sent = [(replace(stage, code=()), stamp) for stage, stamp in tasks]
        futures = {threads.submit(ask, task): task[0].name for task in sent}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for process in every:
            process.end()
        threads.shutdown()


class _Process:
    """One process, and the pipes to it and from it."""

    def __init__(self, start: bytes) -> None:
        home = str(Path(heedful.__file__).parents[1])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "heedful.studies.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
        )
        self._start: bytes | None = start

    def ask(self, task: tuple[Any, str]) -> float:
        """Have a stage made, and wait for it: its seconds."""
        given, answers = self._process.stdin, self._process.stdout
        try:
            if self._start is not None:
                given.write(self._start)  # type: ignore[union-attr]
                self._start = None
            pickle.dump(task, given)  # type: ignore[arg-type]
            given.flush()  # type: ignore[union-attr]
            kind, said = pickle.load(answers)  # type: ignore[arg-type]  # noqa: S301 - of our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            code = self._process.poll()
            raise InputError(
                f"a process of the study has died (exit code {code}; out of memory?): the same command goes on"
            ) from error
        if kind == "done":
            return float(said)
        name, message = said
        raise (RuntimeError if name is None else getattr(errors, name, InputError))(message)

    def end(self) -> None:
        """End the process; a stage that it is at can be made again."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # with something left to be written to it
                pipe.close()  # type: ignore[union-attr]
        self._process.wait()
