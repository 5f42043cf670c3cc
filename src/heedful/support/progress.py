"""Progress bars on stderr, so that results on stdout stay clean."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from heedful.support.stopping import pause
from heedful.support.visible import visible

Item = TypeVar("Item")


_shown = threading.local()  # of each thread, the bar that counts what `ran` says
_silences = Counter[str]()  # how many callers of `silenced` are inside


@contextmanager
def silenced() -> Iterator[None]:
    """Write nothing on stderr inside: no bars, no spinners, no lines.

    Example:
        >>> with silenced():
        ...     say("nobody reads this")
    """
    _silences["inside"] += 1
    try:
        yield
    finally:
        _silences["inside"] -= 1


def watched() -> bool:
    """Tell whether somebody sees bars: stderr is a terminal, and not silenced."""
    return sys.stderr.isatty() and not _silences["inside"]


def track(items: Iterable[Item], what: str, *, shown: bool, total: int | None = None) -> Generator[Item, None, None]:
    """Iterate with a progress bar if `shown` and stderr is a terminal; without one otherwise.

    The bar tells the time too, and how many texts have been run meanwhile: see `ran`.

    Args:
        items: what to iterate over.
        what: what the bar says.
        shown: whether there is to be one.
        total: how many items there are, where they do not say so themselves.

    Example:
        >>> list(track([1, 2], "counting", shown=False))
        [1, 2]
    """
    if not shown or not watched():
        yield from items
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[ran]}"),
        progress.TimeElapsedColumn(),
    )
    total = len(items) if total is None and isinstance(items, Sized) else total
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(visible(what), total=None if total == 1 else total, ran="")
        remaining, n_ran = iter(items), 0

        def count(n: int) -> None:
            nonlocal n_ran
            n_ran += n
            bar.update(task, ran=f"{n_ran:,} texts run")

        while True:
            before, _shown.counter = getattr(_shown, "counter", None), count
            try:
                item = next(remaining)
            except StopIteration:
                return
            finally:
                _shown.counter = before
            yield item
            bar.advance(task)


def say(line: str) -> None:
    """Write a line on stderr, unless it is silenced."""
    if _silences["inside"]:
        return
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()


@contextmanager
def meter(what: str, total: float | int, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """Show a bar of work whose parts differ in size, with the time that is left, if stderr is a terminal.

    Args:
        what: what the bar says.
        total: all the work, in whatever unit.
        shown: whether there is to be one.

    Yields:
        A function to call with the work that has been done since.

    Example:
        >>> with meter("auditing", 10.0, shown=False) as advance:
        ...     advance(2.5)
    """
    if not shown or not watched():
        yield lambda _: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:", markup=False),
        progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True, speed_estimate_period=1e6) as bar:
        task = bar.add_task(visible(what), total=total)
        yield lambda work: bar.advance(task, work)


def ran(n: int) -> None:
    """Say that so many texts have been run through the model, or looked up in its tables; shown if a bar is up.

    A computation that nobody waits for any more ends here: see `heedful.support.stopping`.
    """
    pause()
    counter = getattr(_shown, "counter", None)
    if counter is not None and n:
        counter(n)


def counted(items: Iterable[Item]) -> Iterator[Item]:
    """Iterate over what is run one by one, and count it.

    Example:
        >>> list(counted([1, 2]))
        [1, 2]
    """
    for item in items:
        ran(1)
        yield item


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on stderr, gone when done; nothing where stderr is no terminal, or silenced."""
    if _silences["inside"]:
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(visible(what))):  # not a string, which would be read as markup
        yield


class _Hush(logging.Filter):
    """Lets no record below an error pass that comes from one of these threads."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: Counter[int | None] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not self.threads[record.thread]


_lock = threading.RLock()  # a finaliser may run at any point, in this thread too
_hush = _Hush()
_loading: list[tuple[bool, bool]] = []  # the flags before, once for everyone who is inside


@contextmanager
def hushed_transformers() -> Iterator[None]:
    """Hide warnings of transformers and the hub's library in this thread: what matters is raised as an error."""
    thread = threading.get_ident()
    handlers = [*logging.getLogger("transformers").handlers, *logging.getLogger("huggingface_hub").handlers]
    with _lock:
        _hush.threads[thread] += 1
        for handler in handlers:
            handler.addFilter(_hush)
    try:
        yield
    finally:
        with _lock:
            _hush.threads[thread] -= 1
            _hush.threads += Counter()  # forgets those that are done
            if not _hush.threads:
                for handler in handlers:
                    handler.removeFilter(_hush)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide its progress bars and load reports too.

    The flags for bars belong to the whole process: the first to enter sets them, the last to leave restores them.
    """
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

    with _lock:
        _loading.append(_loading[0] if _loading else (is_progress_bar_enabled(), are_progress_bars_disabled()))
        disable_progress_bar()  # the hub's too
    try:
        with hushed_transformers():
            yield
    finally:
        with _lock:
            bars, hub_silent = _loading.pop()
            if not _loading:
                if bars:
                    enable_progress_bar()
                disable_progress_bars() if hub_silent else enable_progress_bars()
