"""Where the pieces that another tool scored stand in a text: words, or tokens with the marks of its tokenizer.

Both are compared without white space, case and accents, character by character, each of which keeps its place in the
text. Three ways are tried: whole words in the order of the text; tokens, each where the one before ends, or at the
start of a word further on; and whole words in any order, each wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from transformers.convert_slow_tokenizer import bytes_to_unicode

from heedful.support.names import shown
from heedful.text.spans import Span
from heedful.text.units import words

Places = tuple[Span, ...]  # of one piece: where it stands in the text

SPECIAL = frozenset((
    "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>", "<mask>", "<cls>", "<sep>", "<eos>", "<bos>",
    "<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>",
))  # fmt: skip
UNKNOWN = frozenset(("[UNK]", "<unk>", "UNK"))
_BYTES = {character: byte for byte, character in bytes_to_unicode().items()}  # as GPT-2 writes them
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # as SentencePiece writes one
_JOINED = 8  # tokens that a character may be cut into
_IGNORED = ("Mn", "Cf", "Cc")  # accents, and what no one sees


@dataclass(frozen=True)
class Folded:
    """A text without white space, case and accents.

    Attributes:
        text: the text.
        letters: what is left of it.
        origin: for each of these, the place in the text that it comes from.
    """

    text: str
    letters: str
    origin: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Folded:
        """Fold a text; "é" and "É" become "e", "ß" becomes "ss"."""
        letters, origin = list[str](), list[int]()
        for i, character in enumerate(text):
            for letter in fold(character):
                letters.append(letter)
                origin.append(i)
        return cls(text, "".join(letters), tuple(origin))

    def span(self, start: int, end: int) -> Span:
        """Characters of the text that some letters come from, with accents behind the last."""
        first, last = self.origin[start], self.origin[end - 1] + 1
        while last < len(self.text) and not self.text[last].isspace() and not fold(self.text[last]):
            last += 1
        return first, last

    @cached_property
    def bounds(self) -> tuple[frozenset[int], frozenset[int]]:
        """Where words of the text begin, and where they end."""
        spans = words(self.text)
        return frozenset(start for start, _ in spans), frozenset(end for _, end in spans)

    def whole_words(self, piece: str, start: int = 0) -> Iterator[tuple[int, int]]:
        """Yield places of a folded piece, from one on, where it begins and ends with words of the text."""
        starts, ends = self.bounds
        while piece and (place := self.letters.find(piece, start)) >= 0:
            first, last = self.span(place, place + len(piece))
            if first in starts and last in ends:
                yield place, place + len(piece)
            start = place + 1

    def begins_word(self, place: int) -> bool:
        """Tell whether a letter is the first of a word, or none of a word at all."""
        i = self.origin[place]
        return i == 0 or not self.text[i].isalnum() or not self.text[i - 1].isalnum()


def fold(text: str) -> str:
    """Return a text without white space, case and accents.

    Example:
        >>> fold("Ａ Café")
        'acafe'
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) not in _IGNORED)


def in_order(pieces: Sequence[str], text: Folded) -> list[Places] | None:
    """Places of whole words, each behind the one before; None if one is not there."""
    spans, cursor = list[Places](), 0
    for piece in pieces:
        place = next(text.whole_words(fold(piece), cursor), None)
        if place is None:
            return None
        spans.append((text.span(*place),))
        cursor = place[1]
    return spans


def anywhere(pieces: Sequence[str], text: Folded) -> list[Places] | None:
    """All places of whole words, in any order, with their case if they stand there in it; None if one is not there."""
    if len(set(pieces)) < len(pieces):
        return None
    spans = list[Places]()
    for piece in pieces:
        places = [text.span(*place) for place in text.whole_words(fold(piece))]
        if not places:
            return None
        alike = [span for span in places if text.text[slice(*span)] == piece.strip()]
        spans.append(tuple(alike or places))
    return spans


@dataclass
class Tokens:
    """Tokens are found one behind the other; those that stand for nothing in the text get no place.

    Attributes:
        pieces: the tokens as the tool writes them.
        text: the text.
        special: tokens that are no part of a text.
        spans: places, one a token so far.
        problem: what could not be found.
    """

    pieces: Sequence[str]
    text: Folded
    special: Collection[str] = SPECIAL
    spans: list[Places] = field(default_factory=list)
    problem: str = ""
    _cursor: int = 0
    _unknown: list[int] = field(default_factory=list)

    def find(self) -> list[Places] | None:
        """Find all of them; None if one is not there, and `problem` says which."""
        while len(self.spans) < len(self.pieces):
            if not self._next():
                seen = self.text.origin[self._cursor] if self._cursor < len(self.text.origin) else len(self.text.text)
                piece = self.pieces[len(self.spans)]
                self.problem = f"{shown(piece)} is not in the text where it should be, from character {seen} on"
                return None
        self._settle(len(self.text.letters))
        return self.spans

    def _next(self) -> bool:
        """Find the next token, or the next few that are bytes of one character."""
        piece = self.pieces[len(self.spans)]
        readings = readings_of(piece)
        for reading in readings:
            if reading and self.text.letters.startswith(reading, self._cursor) and not self._unknown:
                return self._take(self._cursor, len(reading))
        if piece in UNKNOWN or not piece.strip("\ufffd \u2581\u0120"):
            if piece in UNKNOWN or "\ufffd" in piece:
                self._unknown.append(len(self.spans))
            self.spans.append(())
            return True
        if piece in self.special or not any(readings):
            self.spans.append(())
            return True
        if self._as_bytes():
            return True
        return self._further_on(piece, readings)

    def _as_bytes(self) -> bool:
        """Take the next few tokens if they are bytes that spell what comes next."""
        start, raw = len(self.spans), b""
        for n, piece in enumerate(self.pieces[start : start + _JOINED], 1):
            part = bytes_of(piece)
            if part is None:
                return False
            raw += part
            reading = fold(_decoded(raw) or "")
            if n > 1 and reading and self.text.letters.startswith(reading, self._cursor) and not self._unknown:
                return self._take(self._cursor, len(reading), n)
        return False

    def _further_on(self, piece: str, readings: Sequence[str]) -> bool:
        """Take a token that begins a word further on; behind an unknown one it may begin anywhere."""
        for reading in filter(None, readings):
            place = self.text.letters.find(reading, self._cursor + bool(self._unknown))  # which stand for something
            while place >= 0 and not self._unknown and (piece.startswith("##") or not self.text.begins_word(place)):
                place = self.text.letters.find(reading, place + 1)
            if place >= 0:
                return self._take(place, len(reading))
        return False

    def _take(self, place: int, size: int, n: int = 1) -> bool:
        self._settle(place)
        self.spans += [(self.text.span(place, place + size),)] * n
        self._cursor = place + size
        return True

    def _settle(self, place: int) -> None:
        """Give unknown tokens what stands before a place: a word each, or all of it together."""
        if self._unknown and place > self._cursor:
            start, end = self.text.span(self._cursor, place)
            chunks = [(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", self.text.text[start:end])]
            each = chunks if len(chunks) == len(self._unknown) else [(start, end)] * len(self._unknown)
            for i, span in zip(self._unknown, each, strict=True):
                self.spans[i] = (span,)
        self._unknown.clear()


def readings_of(piece: str) -> list[str]:
    """Return what a token may stand for, folded: with the marks of tokenizers taken off, and as it is.

    Example:
        >>> readings_of("##ing"), readings_of("\u0120caf\u00c3\u00a9"), readings_of("\u2581Film")
        (['ing', '##ing'], ['cafe', 'cafa©'], ['film', '▁film'])
    """
    raw = bytes_of(piece)
    decoded = None if raw is None or piece.isascii() else _decoded(raw)
    bare = piece.removeprefix("##").lstrip("\u0120\u010a\u2581").removesuffix("</w>").removesuffix("@@")
    given = [bare, piece] if decoded is None else [decoded, bare]
    return list(dict.fromkeys(fold(one) for one in given))


def bytes_of(piece: str) -> bytes | None:
    """Return the bytes that a token of a byte-level tokenizer spells; None if it is none."""
    whole = _BYTE.fullmatch(piece)
    if whole:
        return bytes([int(whole[1], 16)])
    spelled = [_BYTES.get(character) for character in piece]
    known = [byte for byte in spelled if byte is not None]
    return bytes(known) if known and len(known) == len(spelled) else None


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
