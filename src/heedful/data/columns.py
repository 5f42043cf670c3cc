"""What readers hand over: unchecked values by column, with a way to name the place each row came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heedful.errors import DataError, SettingError

LISTS = ("tokens", "rationale")


@dataclass(frozen=True)
class Query:
    """Which columns and how many rows are asked for."""

    text: str
    label: str
    limit: int | None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise SettingError(f"limit must be at least 1, got {self.limit}")
        if self.text == self.label:
            raise SettingError(f"text and label are the same column, {self.text!r}")

    def is_met(self, n: int) -> bool:
        """True if n rows are enough."""
        return self.limit is not None and n >= self.limit

    def choose(self, present: Iterable[str], source: str | Path) -> list[str]:
        """The columns to read, out of those present."""
        present = list(present)
        wanted = (self.text, self.label, f"{self.label}_name", *LISTS)
        missing = [name for name in wanted[:2] if name not in present]
        if missing:
            there = ", ".join(map(repr, present)) or "none"
            raise DataError(f"{source}: no column {' and '.join(map(repr, missing))}; the columns are: {there}")
        for name in wanted:
            if present.count(name) > 1:
                raise DataError(f"{source}: column {name!r} is there {present.count(name)} times")
        return [name for name in wanted if name in present]


@dataclass(frozen=True)
class Columns:
    """Unchecked values by column, and the place of every row in words."""

    source: str
    values: Mapping[str, Sequence[Any]]
    place: Callable[[int], str]

    def error(self, rows: Sequence[int], what: str) -> DataError:
        """What is wrong in some rows, and where the first of them is."""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        return DataError(f"{self.source}, {self.place(rows[0])}{more}: {what}")


def row_place(i: int) -> str:
    """Place of a row in a format without lines."""
    return f"row {i + 1}"


def first_line(error: Exception) -> str:
    """The first line of a library's message."""
    return next(iter(str(error).splitlines()), type(error).__name__)
