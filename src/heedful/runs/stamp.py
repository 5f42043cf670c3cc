"""Stamps: all that tables depend on, as one digest beside them; tables under the same stamp are not made again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from heedful.runs.tables import Tables
from heedful.support.files import write_whole


def digest(*parts: str | bytes) -> str:
    """Return one digest of several texts or files; where one ends and the next begins counts.

    Example:
        >>> digest("a", "bc") == digest("ab", "c")
        False
    """
    whole = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()


def keep(tables: Tables, name: str, stamp: str, make: Callable[[], Mapping[str, pa.Table]]) -> bool:
    """Make tables and write them, unless those made under this stamp are all there; tell whether they were made.

    The stamp is written last. A kill before that leaves none, and everything is made again.

    Args:
        tables: where they go; the stamp is `NAME.stamp` in their folder.
        name: of the stamp.
        stamp: a digest of what the tables depend on.
        make: makes them, by name.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tables = Tables(pathlib.Path(folder))
        ...     [keep(tables, "sums", stamp, lambda: {"sums": pa.table({"x": [3]})}) for stamp in ("1", "1", "2")]
        [True, False, True]
    """
    path = _path(tables, name)
    if kept(tables, name, stamp):
        return False
    path.unlink(missing_ok=True)
    made = make()
    for one, table in made.items():
        tables.write(one, table)
    write_whole(path, "\n".join([stamp, *made]))
    return True


def kept(tables: Tables, name: str, stamp: str) -> bool:
    """Tell whether tables made under this stamp are all there; arguments as for `keep`."""
    path = _path(tables, name)
    if not path.is_file():
        return False
    first, *names = path.read_text("utf-8", "replace").split("\n")
    return first == stamp and all(one in tables for one in names)


def _path(tables: Tables, name: str) -> Path:
    return tables.folder / f"{name}.stamp"
