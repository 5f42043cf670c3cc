"""A small pool of threads with a bounded queue: what cannot be computed in time is refused with a reason."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from heedful.page.limits import BusyError, Limits, TooSlowError

T = TypeVar("T")


@dataclass(eq=False)
class Deadline:
    """Until when an answer is of use; work looks at it between its steps.

    Attributes:
        at: the time, of `time.monotonic`.
        seconds: what was allowed in all.
        gone: set once nobody waits for the answer any more.
    """

    at: float
    seconds: float
    gone: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline so many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def check(self) -> None:
        """Raise TooSlowError if the time is over, or nobody waits."""
        if self.gone.is_set() or time.monotonic() > self.at:
            raise TooSlowError(
                f"this takes longer than {self.seconds:g} seconds: shorten the text, or choose fewer methods"
            )


class Workers:
    """Threads that compute requests, a few at once.

    Args:
        limits: how many, how many may wait, and how long.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._running = limits, 0
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="heedful-page")
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        """Requests that are computed or wait."""
        return self._running

    async def run(self, work: Callable[[Deadline], T], gone: Callable[[], Awaitable[object]] | None = None) -> T:
        """Compute an answer on a thread.

        Args:
            work: gives the answer; looks at the deadline between its steps.
            gone: what to await that is done once nobody waits for the answer any more.

        Raises:
            BusyError: too many wait already.
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
            deadline.gone.set()
            deadline.check()
            raise AssertionError("a deadline that nobody waits for is over")
        finally:
            for one in others:
                one.cancel()
            if not waiting.done():
                deadline.gone.set()
                future.cancel()
                waiting.add_done_callback(lambda late: late.cancelled() or late.exception())  # which nobody reads

    def close(self) -> None:
        """Let what runs end; nothing else begins."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[[Deadline], T], deadline: Deadline) -> Future[T]:
        with self._lock:
            if self._running >= self._limits.workers + self._limits.waiting:
                raise BusyError(f"{self._running} requests are being answered already: try again in a few seconds")
            self._running += 1

        def one() -> T:
            deadline.check()
            return work(deadline)

        try:
            future = self._pool.submit(one)
        except RuntimeError:
            self._ended(None)
            raise BusyError("the server is shutting down") from None
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: object) -> None:
        with self._lock:
            self._running -= 1
