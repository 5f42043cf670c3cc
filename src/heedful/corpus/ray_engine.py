"""Ray engine: not there yet."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.corpus.engine import Job
from heedful.errors import SettingError


@dataclass(frozen=True)
class Ray:
    """Not there yet."""

    address: str | None = None

    def work(self, job: Job) -> None:
        """Refuse."""
        raise SettingError("the Ray engine is not there yet")
