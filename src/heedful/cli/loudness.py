"""How much a command says on stderr: nothing but errors with -q, what it does and how long it takes with -v."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from heedful.errors import HeedfulError, SettingError
from heedful.support.progress import say, silenced
from heedful.support.visible import visible

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors: no progress, no notes.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done and how long it takes.")]

LOG = logging.getLogger("heedful")


class _Line(logging.Formatter):
    """A line a record, with the seconds since the command began; none of it can steer a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.time()

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; an exception as Python shows it."""
        text = visible(record.getMessage())
        if record.exc_info:
            text += "\n" + visible(self.formatException(record.exc_info), keep_newlines=True)
        return f"{record.created - self._started:7.2f} s  {text}"


@contextmanager
def loudness(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Say less, or more, inside.

    Raises:
        SettingError: both are asked for.
    """
    if quiet and verbose:
        raise SettingError("give --quiet or --verbose, not both")
    if quiet:
        with silenced():
            yield
    elif verbose:
        with _logged():
            yield
    else:
        yield


@contextmanager
def warnings_said() -> Iterator[None]:
    """Say what is warned of inside in lines of its own, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for line in dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, UserWarning)):
        say(line)


@contextmanager
def _logged() -> Iterator[None]:
    """Write the package's log on stderr, and of an error where it was raised."""
    handler, level = logging.StreamHandler(sys.stderr), LOG.level
    handler.setFormatter(_Line())
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    except HeedfulError:
        LOG.info("stopped by an error", exc_info=True)
        raise
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)
