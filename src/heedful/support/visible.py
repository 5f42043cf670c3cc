"""Make characters that act on a display visible, so that no text can hide, reorder or command anything."""

from __future__ import annotations

# Control pictures stand for C0 and DEL; everything else is written as its code point. Zero-width characters (joiners,
# marks, variation selectors) belong to the scripts that use them and stay.
_HIDDEN = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **{code: f"[U+{code:04X}]" for code in range(0x80, 0xA0)},  # C1
    **{code: f"[U+{code:04X}]" for code in (0x2028, 0x2029)},  # line and paragraph separator
    **{code: f"[U+{code:04X}]" for code in range(0x202A, 0x202F)},  # bidi embeddings and overrides
    **{code: f"[U+{code:04X}]" for code in range(0x2066, 0x2070)},  # bidi isolates, deprecated format controls
    **{code: f"[U+{code:04X}]" for code in range(0xFFF9, 0xFFFC)},  # interlinear annotation
    **{code: f"[U+{code:04X}]" for code in range(0xD800, 0xE000)},  # lone surrogates: no encoding can write them
}
_HIDDEN_BUT_NEWLINE = {code: shown for code, shown in _HIDDEN.items() if code != ord("\n")}


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""The text with control characters and direction overrides replaced by pictures or code points.

    Character by character, so that pieces of a text can be shown one at a time.

    Args:
        text: any text.
        keep_newlines: True leaves newlines as they are, for running text.

    Example:
        >>> visible("red\x1b[31m\u202etxt.exe\n")
        'red␛[31m[U+202E]txt.exe␊'
    """
    return text.translate(_HIDDEN_BUT_NEWLINE if keep_newlines else _HIDDEN)


def shortened(text: str, limit: int) -> str:
    r"""The text, visible and on one line, without what exceeds so many characters.

    Example:
        >>> shortened("a very\nlong name", 8)
        'a very␊l…'
    """
    return visible(text[:limit]) + ("…" if len(text) > limit else "")
