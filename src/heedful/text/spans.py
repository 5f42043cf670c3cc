"""Character spans of a text: pairs of offsets into the string, start included, end not."""

Span = tuple[int, int]
Spans = tuple[tuple[Span, ...], ...]
