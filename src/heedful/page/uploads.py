"""An uploaded table of texts: read, listed, and forgotten."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from heedful.data import read_texts
from heedful.errors import DataError
from heedful.page.limits import Limits
from heedful.support.visible import visible

SUFFIXES = (".csv", ".parquet")
Json = dict[str, Any]


def listed(name: str, content: bytes, column: str | None, limits: Limits) -> Json:
    """List the rows of an uploaded file; nothing of it is kept.

    Args:
        name: of the file, of which only the suffix counts.
        content: its bytes.
        column: of the texts; None for the usual ones.
        limits: rows, and characters of a text.

    Raises:
        DataError: it is no CSV and no Parquet, or no texts can be read.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError("upload a .csv or a .parquet file, with a column of texts")
    with tempfile.TemporaryDirectory(prefix="heedful-") as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(content)
        try:
            rows = read_texts(path, text=column or None, limit=limits.rows)
        except DataError as error:
            raise DataError(str(error).replace(str(path), "the file")) from None
    return {
        "rows": [
            {
                "place": visible(row.place),
                "text": row.text if row.text is not None and len(row.text) <= limits.characters else None,
                "problem": _problem(row.text, row.problem, limits),
            }
            for row in rows
        ],
        "most": limits.rows,
    }


def _problem(text: str | None, problem: str | None, limits: Limits) -> str | None:
    if text is not None and len(text) > limits.characters:
        return f"{len(text):,} characters: this page takes {limits.characters:,}"
    return None if problem is None else visible(problem)
