"""Texts as callers give them: one, a pair, or several; what is none of these is refused in one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeGuard

from heedful.errors import TextError
from heedful.text.encoding import Text

Given: TypeAlias = Text | Mapping[str, str]  # a mapping is a pair as Hugging Face's pipelines take it

_PAIR = {"text", "text_pair"}
_ANY = "give a text, a pair as a tuple, or a list of these"
ONE = "give a text, or a pair as a tuple"


def are_several(given: object) -> TypeGuard[Iterable[object]]:
    """Tell several texts from a single one, or what should be one.

    Raises:
        TextError: a table, of which one column is meant.
    """
    if hasattr(given, "columns"):
        raise TextError(f"give the texts of a table, as in table['text']: got the whole {type(given).__name__}")
    scalar = getattr(given, "ndim", None) == 0  # an array of one number or text, which cannot be gone through
    return isinstance(given, Iterable) and not isinstance(given, (str, bytes, tuple, Mapping)) and not scalar


def as_text(given: object, wanted: str = _ANY) -> Text:
    """Return a text, or a pair of texts as a tuple, which may come as a mapping of `text` and `text_pair`.

    Raises:
        TextError: it is neither.
    """
    pair = (given["text"], given["text_pair"]) if isinstance(given, Mapping) and set(given) == _PAIR else given
    if isinstance(pair, str):
        return pair
    if isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(one, str) for one in pair):
        return pair
    if _is_missing(given):
        raise TextError(f"the text is missing ({given}): leave it out, or give another")
    raise TextError(f"{wanted}: got {type(given).__name__}")


def _is_missing(given: object) -> bool:
    return (
        given is None or (isinstance(given, float) and math.isnan(given)) or type(given).__name__ == "NAType"
    )  # pandas'
