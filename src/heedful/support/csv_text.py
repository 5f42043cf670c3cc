"""Rows as comma-separated values."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from csv import QUOTE_NONNUMERIC, writer
from typing import Any


def as_csv(table: Iterable[Sequence[Any]]) -> str:
    """Write rows as comma-separated values; text is quoted, numbers are exact."""
    file = io.StringIO()
    writer(file, quoting=QUOTE_NONNUMERIC, lineterminator="\n").writerows(table)
    return file.getvalue()
