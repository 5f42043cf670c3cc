"""Functions that take turns: each on a thread of its own, one at a time, until it asks its caller for something.

A function written as if it were alone can so be stopped in the middle, and several of them can ask together. Only one
thread ever runs: the caller waits until a function asks or ends, and the others wait for what they asked for. So what
the functions share needs no locks, and results do not depend on how threads are scheduled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from time import perf_counter
from typing import Any, Generic, TypeVar

from heedful.support.locks import holding

Out = TypeVar("Out")
_thread = threading.local()  # of each thread, the turn that it works for


class _Closed(BaseException):
    """Ends a function that nobody waits for any more, wherever it asks."""


def ask(request: Callable[[], Out]) -> Out:
    """Have the caller of this thread's `Turn` call this function, and return what it returns.

    Outside of turns, and while this thread keeps others out of a model, it is called here: the caller could not get in.

    Example:
        >>> ask(lambda: 7)
        7
    """
    turn: Turn[Any] | None = getattr(_thread, "turn", None)
    if turn is None or holding():
        return request()
    reply: Out = turn._ask(request)
    return reply


def claim(n_bytes: float) -> None:
    """Note that the function that takes its turn will hold so much memory until it ends."""
    turn: Turn[Any] | None = getattr(_thread, "turn", None)
    if turn is not None:
        turn.n_bytes = max(turn.n_bytes, n_bytes)


class Turn(Generic[Out]):
    """A function that runs until it asks for something, or ends.

    Args:
        function: what is to be called.

    Attributes:
        request: what it asks its caller to call; None once it has ended.
        error: what it raised, if it has ended so.
        seconds: how long it has run, not counting what it waited.
        n_bytes: how much memory it holds, as far as it has said so: see `claim`.

    Example:
        >>> turn = Turn(lambda: 1 + ask(lambda: 2))
        >>> turn.start()
        >>> turn.reply(turn.request())
        >>> turn.result()
        3
    """

    def __init__(self, function: Callable[[], Out]) -> None:
        self.request: Callable[[], Any] | None = None
        self.error: BaseException | None = None
        self.seconds = self.n_bytes = 0.0
        self._function: Callable[[], Out] | None = function
        self._result: Out | None = None
        self._answer: Any = None
        self._closed = False
        self._functions, self._callers = threading.Lock(), threading.Lock()  # whoever waits for its turn waits for one
        self._functions.acquire()
        self._callers.acquire()
        # a daemon, as a second Ctrl-C may come while the first one's threads are waited for
        self._worker = threading.Thread(target=copy_context().run, args=(self._work,), name="heedful turn", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether the function has returned or raised."""
        return self._function is None

    def start(self) -> None:
        """Let it run until it asks or ends.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        started = perf_counter()
        self._worker.start()
        self._wait(started)

    def reply(self, answer: Any) -> None:
        """Give it what it asked for, or raise it there if that is an exception, and let it go on."""
        started, self._answer = perf_counter(), answer
        self._functions.release()
        self._wait(started)

    def result(self) -> Out:
        """Return what the function has returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # which may be None

    def _wait(self, started: float) -> None:
        self._callers.acquire()
        self.seconds += perf_counter() - started
        if self.ended:
            self._worker.join()

    def _work(self) -> None:
        _thread.turn = self
        try:
            self._result = self._function() if self._function is not None else None
        except _Closed:
            pass
        except BaseException as error:  # of any kind: for `result`
            self.error = error
        finally:
            self._function = self.request = None
            with suppress(RuntimeError):  # nobody waits
                self._callers.release()

    def _ask(self, request: Callable[[], Any]) -> Any:
        if not self._closed:
            self.request = request
            self._callers.release()
            self._functions.acquire()
        if self._closed:
            raise _Closed
        answer, self._answer = self._answer, None
        if isinstance(answer, Exception):
            raise answer
        return answer


def close(turns: Iterable[Turn[Any]]) -> None:
    """End functions in the middle, where they ask or will ask next, and wait until their threads are gone."""
    started = [turn for turn in turns if turn._worker.is_alive()]
    for turn in started:
        turn._closed = True
        with suppress(RuntimeError):  # it has its turn already
            turn._functions.release()
    for turn in started:
        turn._worker.join()
