"""How much the pages of a Parquet file unpack to, read from the pages' own headers.

A reader makes room for what the header of a page says, whatever the file's footer says of the column. Headers are
Thrift structs in its compact protocol: https://github.com/apache/parquet-format (PageHeader), and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from heedful.errors import DataError
from heedful.support.stopping import pause

_UNPACKED, _PACKED = 2, 3  # fields of a header: bytes of the page unpacked, and as it is in the file
_BEHIND = 100  # bytes behind a column that readers look at, too, in files of some old writers
_I16, _I32, _I64, _BINARY, _LIST, _SET, _STRUCT = 4, 5, 6, 8, 9, 10, 12
_BYTES = {1: 0, 2: 0, 3: 1, 7: 8}  # of a value, by its kind: true, false, a byte, a double
_DEEPEST = 16


def unpacked(path: Path, columns: list[tuple[int, int]]) -> int:
    """Return the bytes that the pages of columns unpack to.

    Args:
        path: the file.
        columns: where each begins, and how many bytes it has.

    Raises:
        DataError: a header cannot be read.
    """
    if not columns:
        return 0
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        try:
            return sum(_column(content, start, start + size) for start, size in columns)
        except (IndexError, ValueError, RecursionError):
            raise DataError(f"{path}: not a Parquet file, or a damaged one (a page's header)") from None


def _column(content: mmap, at: int, end: int) -> int:
    total = 0
    while 0 <= at < end:
        pause()
        try:
            sizes, at = _struct(content, at)
            total += _size(sizes, _UNPACKED)
            at += _size(sizes, _PACKED)
        except (IndexError, ValueError):
            if total and end - at <= _BEHIND:  # what fills the end up is no page
                break
            raise
    return total


def _size(sizes: dict[int, int], field: int) -> int:
    if sizes.get(field, -1) < 0:
        raise ValueError
    return sizes[field]


def _struct(content: mmap, at: int, depth: int = 0) -> tuple[dict[int, int], int]:
    """The numbers of 32 bits in a struct, by field, and where it ends."""
    numbers, field = dict[int, int](), 0
    while (head := content[at]) != 0:
        kind, at = head & 15, at + 1
        if head >> 4:
            field += head >> 4
        else:
            field, at = _signed(content, at)
        if kind == _I32:
            numbers[field], at = _signed(content, at)
        else:
            at = _behind(content, at, kind, depth)
    return numbers, at + 1


def _behind(content: mmap, at: int, kind: int, depth: int) -> int:
    """Where a value of a kind ends."""
    if depth > _DEEPEST:
        raise ValueError
    if kind in _BYTES:
        return at + _BYTES[kind]
    if kind in (_I16, _I32, _I64, _BINARY):
        value, at = _varint(content, at)
        return at + value if kind == _BINARY else at
    if kind in (_LIST, _SET):
        return _elements(content, at, depth)
    if kind == _STRUCT:
        return _struct(content, at, depth + 1)[1]
    raise ValueError  # maps too: a header has none


def _elements(content: mmap, at: int, depth: int) -> int:
    head, at = content[at], at + 1
    n, kind = head >> 4, head & 15
    if n == 15:
        n, at = _varint(content, at)
    if kind in _BYTES:
        return at + n * max(1, _BYTES[kind])  # in a list, true and false take a byte
    for _ in range(n):
        at = _behind(content, at, kind, depth + 1)
    return at


def _varint(content: mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte, at = content[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError


def _signed(content: mmap, at: int) -> tuple[int, int]:
    value, at = _varint(content, at)
    return (value >> 1) ^ -(value & 1), at
