"""From the bytes of a text file to its characters and lines: compression, encoding, line ends."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heedful.errors import DataError

HEAD = 260  # bytes from which an encoding is told
COMPRESSIONS = (".gz", ".bz2", ".xz")
_UNPACK = {b"\x1f\x8b\x08": gzip.decompress, b"\xfd7zXZ\x00": lzma.decompress} | {
    b"BZh%d1AY&SY" % level: bz2.decompress for level in range(1, 10)
}
_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive or a workbook under another name: unpack it, or save the workbook as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel under another name: save it as CSV",
    b"PAR1": "a Parquet file under another name: name it .parquet",
}
_MARKS = {  # UTF-32 first: its mark begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LINES = {
    "\n": re.compile(r"[^\n]*\n|[^\n]+"),
    "\r": re.compile(r"[^\r]*\r|[^\r]+"),
    "any": re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+"),
}
_LINE_END = re.compile(r"\r+\n|\n|\r")


@dataclass(frozen=True)
class Content:
    """Characters of a file as far as they could be decoded, and what is wrong behind them, if anything is."""

    source: str
    text: str
    wrong: str | None = None

    def whole(self) -> str:
        """Return all characters.

        Raises:
            DataError: not all could be decoded.
        """
        if self.wrong is not None:
            raise DataError(self.wrong)
        return self.text

    def lines(self, end: str = "any") -> Iterator[str]:
        """Iterate over the lines with their ends: LF (and so CRLF), CR, or any of the three.

        Raises:
            DataError: on reaching the line that could not be decoded.
        """
        for match in _LINES[end].finditer(self.text):
            if self.wrong is not None and match.end() == len(self.text) and match[0][-1] not in "\r\n":
                break
            yield match[0]
        if self.wrong is not None:
            raise DataError(self.wrong)

    @property
    def line_end(self) -> str:
        r"""What ends the first line, and so a line of this file: LF (and so CRLF) or CR."""
        first = _LINE_END.search(self.text)
        return "\r" if first and first[0] == "\r" else "\n"


def load(path: Path, encoding: str | None = None) -> Content:
    """Read a text file, compressed or not; see `decode`.

    Raises:
        DataError: the file is empty, damaged, or no text file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read()
    data = unpacked(data, str(path))
    if not data:
        raise DataError(f"{path}: the file is empty")
    return decode(data, str(path), encoding)


def unpacked(data: bytes, source: str) -> bytes:
    """Return what was compressed, or the bytes themselves where nothing was.

    Raises:
        DataError: they are damaged, or no text.
    """
    refuse_other_files(data, source)
    unpack = next((unpack for start, unpack in _UNPACK.items() if data.startswith(start)), None)
    try:
        return data if unpack is None else unpack(data)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{source}: compressed, and damaged or cut off ({error})") from None


def is_compressed(data: bytes) -> bool:
    """Tell by its first bytes whether a file is compressed."""
    return any(data.startswith(start) for start in _UNPACK)


def refuse_other_files(head: bytes, source: str) -> None:
    """Refuse what is no text file, by its first bytes.

    Raises:
        DataError: it is a workbook, an archive or a Parquet file.
    """
    for start, what in _OTHER_FILES.items():
        if head.startswith(start):
            raise DataError(f"{source}: {what}")


def decode(data: bytes, source: str, encoding: str | None = None) -> Content:
    """Decode by the byte order mark, else as told, else as UTF-16 or UTF-32 with every other byte zero, else as UTF-8.

    Older encodings of one byte a character cannot be told apart, so they are never guessed.
    """
    name, n_mark = encoding_of(data[:HEAD], encoding)
    mark, data = data[:n_mark], data[n_mark:]
    try:
        return Content(source, data.decode(name))
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
    text = data[:start].decode(name)
    line = len(list(_LINES["any"].finditer(text + "?")))
    what = f"{source}, line {line}: not {name.upper() if name.startswith('utf') else name}"
    if name == "utf-8" and not mark:
        what += f": save it as UTF-8, or say its encoding= (--encoding): {_guess(data, start)}"
    return Content(source, text, what)


def encoding_of(head: bytes, encoding: str | None = None) -> tuple[str, int]:
    """Return the encoding of a file by its first `HEAD` bytes, and how many of these are its byte order mark."""
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    return _MARKS.get(mark) or encoding or _wide(head[len(mark) :][:256]) or "utf-8", len(mark)


def _guess(data: bytes, at: int) -> str:
    """Say how the bytes around the first that are not UTF-8 would read, for the reader of the message to judge."""
    before, after = (re.split(rb"[\s,;|]", part) for part in (data[max(at - 20, 0) : at], data[at : at + 20]))
    return f"in cp1252, of Windows, it has {(before[-1] + after[0]).decode('cp1252', 'replace')!r} there"


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: nearly all bytes at every other place are zero or, in most alphabets, small."""
    head = head[: len(head) // 4 * 4]
    places = [head[at::4] for at in range(4)]
    for end, (low, second, third, high) in (("le", places), ("be", places[::-1])):
        if not head or 0 in low:
            continue
        if not any(high) and not any(third):
            return f"utf-32-{end}"
        wide = second + high
        if 0 not in third and 0 in wide and sum(byte < 16 for byte in wide) >= 0.9 * len(wide):
            return f"utf-16-{end}"
    return None


def without_line_end(text: str) -> str:
    r"""Return a text without the end of its last line: CRLF, LF or CR, or the CRCRLF of a file converted twice.

    Example:
        >>> [without_line_end(text) for text in ("a\r\n", "a\n", "a\r", "a\r\r\n", "a\n\n", "a")]
        ['a', 'a', 'a', 'a', 'a\n', 'a']
    """
    return re.sub(r"(\r*\n|\r)\Z", "", text)
