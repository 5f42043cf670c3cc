"""From text and token offsets to units: what is kept or removed and gets a score.

Words are found in the caller's own text by Unicode segmentation (UAX 29) and matched to tokens by character
offsets; nothing is ever decoded and tokenised again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import regex
from jaxtyping import Float, Int, Int64

from heedful.errors import SettingError
from heedful.text.spans import Span, Spans

KINDS = ("word_type", "word", "token", "sentence")

# A word is a UAX 29 segment with a letter, a digit or a pictograph in it; the rest is punctuation and space.
_SEGMENT = regex.compile(r"(?wV1).+?\b", regex.DOTALL)
# The same for characters of ASCII, several times faster. Letters, digits and underscores stick together; some marks
# join two letters or two digits; and as in the other pattern, an apostrophe belongs to the vowel behind it.
_ASCII_SEGMENT = re.compile(
    r"(?:\w|'(?=[aeiouAEIOU]))\w*"
    r"(?:[.:',;](?:(?<=[a-zA-Z][.:'])(?=[a-zA-Z])|(?<=[0-9][.,;'])(?=[0-9]))\w+)*",
    re.ASCII,
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Beside ASCII, Latin letters and general punctuation: nothing that sticks to a space before or behind it.
_SPACED = re.compile(r"[\x00-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e]*")
_WORDLIKE = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}--[#*©®™]]", regex.V1)
_SENTENCE = regex.compile(r"\S.*?(?:[.!?…؟।]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|$)", regex.MULTILINE)


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one text, and the token positions that belong to each.

    Attributes:
        kind: "word_type", "word", "token" or "sentence".
        strings: one string a unit, as it stands in the text; in a pair, both texts may have a unit of one string.
        spans: character spans of each unit, in the order of the text; word types have one a occurrence.
        positions: token positions of each unit, ascending.
        n_tokens: length of the token sequence the positions index.
    """

    kind: str
    strings: tuple[str, ...]
    spans: Spans
    positions: tuple[tuple[int, ...], ...]
    n_tokens: int

    def __len__(self) -> int:
        return len(self.strings)

    @cached_property
    def of_token(self) -> Int[np.ndarray, " tokens"]:
        """Unit index of every token; -1 for tokens of no unit (special tokens, punctuation between words)."""
        owner = np.full(self.n_tokens, -1, dtype=np.int64)
        sizes = np.fromiter(map(len, self.positions), np.int64, len(self))
        places = np.fromiter(chain.from_iterable(self.positions), np.int64, int(sizes.sum()))
        owner[places] = np.arange(len(self)).repeat(sizes)
        return owner

    def add_up(self, token_scores: Float[np.ndarray, " tokens"]) -> Float[np.ndarray, " units"]:
        """Sum token scores into unit scores; scores of tokens outside every unit are left out.

        Example:
            >>> import numpy as np
            >>> units = Units("word", ("ab", "c"), (((0, 2),), ((3, 4),)), ((1, 2), (3,)), 4)
            >>> units.add_up(np.array([9.0, 1.0, 2.0, 4.0]))
            array([3., 4.])
        """
        sums = np.zeros(len(self) + 1)
        np.add.at(sums, self.of_token, token_scores)  # tokens of no unit, -1, go to the last entry
        return sums[:-1]


def words(text: str) -> list[Span]:
    """Character spans of the words of a text by UAX 29; punctuation and white space between them are left out.

    Example:
        >>> [("don't stop, naïve 👩‍👩‍👧!")[a:b] for a, b in words("don't stop, naïve 👩‍👩‍👧!")]
        ["don't", 'stop', 'naïve', '👩‍👩‍👧']
    """
    return _words(text, len(text))


def _words(text: str, stop: int) -> list[Span]:
    """The words of a text that begin before a place."""
    if text.isascii():
        return _ascii_words(text, 0, _space(text, stop))
    if not _SPACED.fullmatch(text):
        return _read_words(text, 0, len(text), stop)
    spans: list[Span] = []
    done, stop = 0, _space(text, stop)
    while odd := _NOT_ASCII.search(text, done, stop):
        start, end = max(done, text.rfind(" ", done, odd.start())), _space(text, odd.end())
        spans += _ascii_words(text, done, start)
        spans += _read_words(text, start, end, end)
        done = end
    return spans + _ascii_words(text, done, stop)


def _space(text: str, place: int) -> int:
    """The next space from a place on, or the end of the text: no word reaches over it."""
    end = text.find(" ", place)
    return len(text) if end < 0 else end


def _read_words(text: str, start: int, end: int, stop: int) -> list[Span]:
    spans: list[Span] = []
    for m in _SEGMENT.finditer(text, start, end):
        if m.start() >= stop:
            break
        if _is_word(m.group()):
            spans.append(m.span())
    return spans


def _ascii_words(text: str, start: int, stop: int) -> list[Span]:
    """The words between two places, where all is ASCII."""
    spans = [m.span() for m in _ASCII_SEGMENT.finditer(text, start, stop)]
    if text.find("_", start, stop) >= 0:  # alone it is none
        spans = [(a, b) for a, b in spans if text[a:b].strip("_")]
    return spans


def _is_word(segment: str) -> bool:
    # the first two are quicker than the search, and settle most segments
    return segment.isalnum() or (not segment.isspace() and _WORDLIKE.search(segment) is not None)


def sentences(text: str) -> list[Span]:
    """Character spans of sentences: runs up to closing punctuation before white space, or the line's end.

    No white space is needed after the full stops of Chinese and Japanese.

    Example:
        >>> [("One. Two? 3.5 is one number")[a:b] for a, b in sentences("One. Two? 3.5 is one number")]
        ['One.', 'Two?', '3.5 is one number']
    """
    return [m.span() for m in _SENTENCE.finditer(text) if _WORDLIKE.search(m.group())]


def find(text: str, offsets: Iterable[Span | None], kind: str, *, second: int | None = None) -> Units:
    r"""Return the units of a text, or of a pair of texts, given where its tokens are.

    A token belongs to the unit it overlaps; units that share a token, as in Chinese, are one. Units without any token
    (cut off, or dropped by the tokeniser) are left out: the classifier cannot depend on them. Of a pair, no unit is
    in both texts: "the" in a premise and "the" in its hypothesis are two word types.

    Args:
        text: the text; of a pair, both.
        offsets: each token's (start, end) in it; None for special tokens.
        kind: one of `KINDS`.
        second: where the second text of a pair begins.

    Raises:
        SettingError: `kind` is unknown.

    Example:
        >>> offsets = [None, (0, 3), (4, 8), None, (9, 12), (13, 17), None]
        >>> find("the cast\nthe plot", offsets, "word_type", second=9).strings
        ('the', 'cast', 'the', 'plot')
    """
    offsets = list(offsets)
    if kind not in KINDS:
        raise SettingError(f"unknown unit {kind!r}: use one of {', '.join(KINDS)}")
    if kind == "token":
        spans = [span for span in offsets if span is not None and span[0] < span[1]]
        places = [(t,) for t, span in enumerate(offsets) if span is not None and span[0] < span[1]]
        return _units(kind, text, [(span,) for span in spans], places, len(offsets))
    read = max([span[1] for span in offsets if span is not None], default=0)
    candidates = sentences(text) if kind == "sentence" else _words(text, read)
    spans, owned = _match(candidates, offsets)
    if kind != "word_type":
        return _units(kind, text, [(span,) for span in spans], [tuple(tokens) for tokens in owned], len(offsets))
    groups: dict[object, tuple[list[Span], list[int]]] = {}
    for span, tokens in zip(spans, owned, strict=True):
        string = text[span[0] : span[1]]
        key = string if second is None else (span[0] >= second, string)
        group = groups.get(key)
        if group is None:
            groups[key] = [span], tokens
        else:
            group[0].append(span)
            group[1].extend(tokens)
    spans_of = [tuple(group[0]) for group in groups.values()]
    return _units(kind, text, spans_of, [tuple(group[1]) for group in groups.values()], len(offsets))


def _units(
    kind: str, text: str, spans: Sequence[tuple[Span, ...]], positions: Sequence[tuple[int, ...]], n_tokens: int
) -> Units:
    strings = tuple([text[each[0][0] : each[0][1]] for each in spans])
    return Units(kind, strings, tuple(spans), tuple(positions), n_tokens)


def _match(spans: list[Span], offsets: list[Span | None]) -> tuple[list[Span], list[list[int]]]:
    """The spans that have tokens, and their positions; what shares a token becomes one. All lists ascend: one sweep.

    In scripts without spaces every letter is a word to UAX 29, and tokens hold several: they come and go together.
    """
    words: list[Span] = []
    owned: list[list[int]] = []
    j, n_spans, reached = 0, len(spans), -1
    for t, span in enumerate(offsets):
        if span is None or span[0] >= span[1]:
            continue
        start, end = span
        while j < n_spans and spans[j][1] <= start:
            j += 1
        if j == n_spans:
            break
        first, stop = spans[j]
        if first >= end:
            continue
        last = j + 1
        while last < n_spans and spans[last][0] < end:
            stop = spans[last][1]
            last += 1
        if reached > first:
            reached = max(reached, stop)
            words[-1] = words[-1][0], reached
            owned[-1].append(t)
        else:
            reached = stop
            words.append((first, stop))
            owned.append([t])
    return words, owned


def sentence_of(units: Units, text: str) -> Int64[np.ndarray, " units"]:
    """Which sentence each unit begins in, counted from 0 over the sentences in which any does.

    Example:
        >>> units = Units("word", ("A", "b", "c"), (((0, 1),), ((2, 3),), ((5, 6),)), ((1,), (2,), (3,)), 4)
        >>> sentence_of(units, "A b. c")
        array([0, 0, 1])
    """
    ends = [end for _, end in sentences(text)]
    # a token may begin in the white space before its sentence, or be the white space behind the last
    firsts = [min(bisect_right(ends, spans[0][0]), len(ends) - 1) for spans in units.spans]
    return np.unique(np.array(firsts), return_inverse=True)[1].astype(np.int64)
