"""Data sets of the hub, through the optional library `datasets`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from heedful.data.columns import Columns, Query, first_line, row_place
from heedful.data.formats import READERS, SPLITS
from heedful.errors import DataError, MissingExtraError

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_hub_id(path: str | Path) -> bool:
    """True for owner/name where nothing local is meant: neither the path nor its folder exists."""
    local = Path(path)
    looks = _HUB_ID.fullmatch(str(path)) and local.suffix.lower() not in READERS
    return bool(looks) and not local.parent.exists()


def from_hub(name: str, query: Query) -> dict[str, Columns]:
    """The parts of a data set of the hub."""
    try:
        import datasets
    except ImportError:
        purpose = f"there is no file or folder {name}, and reading it from the hub"
        raise MissingExtraError("datasets", "hub", purpose) from None
    try:
        found = datasets.load_dataset(name)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error)
        raise DataError(f"{name}: no such file or folder, and not to be had from the hub ({reason})") from None
    parts = {split: alias for split, aliases in SPLITS.items() for alias in aliases if alias in found}
    return {split: _hubcolumns_of(found[alias], f"{name} ({alias})", query) for split, alias in parts.items()}


def _hubcolumns_of(split: Any, source: str, query: Query) -> Columns:
    values = dict(split.select_columns(query.choose(split.column_names, source))[: query.limit])
    names = getattr(split.features[query.label], "names", None)
    if names:
        # A withheld label is -1 there: it keeps its digits for a name, and is refused as unknown to train.
        values[f"{query.label}_name"] = [names[k] if k in range(len(names)) else str(k) for k in values[query.label]]
    return Columns(source, values, row_place)
