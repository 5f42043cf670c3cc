"""What commands print on stdout: text for people, JSON, comma-separated values; none of it can steer a terminal."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from heedful.errors import SettingError
from heedful.support.csv_text import as_csv
from heedful.support.visible import visible

_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # DEL, C1, line ends and directions of Unicode
_UNBOUNDED = 1 << 20  # columns: more than any line has


def console() -> Console:
    """Return the console of stdout; where that is a pipe or a file, without COLUMNS, no line is broken."""
    terminal = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return Console() if terminal else Console(width=_UNBOUNDED)


def print_json(text: str, end: str = "\n") -> None:
    """Print equal JSON whose characters cannot steer a terminal: JSON itself escapes no more of them than C0."""
    print(_STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text), end=end)  # noqa: T201 - its purpose


def print_csv(rows: Iterable[Sequence[Any]]) -> None:
    """Print rows, exactly as they are; on a terminal, with what could steer it made visible."""
    text = as_csv(rows)
    print(visible(text, keep_newlines=True) if sys.stdout.isatty() else text, end="")  # noqa: T201 - its purpose


def print_records(records: Sequence[Mapping[str, Any]]) -> None:
    """Print records with the same keys as comma-separated values; what is not a number is empty."""
    names = [*records[0]] if records else []
    print_csv([names, *([_known(one[name]) for name in names] for one in records)])


def _known(value: Any) -> Any:
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def check_format(*, as_json: bool, as_csv: bool) -> None:
    """Raise SettingError if more than one form is asked for."""
    if as_json and as_csv:
        raise SettingError("give --json or --csv, not both")
