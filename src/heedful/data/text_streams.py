"""Text files read line by line, compressed or not, from the disk or from standard input; no file is held whole."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from heedful.data.encodings import HEAD, Content, encoding_of, refuse_other_files
from heedful.errors import DataError

Bytes = io.RawIOBase | io.BufferedIOBase  # an open file
SNIFFED = 2**19  # characters from which the layout of a file is told
_FEWEST_LINES = 4  # in what a layout is told from, of whatever length
_LONGEST_HEAD = 2**24  # characters
_BLOCK = 2**16  # bytes
_OPEN: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b\x08": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_NEWLINE = {"\n": "\n", "\r": "\r", "any": ""}  # as io.TextIOWrapper wants it
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class TextFile:
    """A text file that can be read line by line, again and again.

    Attributes:
        source: what messages call it.
        encoding: of a file that does not tell its own.
        open: gives its bytes from the start.
        once: set where these bytes come once only.
    """

    source: str
    encoding: str | None
    open: Callable[[], Bytes]
    once: OnePass | None = None

    def head(self) -> tuple[Content, bool]:
        """Return the first characters, and whether these are all; what comes last may be half a line.

        Raises:
            DataError: the file is empty, damaged or no text file.
            OSError: it cannot be read.
        """
        with self._text("any", self.once.start if self.once else self.open) as file:
            text = file.read(SNIFFED)
            while text.count("\n") + text.count("\r") < _FEWEST_LINES and len(text) < _LONGEST_HEAD:
                if not (more := file.read(SNIFFED)):
                    break
                text += more
            whole = not file.read(1) and (self.once is None or self.once.complete)
        if not text:
            raise DataError(f"{self.source}: the file is empty")
        return Content(self.source, text), whole

    def lines(self, end: str, longest: int) -> Iterator[str]:
        """Iterate over the lines with their ends: LF (and so CRLF), CR or any of the three.

        A byte that is not in the encoding becomes half a surrogate pair, as `is_undecoded` tells. Of a line of more
        than `longest` characters the first so many are given.

        Raises:
            DataError: on reaching what is damaged.
        """
        with self._text(end, self.open) as file:
            while line := file.readline(longest):
                yield line
                while len(line) == longest and line[-1] not in "\r\n":
                    line = file.readline(longest)

    @contextmanager
    def _text(self, end: str, opener: Callable[[], Bytes]) -> Iterator[io.TextIOWrapper]:
        with opener() as raw:
            try:
                file = io.BufferedReader(cast("io.RawIOBase", raw), _BLOCK)
                head = file.peek(HEAD)
                refuse_other_files(head, self.source)
                unpack = next((unpack for start, unpack in _OPEN.items() if head.startswith(start)), None)
                if unpack is not None:
                    file = io.BufferedReader(cast("io.RawIOBase", unpack(file)), _BLOCK)
                name, n_mark = encoding_of(file.peek(HEAD)[:HEAD], self.encoding)
                file.read(n_mark)
                yield io.TextIOWrapper(file, name, errors="surrogateescape", newline=_NEWLINE[end])
            except UnicodeError as error:
                raise DataError(f"{self.source}: not {name} from some place on ({error})") from None
            except _DAMAGED as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise DataError(f"{self.source}: compressed, and damaged or cut off ({error})") from None


def is_undecoded(text: str) -> bool:
    """Return True if some bytes of this piece of a text file are not in its encoding."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def on_disk(path: Path, encoding: str | None) -> TextFile:
    """Return a file of the disk."""
    return TextFile(str(path), encoding, lambda: path.open("rb", buffering=0))


class _Replayed(io.RawIOBase):
    """Bytes that were read already, and what follows them."""

    def __init__(self, start: bytes, rest: Bytes | None) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._start[: len(buffer)] if self._start else self._rest.read(len(buffer)) if self._rest else b""
        self._start = self._start[len(block) :]
        buffer[: len(block)] = block
        return len(block)


class OnePass:
    """Bytes that come once, such as those of standard input: their start can be looked at before."""

    def __init__(self, file: Bytes, source: str) -> None:
        self._file, self._source, self._given = file, source, False
        self._start = b""
        self.complete = False
        while not self.complete and (len(self._start) < 4 * SNIFFED or self._start.count(b"\n") < _FEWEST_LINES):
            block = file.read(4 * SNIFFED)
            self._start += block
            self.complete = not block
            if len(self._start) > _LONGEST_HEAD:
                break

    def start(self) -> Bytes:
        """Return the first bytes, as a file."""
        return io.BytesIO(self._start)

    def whole(self) -> Bytes:
        """Return all bytes.

        Raises:
            DataError: for the second time.
        """
        if self._given:
            raise DataError(f"{self._source} can be read once only: save it as a file")
        self._given, start, self._start = True, self._start, b""
        return _Replayed(start, self._file)
