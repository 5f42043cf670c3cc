"""From text and token offsets to units: what is kept or removed and gets a score.

Words are found in the caller's own text by Unicode segmentation (UAX 29) and matched to tokens by character
offsets; nothing is ever decoded and tokenised again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import regex
from jaxtyping import Float, Int, Int64

from heedful.errors import SettingError
from heedful.text.spans import Span, Spans

KINDS = ("word_type", "word", "token", "sentence")

# A word is a UAX 29 segment with a letter, a digit or a pictograph in it; the rest is punctuation and space.
_SEGMENT = regex.compile(r"(?wV1).+?\b", regex.DOTALL)
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
        places = [place for positions in self.positions for place in positions]
        owner[places] = np.repeat(np.arange(len(self)), [len(positions) for positions in self.positions])
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
    return [m.span() for m in _SEGMENT.finditer(text) if _is_word(m.group())]


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
    spans, owned = _match(sentences(text) if kind == "sentence" else words(text), offsets)
    groups: dict[object, list[int]] = {}
    for j, (start, end) in enumerate(spans):
        behind = second is not None and start >= second
        groups.setdefault((behind, text[start:end]) if kind == "word_type" else j, []).append(j)
    grouped = list(groups.values())
    return _units(
        kind,
        text,
        [tuple(spans[j] for j in group) for group in grouped],
        [tuple(t for j in group for t in owned[j]) for group in grouped],
        len(offsets),
    )


def _units(
    kind: str, text: str, spans: Sequence[tuple[Span, ...]], positions: Sequence[tuple[int, ...]], n_tokens: int
) -> Units:
    strings = tuple(text[start:end] for (start, end), *_ in spans)
    return Units(kind, strings, tuple(spans), tuple(positions), n_tokens)


def _match(spans: list[Span], offsets: list[Span | None]) -> tuple[list[Span], list[list[int]]]:
    """The spans that have tokens, and their positions; what shares a token becomes one. All lists ascend: one sweep.

    In scripts without spaces every letter is a word to UAX 29, and tokens hold several: they come and go together.
    """
    words: list[Span] = []
    owned: list[list[int]] = []
    j = 0
    for t, span in enumerate(offsets):
        if span is None or span[0] >= span[1]:
            continue
        while j < len(spans) and spans[j][1] <= span[0]:
            j += 1
        if j == len(spans) or spans[j][0] >= span[1]:
            continue
        last = j
        while last + 1 < len(spans) and spans[last + 1][0] < span[1]:
            last += 1
        if words and words[-1][1] > spans[j][0]:
            words[-1] = words[-1][0], max(words[-1][1], spans[last][1])
            owned[-1].append(t)
        else:
            words.append((spans[j][0], spans[last][1]))
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
