"""What is seen of a run while it goes on: a bar, lines of a log, and whether it is asked to stop."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heedful.support.files import failing_clearly
from heedful.support.memory import resident
from heedful.support.progress import watched
from heedful.support.visible import visible


class Watch:
    """Rows counted as they are done: for a bar on stderr and for a log of one JSON object a line.

    Args:
        total: rows there are, where that is known.
        log: file that lines are added to; None: no log.
        progress: show a bar, if stderr is a terminal.
        stop: is set once the run is to end with the shard it is at.
    """

    def __init__(self, total: int | None, log: Path | None, stop: threading.Event, *, progress: bool) -> None:
        self.total, self.stop, self._log = total, stop, log
        self.n_rows, self.n_before = 0.0, 0
        self._started = time.monotonic()
        self._bar: Any = None
        self._task: Any = None
        self._shown = progress and watched()
        self._counting = threading.Lock()

    def __enter__(self) -> Watch:
        if self._shown:
            self._bar, self._task = _bar(self.total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def skipped(self, n: int) -> None:
        """Count rows that an earlier run has explained."""
        self.n_before += n
        self._advance(n)

    def explained(self, n: float | int) -> None:
        """Count rows that have been explained, or shares of them, on any thread."""
        with self._counting:
            self.n_rows += n
        self._advance(n)

    def wrote(self, shard: int, n_rows: int, seconds: float) -> None:
        """Note that a shard is done."""
        self.say("shard", shard=shard, rows=n_rows, seconds=round(seconds, 3))
        if self._bar is not None:
            self._bar.update(self._task, shard=f"shard {shard}")

    def say(self, event: str, **facts: Any) -> None:
        """Add a line to the log.

        Raises:
            InputError: it cannot be written.
        """
        if self._log is None:
            return
        line: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        rate = self.n_rows / self.seconds if self.seconds > 0 else 0.0
        line |= facts | {"rows_done": round(self.n_before + self.n_rows, 1), "rows_total": self.total}
        line |= {"rows_per_second": round(rate, 2), "resident_bytes": resident()}
        with failing_clearly(f"cannot write {self._log}"), self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def show(self, text: str) -> None:
        """Show a line above the bar, where there is one."""
        if self._bar is not None:
            self._bar.console.print(visible(text), markup=False, highlight=False)

    def _advance(self, n: float | int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=n, rate=_rate(self.n_rows, self.seconds))


def _rate(n_rows: float, seconds: float) -> str:
    """How fast it goes, or how long a text takes where that is over a second."""
    rate = n_rows / max(seconds, 1e-9)
    if rate < 1:
        return f"{1 / max(rate, 1e-9):.1f} s a text"
    return f"{rate:,.0f} texts/s" if rate >= 10 else f"{rate:.1f} texts/s"


@contextmanager
def paced(counted: Callable[[float], None], seconds: float = 0.2) -> Iterator[Callable[[float], None]]:
    """Yield a counter that hands on what it has been told, but not more often than that; the rest at the end."""
    waiting, last = 0.0, time.monotonic()

    def count(n: float) -> None:
        nonlocal waiting, last
        waiting += n
        if time.monotonic() - last >= seconds:
            counted(waiting)
            waiting, last = 0.0, time.monotonic()

    try:
        yield count
    finally:
        counted(waiting)


def _bar(total: int | None) -> tuple[Any, Any]:
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}", markup=False),
        progress.TextColumn("{task.fields[shard]}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:", markup=False),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=300,
    )
    return bar, bar.add_task(visible("explaining"), total=total, rate="", shard="")


@contextmanager
def stopped_by_signal() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets, where the main thread runs this; a second SIGTERM ends the process."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGTERM)

    def stop(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGTERM, before)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
