"""A few threads with a bounded queue: what cannot be computed in time is refused with a reason, and stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from heedful.page.limits import BusyError, Limits, TooSlowError
from heedful.support.stopping import Stopped, stoppable

T = TypeVar("T")
_GRACE = 2.0  # seconds that what runs has to end in when the server does


@dataclass(eq=False)
class Deadline:
    """Until when an answer is of use; work looks at it between its steps, and models before every batch.

    Attributes:
        at: the time, of `time.monotonic`.
        seconds: what was allowed in all.
        gone: set once nobody waits for the answer any more.
        begun: set once it is its turn.
    """

    at: float
    seconds: float
    gone: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline so many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def over(self) -> bool:
        """Tell whether the time is over, or nobody waits."""
        return self.gone.is_set() or time.monotonic() > self.at

    def check(self) -> None:
        """Raise what `error` gives if it is over."""
        if self.over():
            raise self.error()

    def error(self) -> TooSlowError | BusyError:
        """Return what to say when it is over."""
        if not self.begun.is_set():
            return BusyError(f"others were computing for all of {self.seconds:g} seconds: try again in a few seconds")
        return TooSlowError(
            f"this takes longer than {self.seconds:g} seconds: shorten the text, or choose fewer methods"
        )


class Workers:
    """Threads that compute requests, a few at once.

    They are daemons: a server that ends does not wait for what they compute.

    Args:
        limits: how many, how many may wait, and how long.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._closed = limits, False
        self._threads: list[threading.Thread] = []
        self._deadlines: dict[Future[Any], Deadline] = {}  # of all that are not answered
        self._waiting: dict[Future[Any], Callable[[], None]] = {}  # those of them that have not begun, in their order
        self._changed = threading.Condition()

    @property
    def running(self) -> int:
        """Requests that are computed or wait."""
        return len(self._deadlines)

    async def run(self, work: Callable[[Deadline], T], gone: Callable[[], Awaitable[object]] | None = None) -> T:
        """Compute an answer on a thread.

        Args:
            work: gives the answer; looks at the deadline between its steps.
            gone: what to await that is done once nobody waits for the answer any more.

        Raises:
            BusyError: too many wait already, or its turn does not come in time.
            TooSlowError: it takes too long; what runs is given up at its next step.
        """
        deadline = Deadline.after(self._limits.seconds)
        future = self._submit(work, deadline)
        waiting = asyncio.wrap_future(future)
        others: list[asyncio.Future[object]] = [] if gone is None else [asyncio.ensure_future(gone())]
        try:
            every: list[asyncio.Future[Any]] = [waiting, *others]
            await asyncio.wait(every, timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise deadline.error()
        finally:
            for one in others:
                one.cancel()
            if not waiting.done():
                deadline.gone.set()
                future.cancel()
                waiting.add_done_callback(lambda late: late.cancelled() or late.exception())  # which nobody reads

    def close(self) -> None:
        """End what runs at its next step, waiting for a moment; nothing else begins."""
        with self._changed:
            self._closed, waiting = True, list(self._waiting)
            for deadline in self._deadlines.values():
                deadline.gone.set()
            self._changed.notify_all()
        for future in waiting:
            future.cancel()
        until = time.monotonic() + _GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _submit(self, work: Callable[[Deadline], T], deadline: Deadline) -> Future[T]:
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise BusyError("the server is shutting down")
            if self.running >= self._limits.workers + self._limits.waiting:
                raise BusyError(f"{self.running} requests are being answered already: try again in a few seconds")
            self._deadlines[future] = deadline
            self._waiting[future] = lambda: _answer(future, work, deadline)
            if len(self._threads) < min(self._limits.workers, self.running):
                self._threads.append(threading.Thread(target=self._work, name="heedful page", daemon=True))
                self._threads[-1].start()
            self._changed.notify()
        future.add_done_callback(self._ended)
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                answer = self._waiting.pop(next(iter(self._waiting)))  # the first that came
            answer()
            del answer  # with the request, while this thread waits for the next

    def _ended(self, future: Future[Any]) -> None:
        with self._changed:
            self._deadlines.pop(future, None)
            self._waiting.pop(future, None)


def _answer(future: Future[T], work: Callable[[Deadline], T], deadline: Deadline) -> None:
    """Compute an answer on this thread, or why there is none."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        deadline.check()
        deadline.begun.set()
        with stoppable(deadline.over):
            result = work(deadline)
    except Stopped:
        future.set_exception(deadline.error())
    except BaseException as error:  # of any kind: raised where the answer is waited for
        future.set_exception(error)
    else:
        future.set_result(result)
