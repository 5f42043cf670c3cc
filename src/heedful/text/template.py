"""Template: words around a text, as a language model is asked about it; they are no part of what is explained."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from heedful.errors import SettingError, TextError
from heedful.support.names import shown
from heedful.text.spans import Span

PLACE = "{text}"

_LETTER = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}]")


@dataclass(frozen=True)
class Template:
    r"""What stands before a text and behind it.

    Attributes:
        before: characters before the text.
        behind: characters behind it.

    Example:
        >>> Template.of("Review: {text}\nSentiment:").around("A {dull} film.")
        'Review: A {dull} film.\nSentiment:'
    """

    before: str
    behind: str

    @classmethod
    def of(cls, template: object) -> Template:
        """Read a template from a string with "{text}" in it once; other braces are nothing but braces.

        Raises:
            SettingError: no string, or without the place of the text, or with several.
        """
        if not isinstance(template, str):
            raise SettingError(f"a template is a text such as 'Review: {PLACE} Sentiment:', got {shown(template)}")
        before, *behind = template.split(PLACE)
        if len(behind) != 1:
            raise SettingError(
                f"a template has {PLACE} in it once, where the text goes; it is there {len(behind)} times"
            )
        try:
            template.encode()
        except UnicodeEncodeError:
            raise SettingError("the template is not valid Unicode: it holds a lone surrogate") from None
        return cls(before, behind[0])

    def around(self, text: str) -> str:
        """Put the template around a text, whatever that holds."""
        return f"{self.before}{text}{self.behind}"

    def spans(self, text: str, whole: tuple[Span | None, ...]) -> tuple[Span | None, ...]:
        """Return the tokens' spans in the text, from those in the text within the template; None for the template's.

        A token can stand in both, as " good" does in GPT-2 where the template ends with a space. It is one of the text
        if a letter or digit of the text is in it, else one of the template; its span ends where the text ends.

        Raises:
            TextError: template and text share tokens all through, so that none is the text's own.
        """
        first, end = len(self.before), len(self.before) + len(text)
        spans: list[Span | None] = []
        for span in whole:
            inside = None if span is None else _clipped(span, first, end)
            if (
                span is None
                or inside is None
                or inside[0] == inside[1]
                or ((span[0] < first or span[1] > end) and not _LETTER.search(text[slice(*inside)]))
            ):
                spans.append(None)
            else:
                spans.append(inside)
        ours = [i for i, span in enumerate(spans) if span is not None]
        if not ours:
            raise TextError("no token of the text is its own: put white space around {text} in the template")
        for i in range(ours[0], ours[-1]):  # white space that a tokenizer gives no characters is within the text
            between = whole[i]
            if spans[i] is None and between is not None:
                spans[i] = _clipped(between, first, end)
        return tuple(spans)


def _clipped(span: Span, first: int, end: int) -> Span:
    """A span as one in the text that begins and ends there; an empty one where it lies outside."""
    start, stop = (min(max(place, first), end) - first for place in span)
    return start, stop
