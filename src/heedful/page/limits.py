"""How much one request may ask for, and what is said where it asks for more."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.errors import HeedfulError, InputError


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
        characters: of a text.
        body: bytes of a request.
        upload: bytes of a file.
        rows: of a file that are listed.
        methods: explained by one request.
        workers: requests computed at once.
        waiting: requests that may wait for a worker.
        seconds: that one request may take, waiting included.
        kept: bytes, about, of answers kept for requests that come again.
        columns: of a file.
        sending: seconds in which a request has to be there.
        connections: at once.
        bodies: requests with a body at once, answered or not.
        held: bytes of all these together.
    """

    characters: int = 20_000
    body: int = 400_000
    upload: int = 5_000_000
    rows: int = 1_000
    methods: int = 16
    workers: int = 2
    waiting: int = 100
    seconds: float = 60.0
    kept: int = 50_000_000
    columns: int = 500
    sending: float = 30.0
    connections: int = 500
    bodies: int = 300
    held: int = 100_000_000


class TooLargeError(InputError):
    """A request, a text or a file is larger than the page takes."""


class BusyError(InputError):
    """Too many requests wait already."""


class TooSlowError(InputError):
    """A request takes longer than it may."""


class SlowBodyError(InputError):
    """A request does not arrive in time."""


class ForbiddenError(InputError):
    """A request comes from another site, or asks for another host."""


STATUS: dict[type[BaseException], int] = {
    TooLargeError: 413,
    BusyError: 503,
    TooSlowError: 504,
    ForbiddenError: 403,
    SlowBodyError: 408,
}


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error: 400 for bad input, 500 for faults of ours."""
    return STATUS.get(type(error), 400) if isinstance(error, HeedfulError) else 500
