"""A process that answers messages: see `heedful.support.processes`, which starts it."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from functools import partial
from io import BufferedIOBase
from typing import Any, cast

_LOOK = 0.2  # seconds between two looks at whether the starter is still there


def main() -> None:
    """Answer the messages that come on standard input, until there are no more."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # what libraries print must not come between
        work(cast("BufferedIOBase", sys.stdin.buffer), output)


def work(given: BufferedIOBase, output: BufferedIOBase) -> None:
    """Read the path and the handler, then messages.

    Written are ("meanwhile", anything) as often as the handler says something, and for each message at last ("answer",
    answer) or ("error", (name, message)).
    """

    def say(kind: str, said: Any) -> None:
        pickle.dump((kind, said), output)
        output.flush()

    try:
        sys.path[:], content = pickle.load(given)  # noqa: S301 - of the process that started this one
    except EOFError:
        return
    handler = None
    while True:
        try:
            try:
                message = pickle.load(given)  # noqa: S301 - likewise
            except EOFError:
                return
            handler = handler or pickle.loads(content)  # noqa: S301 - likewise
            answer = handler(message, partial(say, "meanwhile"))
        except Exception as error:  # of any kind: raised by the process that waits for it
            say("error", _said(error))
        else:
            say("answer", answer)


def _said(error: Exception) -> tuple[str | None, str]:
    """The name of one of our errors, and what it says; of another kind, where it came from."""
    ours = type(error).__module__ == "heedful.errors"
    return (type(error).__name__, str(error)) if ours else (None, "".join(traceback.format_exception(error)))


def _end_with(starter: int) -> None:
    """End this process once the one that started it is gone: its folder may be another run's by then."""
    while os.getppid() == starter:
        time.sleep(_LOOK)
    os._exit(1)


if __name__ == "__main__":
    main()
