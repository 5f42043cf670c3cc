"""Read one file or folder, or a data set with its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heedful.data.checks import checked
from heedful.data.columns import Query
from heedful.data.dataset import Dataset, Splits
from heedful.data.formats import READERS, SPLITS, columns_of
from heedful.data.hub import from_hub, is_hub_id
from heedful.errors import DataError


def read(path: str | Path, *, text: str = "text", label: str = "label", limit: int | None = None) -> Dataset:
    r"""Read one file (.parquet, .csv, .jsonl, .ndjson, .json-lines) or a folder with one folder of .txt files a class.

    Files with the list columns `tokens` and `rationale` (one number a token) keep them as `Dataset.rationales`;
    CSV has no lists. See the head of this module for what labels may be.

    Args:
        path: the file or folder.
        text: name of the text column.
        label: name of the label column.
        limit: take only the first so many rows, unread ones unchecked; of a folder, take turns between its classes.

    Raises:
        DataError: the data cannot be used; one line with the file and, where it is known, the line or row.
        SettingError: `limit` is below 1, or `text` and `label` are the same column.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "reviews.csv")
        ...     _ = path.write_text("text,label\nA gem.,pos\nA bore.,neg\n")
        ...     data = read(path)
        >>> data.texts, data.labels.tolist(), data.label_names
        (('A gem.', 'A bore.'), [1, 0], ('neg', 'pos'))
    """
    query = Query(text, label, limit)
    with _os_errors(path):
        return checked(columns_of(Path(path), query), query)


def read_splits(path: str | Path, *, text: str = "text", label: str = "label", limit: int | None = None) -> Splits:
    r"""Read a data set with its parts.

    `path` is a folder with train, validation (or valid, val, dev) and test as files or as folders of classes (the
    layout of aclImdb); or whatever `read` takes (train only); or, where nothing local is meant, an id of the hub such
    as "stanfordnlp/imdb" (needs the extra `hub`). `limit` holds for each part.

    Raises:
        DataError: as for `read`; or there is no train part, or another part has a label that train has not.
        MissingExtraError: a hub id without the library `datasets`.
        SettingError: as for `read`.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "train.csv").write_text("text,label\nA gem.,pos\nA bore.,neg\n")
        ...     _ = pathlib.Path(folder, "test.csv").write_text("text,label\nA treat.,pos\n")
        ...     splits = read_splits(folder)
        >>> splits.test.label_names, splits.test.labels.tolist(), splits.validation
        (('neg', 'pos'), [1], None)
    """
    query = Query(text, label, limit)
    with _os_errors(path):
        if is_hub_id(path):
            parts = from_hub(str(path), query)
        else:
            parts = {split: columns_of(place, query) for split, place in _find_parts(Path(path)).items()}
    if "train" not in parts:
        raise DataError(f"{path}: there is no train part" + (f", only {' and '.join(parts)}" if parts else ""))
    train = checked(parts.pop("train"), query)
    others = {split: checked(columns, query, train.label_names) for split, columns in parts.items()}
    return Splits(train, others.get("validation"), others.get("test"))


@contextmanager
def _os_errors(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from None


def _find_parts(path: Path) -> dict[str, Path]:
    """The file or folder of each part; a path without parts is all train."""
    parts: dict[str, Path] = {}
    entries = sorted(path.iterdir()) if path.is_dir() else []
    for split, aliases in SPLITS.items():
        found = [p for p in entries if p.stem in aliases and (p.is_dir() or p.suffix.lower() in READERS)]
        if len(found) > 1:
            raise DataError(f"{path}: which is {split}, {' or '.join(p.name for p in found)}? Keep one of them there")
        if found:
            parts[split] = found[0]
    return parts or {"train": path}
