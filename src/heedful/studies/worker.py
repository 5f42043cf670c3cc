"""A process that makes stages of a study: reads which from standard input, until there are no more."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from io import BufferedIOBase
from typing import Any, cast


def main() -> None:
    """Make the stages that come on standard input, and say on standard output how long each took."""
    for one in (signal.SIGINT, signal.SIGTERM):  # those are for the process that started this one
        signal.signal(one, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # what libraries print must not come between
        work(cast("BufferedIOBase", sys.stdin.buffer), output)


def work(given: BufferedIOBase, output: BufferedIOBase) -> None:
    """Read the path and the run, then stages; write ("done", seconds) or ("error", (name, message)) for each."""
    try:
        sys.path[:], run = pickle.load(given)  # noqa: S301 - of the process that started this one
    except EOFError:
        return
    answer: tuple[str, Any]
    while True:
        try:
            stage, stamp = pickle.load(given)  # noqa: S301 - likewise
        except EOFError:
            return
        try:
            started = time.perf_counter()
            stage.make(run, stamp)
            answer = "done", time.perf_counter() - started
        except Exception as error:  # of any kind: raised by the process that waits for it
            ours = type(error).__module__ == "heedful.errors"
            said = str(error) if ours else "".join(traceback.format_exception(error))
            answer = "error", (type(error).__name__ if ours else None, said)
        pickle.dump(answer, output)
        output.flush()


def _end_with(parent: int) -> None:
    """End this process when the one that started it has ended, as by a kill: it would go on to write in its folder."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main()
