"""Data sets of the hub, through the optional library `datasets`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from heedful.data.arrow import named
from heedful.data.columns import Columns, Query, row_place
from heedful.data.folders import SPLITS
from heedful.data.formats import table_suffix
from heedful.errors import DataError, MissingExtraError, first_line

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_hub_id(path: str | Path) -> bool:
    """True for owner/name where nothing local is meant: neither the path nor its folder exists."""
    local = Path(path)
    looks = _HUB_ID.fullmatch(str(path)) and not table_suffix(local)
    return bool(looks) and not local.parent.exists()


def from_hub(name: str, query: Query) -> dict[str, Columns]:
    """The parts of a data set of the hub."""
    dataset = _loaded(name)
    parts = {split: alias for split, aliases in SPLITS.items() for alias in aliases if alias in dataset}
    return {split: _columns(dataset[alias], f"{name} ({alias})", query) for split, alias in parts.items()}


def open_on_hub(name: str) -> tuple[str, Any]:
    """Return a part of a data set of the hub as a stream, and what it is called: test, else validation, else train.

    Raises:
        DataError: it cannot be had, or has none of these parts.
        MissingExtraError: the library `datasets` is not installed.
    """
    dataset = _loaded(name, streaming=True)
    for split in reversed(SPLITS):
        for alias in SPLITS[split]:
            if alias in dataset:
                return alias, dataset[alias]
    raise DataError(f"{name}: there is no part called test, validation or train, only {', '.join(dataset)}")


def _loaded(name: str, **settings: Any) -> Any:
    try:
        import datasets
    except ImportError:
        purpose = f"there is no file or folder {name}, and reading it from the hub"
        raise MissingExtraError("datasets", "hub", purpose) from None
    try:
        return datasets.load_dataset(name, **settings)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error)
        raise DataError(f"{name}: no such file or folder, and not to be had from the hub ({reason})") from None


def _columns(split: Any, source: str, query: Query) -> Columns:
    present = list(split.column_names)
    chosen = {role: present[i] for role, i in query.choose(present, source).items()}
    read = split.select_columns(list(chosen.values()))[: query.limit]
    values = {role: list(read[name]) for role, name in chosen.items()}
    names = getattr(split.features[chosen["label"]], "names", None)
    if names:
        values["label_name"] = named(values["label"], list(names))
    return Columns(source, values, row_place, chosen)
