"""What stays together on a page: a number and its per cent sign; and no empty line ends an example."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def together(text: str) -> str:
    r"""A text in which no line can end between a number and its per cent sign.

    Example:
        >>> together("5 % of 100 texts")
        '5\xa0% of 100 texts'
    """
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


def tidy(app: Sphinx, document: nodes.document) -> None:
    """Go through one page as it has been read."""
    del app
    for block in document.findall(nodes.literal_block):  # doctests of a fence need an empty line at their end
        if block.rawsource == block.astext():
            block.rawsource = block.rawsource.rstrip()
            block.children = [nodes.Text(block.rawsource)]
    for text in list(document.findall(nodes.Text)):
        if isinstance(text.parent, nodes.TextElement) and not isinstance(
            text.parent, (nodes.literal, nodes.FixedTextElement)
        ):
            kept = together(text)
            if kept != text:
                text.parent.replace(text, nodes.Text(kept))


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at every page once it is read."""
    app.connect("doctree-read", tidy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
