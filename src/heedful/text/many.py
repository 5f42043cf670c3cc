"""Many texts tokenised in one call; what is out of the ordinary is left to `encode`, one by one.

A text is tokenised once: where it exceeds the limit, the tokens that are kept are taken from those of the whole text.
That is what the tokenizer itself would keep where special tokens stand before and behind the text alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from heedful.errors import ModelError, TextError
from heedful.text.encoding import Encoded, Text, called, check, difference, has_marks, placed, with_marks
from heedful.text.spans import Span

_TEXTS, _CHARACTERS = 256, 1 << 20  # at most so many in one call: what it gives takes far more memory than the texts


def encode_many(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text], limit: int, name: str
) -> list[Encoded | None]:
    """Tokenise texts and pairs together, each as `encode` would without a template.

    Returns:
        The encoded texts, in order; None where `encode` must be asked: it refuses the text, or takes it in another way.
    """
    encoded: list[Encoded | None] = [None] * len(texts)
    reader = _Reader(frozenset(tokenizer.all_special_ids), limit, tokenizer.truncation_side == "right")
    for kind in (str, tuple):
        for some in _chunks(texts, [i for i, text in enumerate(texts) if isinstance(text, kind) and _usable(text)]):
            parts = [[text] if isinstance(text, str) else list(text) for text in (texts[i] for i in some)]
            try:
                lists = tuple(map(list, zip(*parts, strict=True)))
                out = called(tokenizer, lists, name, return_attention_mask=False)
            except ModelError:  # one text is enough for that: which one, `encode` will tell
                continue
            types = out.get("token_type_ids")
            for place, i in enumerate(some):
                one = out.encodings[place]
                type_ids = None if types is None else np.asarray(types[place], dtype=np.int64)
                encoded[i] = reader.read(parts[place], one, type_ids)
    return encoded


def fitting(encoded: Encoded, n_words: int | None, n_types: int | None) -> Encoded | None:
    """Return a text as a model takes it that has so many words and token types; None where it has not all of them.

    `n_types` is 0 where the model is not told of types, None where nothing limits them.
    """
    if n_types == 0 and encoded.type_ids is not None:
        encoded = replace(encoded, type_ids=None)
    types = encoded.type_ids
    known = (n_words is None or encoded.input_ids.max() < n_words) and (
        types is None or n_types is None or types.max() < n_types
    )
    return encoded if known else None


def is_pair(text: object) -> TypeGuard[tuple[str, str]]:
    """Tell whether this is a pair of texts, whatever a caller gave."""
    return isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text)


def _usable(text: Text) -> bool:
    try:
        for part in (text,) if isinstance(text, str) else text:
            check(part)
    except TextError:
        return False
    return True


def _chunks(texts: Sequence[Text], places: Sequence[int]) -> Iterator[list[int]]:
    """Runs of places that share a call."""
    some: list[int] = []
    characters = 0
    for i in places:
        text = texts[i]
        size = len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
        if some and (len(some) == _TEXTS or characters + size > _CHARACTERS):
            yield some
            some, characters = [], 0
        some.append(i)
        characters += size
    if some:
        yield some


@dataclass(frozen=True)
class _Reader:
    """What becomes of the tokens of a whole text.

    Attributes:
        special: ids of special tokens.
        limit: most tokens that are kept.
        right: whether the end of a text is cut, not its beginning.
    """

    special: frozenset[int]
    limit: int
    right: bool

    def read(self, parts: list[str], whole: Encoding, type_ids: np.ndarray | None) -> Encoded | None:
        """Make an encoded text of what the tokenizer gave for it; None if that is out of the ordinary."""
        if len(parts) == 2:
            return self._pair(parts, whole, type_ids)
        (text,), ids, mask, n = parts, whole.ids, whole.special_tokens_mask, len(whole.ids)
        before, words = (mask.index(0) if 0 in mask else n), mask.count(0)
        behind = n - before - words
        if not words or 1 in mask[before : before + words] or whole.sequence_ids.count(0) != words:
            return None
        spans: list[Span] = whole.offsets[before : before + words]
        starts = [start for start, _ in spans]
        if starts != sorted(starts):
            return None
        if has_marks(text):
            widened = with_marks(text, spans)
            spans = [widened[span] or span for span in spans]
        cut: tuple[Span, ...] = ()
        if n > self.limit:
            words = self.limit - before - behind
            if words < 1 or not self.right:
                return None
            spans, cut = spans[:words], _cut(spans, words)
            gone = slice(before + words, n - behind)
            del ids[gone]
            if type_ids is not None:
                type_ids = np.delete(type_ids, gone)
        if self.special.issuperset(ids[before : before + words]):
            return None
        offsets = (*(None,) * before, *spans, *(None,) * behind)
        return Encoded(text, np.array(ids, dtype=np.int64), offsets, cut, type_ids)

    def _pair(self, parts: list[str], whole: Encoding, type_ids: np.ndarray | None) -> Encoded | None:
        if len(whole.ids) > self.limit:
            return None
        text, second = "\n".join(parts), len(parts[0]) + 1
        try:
            spans = placed(whole.offsets, whole.special_tokens_mask, whole.sequence_ids, (0, second), "")
        except ModelError:
            return None
        widened = with_marks(text, spans)
        offsets = tuple(widened[span] for span in spans)
        if self.special.issuperset(i for i, span in zip(whole.ids, offsets, strict=True) if span is not None):
            return None
        return Encoded(text, np.array(whole.ids, dtype=np.int64), offsets, (), type_ids, second)


def _cut(spans: list[Span], n_kept: int) -> tuple[Span, ...]:
    """What is behind the kept tokens: one run, unless tokens share a character, as bytes do."""
    if spans[n_kept][0] > spans[n_kept - 1][0]:
        return ((spans[n_kept][0], spans[-1][1]),)
    return difference(spans, spans[:n_kept])
