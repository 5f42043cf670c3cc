"""An uploaded table of texts: read, listed, and forgotten."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from heedful.data.checks import text_rows
from heedful.data.columns import Query
from heedful.data.encodings import is_compressed
from heedful.data.folders import columns_of
from heedful.errors import DataError, InputError
from heedful.page.limits import Limits
from heedful.support.visible import visible

SUFFIXES = (".csv", ".parquet")
_ADVICE = (
    (r"name the right one with \w+= \(--[\w-]+\), or give its number.*", "type the name of the right one below"),
    (r"[Ss]ay so with \w+= \(--[\w-]+\)", "type its name below"),
    (r", or say its encoding= \(--encoding\): .*", ""),
    (r" \(--[\w-]+\)", ""),
)
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
    if is_compressed(content):
        raise DataError("the file is compressed: unpack it, and upload the .csv or .parquet inside")
    query = Query(
        text=column or None,
        limit=limits.rows,
        labelled=False,
        most_columns=limits.columns,
        most_characters=limits.rows * limits.characters,
    )
    with tempfile.TemporaryDirectory(prefix="heedful-") as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(content)
        try:
            rows = text_rows(columns_of(path, query))
        except InputError as error:
            raise DataError(_on_the_page(str(error).replace(str(path), "the file"))) from None
    if not rows:
        raise DataError("the file has no rows")
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


def _on_the_page(message: str) -> str:
    """The same advice, without names of arguments and options, which the page has not."""
    for pattern, instead in _ADVICE:
        message = re.sub(pattern, instead, message)
    return message


def _problem(text: str | None, problem: str | None, limits: Limits) -> str | None:
    if text is not None and len(text) > limits.characters:
        return f"{len(text):,} characters: this page takes {limits.characters:,}"
    return None if problem is None else visible(problem)
