"""A corpus as comma-separated values, for people with a spreadsheet: a line for each text and method."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from csv import QUOTE_NONNUMERIC, writer
from pathlib import Path
from typing import Any

from heedful.corpus.table import ERROR, SCORES
from heedful.support.files import open_whole

_HEADER = ("id", "label", "predicted", "probability", "target", "method", "words for", "words against", "error")
_SHOWN = 5  # words for the target, and as many against it


def write(path: Path, rows: Iterable[Mapping[str, Any]], methods: Sequence[str]) -> None:
    """Write a file with a line for each row and method.

    Raises:
        InputError: the file cannot be written.
    """
    with open_whole(path) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)  # the mark is for spreadsheets
        lines = writer(text, quoting=QUOTE_NONNUMERIC, lineterminator="\n")
        lines.writerow(_HEADER)
        for row in rows:
            lines.writerows(_lines(row, methods))
        text.detach()


def _lines(row: Mapping[str, Any], methods: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    first = tuple("" if row[name] is None else row[name] for name in _HEADER[:5])
    for method in methods:
        scores, error = row[f"{method}_{SCORES}"], row["error"] or row[f"{method}_{ERROR}"]
        pairs = sorted(zip(row["units"] or (), scores or (), strict=scores is not None), key=lambda one: -abs(one[1]))
        signs = (
            [(word, score) for word, score in pairs if score > 0],
            [(word, score) for word, score in pairs if score < 0],
        )
        words = ["; ".join(f"{word} {score:+.3g}" for word, score in some[:_SHOWN]) for some in signs]
        yield (*first, method, *words, error or "")
