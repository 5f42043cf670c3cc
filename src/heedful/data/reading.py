"""Read one file or folder, a data set with its parts, or texts without labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heedful.data.checks import TextRow, checked, text_rows
from heedful.data.columns import Column, Columns, Query
from heedful.data.dataset import Dataset, Splits
from heedful.data.encodings import decode, unpacked, without_line_end
from heedful.data.folders import columns_of, find_parts
from heedful.data.formats import table_suffix
from heedful.data.hub import from_hub, is_hub_id
from heedful.data.usable import Usable, usable_rows
from heedful.errors import DataError


def read(
    path: str | Path,
    *,
    text: Column = None,
    label: Column = None,
    limit: int | None = None,
    encoding: str | None = None,
) -> Dataset:
    r"""Read one file, or a folder that holds one data set.

    A file is CSV or another delimited text (.csv, .tsv, .tab), JSON (.jsonl, .ndjson, .json-lines, .json), Parquet or
    Arrow (.parquet, .arrow, .feather); a text file may be compressed (.gz, .bz2, .xz). A folder has one folder of .txt
    files a class, or the shards of one file, or was made by `save_to_disk` of the library `datasets`. Separators,
    quotes, line ends, and encodings that can be told are told from the content. Files with the list columns `tokens`
    and `rationale` (one number a token) keep them as `Dataset.rationales`; CSV has no lists. See the head of this
    package for what labels may be.

    Args:
        path: the file or folder.
        text: the text column, by name, or by number from 0 (for a file without a header); by default "text" or the one
            column whose name usually means that, such as "sentence" or "review".
        label: the label column, likewise; by default "label" or one such as "sentiment" or "target".
        limit: take only the first so many rows, unread ones unchecked; of a folder, take turns between its classes.
        encoding: of text files without a byte order mark that are not UTF-8, such as "cp1252".

    Raises:
        DataError: the data cannot be used; one line with the file and, where it is known, the line or row.
        SettingError: `limit` is below 1, `text` and `label` are the same column, or there is no such encoding.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "reviews.csv")
        ...     _ = path.write_text("review;sentiment\nA gem.;pos\nA bore.;neg\n")
        ...     data = read(path)
        >>> data.texts, data.labels.tolist(), data.label_names
        (('A gem.', 'A bore.'), [1, 0], ('neg', 'pos'))
    """
    query = Query(text, label, limit, encoding)
    with _os_errors(path):
        return checked(columns_of(Path(path), query), query)[0]


def read_splits(
    path: str | Path,
    *,
    text: Column = None,
    label: Column = None,
    limit: int | None = None,
    encoding: str | None = None,
) -> Splits:
    r"""Read a data set with its parts.

    `path` is a folder with train, validation (or valid, val, dev) and test as files, shards or folders (the layouts of
    aclImdb, of `save_to_disk` and of the hub's repositories); or whatever `read` takes (train only); or, where nothing
    local is meant, an id of the hub such as "stanfordnlp/imdb" (needs the extra `hub`). Arguments as for `read`, for
    each part.

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
    query = Query(text, label, limit, encoding)
    parts = _parts(path, query)
    train, classes = checked(parts.pop("train"), query)
    others = {split: checked(columns, query, classes)[0] for split, columns in parts.items()}
    return Splits(train, others.get("validation"), others.get("test"))


def read_usable(path: str | Path, *, text: Column = None, label: Column = None, encoding: str | None = None) -> Usable:
    r"""Read the test part of a data set, else its validation part, else all of it: whatever rows can be used.

    Rows without a usable text or without a label are left out, and rationales that do not fit their text; the result
    says what is wrong, and where. Arguments as for `read_splits`.

    Raises:
        DataError: as for `read_splits`, or no row can be used.
        MissingExtraError, SettingError: as for `read_splits`.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "reviews.csv")
        ...     _ = path.write_text("text,label\nA gem.,pos\nA bore.,neg\n,pos\nA treat.,\n")
        ...     result = read_usable(path)
        >>> result.dataset.texts, list(result.problems.values())
        (('A gem.', 'A bore.'), [['line 4'], ['line 5']])
    """
    query = Query(text, label, None, encoding)
    parts = _parts(path, query)
    chosen = next(split for split in ("test", "validation", "train") if split in parts)
    result, classes = usable_rows(parts["train"], query)
    return result if chosen == "train" else usable_rows(parts[chosen], query, classes)[0]


def _parts(path: str | Path, query: Query) -> dict[str, Columns]:
    """The unchecked columns of every part; raises DataError if none is called train."""
    with _os_errors(path):
        if is_hub_id(path):
            parts = from_hub(str(path), query)
        else:
            parts = {split: columns_of(place, query) for split, place in find_parts(Path(path)).items()}
    if "train" not in parts:
        raise DataError(f"{path}: there is no train part" + (f", only {' and '.join(parts)}" if parts else ""))
    return parts


def read_texts(
    path: str | Path, *, text: Column = None, limit: int | None = None, encoding: str | None = None
) -> tuple[TextRow, ...]:
    r"""Read the texts of whatever `read` takes, without labels; rows without a usable text say what is wrong.

    Arguments as for `read`. A file or folder of which no row can be read is refused.

    Raises:
        DataError: as for `read`, or there are no rows.
        SettingError: as for `read`.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "notes.tsv")
        ...     _ = path.write_text("id\tcomment\n1\tA gem.\n2\t\n")
        ...     rows = read_texts(path)
        >>> [(row.place, row.text, row.problem) for row in rows]
        [('line 2', 'A gem.', None), ('line 3', None, "the text ('comment') is missing or blank")]
    """
    query = Query(text, None, limit, encoding, labelled=False)
    with _os_errors(path):
        rows = text_rows(columns_of(Path(path), query))
    if not rows:
        raise DataError(f"{path}: there are no rows")
    return rows


def is_table(path: str | Path) -> bool:
    """Return True if the name of a file says that it holds a table: a row a text, and not one text.

    Example:
        >>> is_table("reviews.csv.gz"), is_table("review.txt")
        (True, False)
    """
    return bool(table_suffix(Path(path)))


def text_of(data: bytes, source: str, encoding: str | None = None) -> str:
    r"""Return the one text that bytes of a file or of standard input hold, without the end of its last line.

    The encoding is that of the byte order mark, else `encoding`, else UTF-8; the bytes may be compressed by gzip.

    Raises:
        DataError: the bytes are not in that encoding, or no text.
        SettingError: there is no such encoding.

    Example:
        >>> text_of(b"\xff\xfeo\x00k\x00\r\x00\n\x00", "note.txt")
        'ok'
    """
    query = Query(encoding=encoding)
    return without_line_end(decode(unpacked(data, source), source, query.encoding).whole())


@contextmanager
def _os_errors(path: str | Path) -> Iterator[None]:
    if not isinstance(path, (str, Path)) or not str(path).strip():
        raise DataError(f"give the path of a file or folder, got {path!r}")
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from None
