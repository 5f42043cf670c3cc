"""A process that makes shards: reads what to do from standard input, until there is no more of it."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from functools import partial
from typing import Any, BinaryIO

from heedful.corpus.engine import made_shard
from heedful.corpus.watch import paced

_LOOK = 0.2  # seconds between two looks at whether the starter is still there


def main() -> None:
    """Make the shards that come on standard input, and say on standard output what has come of each."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # what libraries print must not come between
        work(sys.stdin.buffer, output)


def _end_with(starter: int) -> None:
    """End this process once the one that started it is gone: the folder may be another run's by then."""
    while os.getppid() == starter:
        time.sleep(_LOOK)
    os._exit(1)


def work(given: BinaryIO, output: BinaryIO) -> None:
    """Read the start, then the parts of shards, and write what comes of each.

    ("rows", number) tells of rows that have been explained since; ("shard", shard) or ("error", (name, message)) ends
    the answer.
    """

    def say(kind: str, said: Any) -> None:
        pickle.dump((kind, said), output)
        output.flush()

    path, explainer, folder, strict = pickle.load(given)  # noqa: S301 - of the process that started this one
    sys.path[:] = path
    while True:
        try:
            parts = pickle.load(given)  # noqa: S301 - likewise
        except EOFError:
            return
        try:
            if isinstance(explainer, bytes):
                explainer = pickle.loads(explainer)  # noqa: S301 - likewise
            with paced(partial(say, "rows")) as counted:
                shard = made_shard(explainer, folder, parts, strict=strict, counted=counted)
        except Exception as error:  # of any kind: raised by the process that waits for it
            say("error", _said(error))
        else:
            say("shard", shard)


def _said(error: Exception) -> tuple[str | None, str]:
    """The name of one of our errors, and what it says; of another kind, where it came from."""
    ours = type(error).__module__ == "heedful.errors"
    return (type(error).__name__, str(error)) if ours else (None, "".join(traceback.format_exception(error)))


if __name__ == "__main__":
    main()
