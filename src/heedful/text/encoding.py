"""Encoded: one text, or a pair of texts, as a classifier sees it; tokens keep their place in the caller's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import regex
from jaxtyping import Int64
from transformers import BatchEncoding, PreTrainedTokenizerBase

from heedful.errors import ModelError, TextError, first_line, is_panic
from heedful.support.locks import alone
from heedful.text.spans import Span
from heedful.text.template import Template

Text = str | tuple[str, str]
Ids = Int64[np.ndarray, " tokens"]

# What belongs to the character before it, but is left out of a token's span where NFC has merged the two.
_MARK = regex.compile(r"[\p{M}\u1160-\u11FF]")


@dataclass(frozen=True, eq=False)
class Encoded:
    """One text as the classifier sees it.

    Attributes:
        text: the caller's text; of a pair, both texts with a line break between them.
        input_ids: token ids, special tokens included.
        offsets: character span of every token; None for special tokens and those of a template.
        cut: character spans of the text beyond the classifier's limit.
        type_ids: which of two texts each token belongs to, where the tokenizer says so; else None.
        second: where the second text of a pair begins in `text`; None for a single text.
    """

    text: str
    input_ids: Ids
    offsets: tuple[Span | None, ...]
    cut: tuple[Span, ...] = ()
    type_ids: Ids | None = None
    second: int | None = None

    def __len__(self) -> int:
        return len(self.input_ids)


def encode(
    tokenizer: PreTrainedTokenizerBase, text: Text, limit: int, name: str, template: Template | None = None
) -> Encoded:
    """Tokenise one text or a pair; what exceeds `limit` tokens is cut (of a pair, the longer text's end) and recorded.

    Within a template it is tokenised as it is read there, without special tokens behind: what comes next is asked.

    Raises:
        TextError: blank, not valid Unicode, or without a single known word.
        ModelError: the limit leaves no room for a word.
    """
    texts = (text,) if isinstance(text, str) else text
    for part in texts:
        check(part)
    whole = kept = (
        _tokenise(tokenizer, texts, None, name) if template is None else _asked(tokenizer, text, template, name)
    )
    if len(whole) > limit:
        kept = _tokenise(tokenizer, texts, limit, name) if template is None else _without_end(whole, len(whole) - limit)
        if len(kept) > limit or all(span is None for span in kept.offsets):
            beside = "its tokenizer's special tokens" if template is None else "the template"
            raise ModelError(f"{name} takes {limit} tokens, which leaves no room for a word beside {beside}")
    widened = with_marks(kept.text, whole.offsets)
    offsets, all_offsets = (tuple(widened[span] for span in spans) for spans in (kept.offsets, whole.offsets))
    words = [int(i) for i, span in zip(kept.input_ids, offsets, strict=True) if span is not None]
    if not words or set(words) <= set(tokenizer.all_special_ids):
        raise TextError(f"no word of the text is in the vocabulary of {name}")
    cut = difference(all_offsets, offsets)
    return Encoded(kept.text, kept.input_ids, offsets, cut, kept.type_ids, kept.second)


def _asked(tokenizer: PreTrainedTokenizerBase, text: Text, template: Template, name: str) -> Encoded:
    """One text within a template, up to the template's last token; offsets are those in the text."""
    if not isinstance(text, str):
        raise TextError(f"{name} takes single texts: join the two of a pair as the template wants them")
    out = _tokenise(tokenizer, (template.around(text),), None, name)
    last = max((i for i, span in enumerate(out.offsets) if span is not None), default=-1)
    types = None if out.type_ids is None else out.type_ids[: last + 1]
    spans = template.spans(text, out.offsets[: last + 1])
    return Encoded(text, out.input_ids[: last + 1], spans, type_ids=types)


def _without_end(whole: Encoded, n: int) -> Encoded:
    """The same without the last n tokens of the text; those of the template stay."""
    ours = [i for i, span in enumerate(whole.offsets) if span is not None]
    dropped = set(ours[max(0, len(ours) - n) :])
    kept = [i for i in range(len(whole)) if i not in dropped]
    types = None if whole.type_ids is None else whole.type_ids[kept]
    return Encoded(whole.text, whole.input_ids[kept], tuple(whole.offsets[i] for i in kept), type_ids=types)


def special_tokens(
    tokenizer: PreTrainedTokenizerBase, name: str
) -> tuple[Int64[np.ndarray, " before"], Int64[np.ndarray, " behind"]]:
    """Return the ids that the tokenizer puts before a text and behind it."""
    encoded = _tokenise(tokenizer, ("a b",), None, name)
    words = [i for i, span in enumerate(encoded.offsets) if span is not None] or [len(encoded)]
    return encoded.input_ids[: words[0]], encoded.input_ids[words[-1] + 1 :]


def plain_ids(tokenizer: PreTrainedTokenizerBase, text: str, name: str) -> list[int]:
    """Return the ids of a whole text, without the special tokens that the tokenizer puts around it.

    Raises:
        ModelError: the tokenizer fails on it.
    """
    return [int(i) for i in called(tokenizer, (text,), name, add_special_tokens=False)["input_ids"]]


def check(text: str) -> None:
    """Refuse a text without a word, or with half a character.

    Raises:
        TextError: it is blank or not valid Unicode.
    """
    if not text or text.isspace():
        raise TextError("the text is empty: give at least one word")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TextError(f"the text is not valid Unicode: lone surrogate at character {error.start}") from None


def called(
    tokenizer: PreTrainedTokenizerBase, texts: tuple[str, ...] | tuple[list[str], ...], name: str, **settings: Any
) -> BatchEncoding:
    """Return what the tokenizer gives for a text, a pair, or lists of these; its settings are left as they were.

    Raises:
        ModelError: it fails.
    """
    backend = tokenizer.backend_tokenizer
    with alone(backend):  # every call sets these anew, for all who use the tokenizer
        truncation, padding, splits = backend.truncation, backend.padding, backend.encode_special_tokens
        try:
            return tokenizer(*texts, verbose=False, **settings)
        except BaseException as error:  # tokenizers raises plain ones, and worse
            if not (isinstance(error, Exception) or is_panic(error)):
                raise
            raise ModelError(f"the tokenizer of {name} fails on the text: {first_line(error)}") from error
        finally:
            if backend.truncation != truncation:
                backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
            if backend.padding != padding:
                backend.no_padding() if padding is None else backend.enable_padding(**padding)
            backend.encode_special_tokens = splits


def _tokenise(tokenizer: PreTrainedTokenizerBase, texts: tuple[str, ...], limit: int | None, name: str) -> Encoded:
    out = called(
        tokenizer, texts, name, truncation=limit is not None, max_length=limit, return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )  # fmt: skip
    starts = (0, len(texts[0]) + 1)
    offsets = placed(out["offset_mapping"], out["special_tokens_mask"], out.sequence_ids(), starts, name)
    type_ids = out.get("token_type_ids")
    return Encoded(
        "\n".join(texts),
        np.asarray(out["input_ids"], dtype=np.int64),
        offsets,
        type_ids=None if type_ids is None else np.asarray(type_ids, dtype=np.int64),
        second=starts[1] if len(texts) == 2 else None,
    )


def placed(
    given: Sequence[Span], special_mask: Sequence[int], sequence_ids: Sequence[int | None], starts: Span, name: str
) -> tuple[Span | None, ...]:
    """Return the tokens' spans in the joined text, None for special ones.

    Args:
        given: spans within each token's own text.
        special_mask: 1 for special tokens.
        sequence_ids: which text each token is of.
        starts: where the two texts begin in the joined one.
        name: what errors call the classifier.

    Raises:
        ModelError: the text is there twice, or its end first.
    """
    tokens = list(zip(given, special_mask, sequence_ids, strict=True))
    words = [which for _, special, which in tokens if not special]
    spans = [
        None if special or n is None else (starts[n] + span[0], starts[n] + span[1]) for span, special, n in tokens
    ]
    seen = [span[0] for span in spans if span is not None]
    twice = None in words and words != [None] * len(words)  # tokenizers knows one place of each text, its last
    if twice or any(later < earlier for earlier, later in pairwise(seen)):
        raise ModelError(f"the tokenizer of {name} repeats the text or turns it round, so its tokens have no one place")
    return tuple(spans)


def has_marks(text: str) -> bool:
    """Tell whether any character of a text may belong to the one before it."""
    return not text.isascii() and _MARK.search(text) is not None


def with_marks(text: str, spans: Sequence[Span | None]) -> dict[Span | None, Span | None]:
    """Return each span of a whole text, together with the marks behind it that no token has in its span."""
    if not has_marks(text):
        return {span: span for span in spans} | {None: None}
    claimed = {i for span in spans if span is not None for i in range(*span)}
    widened: dict[Span | None, Span | None] = {None: None}
    for span in spans:
        if span is not None:
            end = span[1]
            while span[0] < end < len(text) and end not in claimed and _MARK.match(text[end]):
                end += 1
            widened[span] = span[0], end
    return widened


def difference(whole: Sequence[Span | None], kept: Sequence[Span | None]) -> tuple[Span, ...]:
    """Return runs of the whole text's tokens that are not among the kept ones, as character spans."""
    seen = set(kept)
    runs: list[Span] = []
    joining = False
    for span in whole:
        if span is None:
            continue
        if span in seen:
            joining = False
        elif joining:
            runs[-1] = (runs[-1][0], span[1])
        else:
            runs.append(span)
            joining = True
    return tuple(runs)
