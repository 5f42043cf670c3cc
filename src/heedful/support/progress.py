"""Progress bars on stderr, so that results on stdout stay clean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from heedful.support.visible import visible

Item = TypeVar("Item")


def track(items: Iterable[Item], what: str, *, shown: bool, total: int | None = None) -> Iterator[Item]:
    """Iterate with a progress bar if `shown` and stderr is a terminal; without one otherwise.

    Args:
        items: what to iterate over.
        what: what the bar says.
        shown: whether there is to be one.
        total: how many items there are, where they do not say so themselves.

    Example:
        >>> list(track([1, 2], "counting", shown=False))
        [1, 2]
    """
    if not shown or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, what, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on stderr, gone when done; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(visible(what))):  # not a string, which would be read as markup
        yield


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide transformers' own progress bars and load reports; what matters is raised as an error."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
