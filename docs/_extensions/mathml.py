"""Formulas as MathML, which browsers draw themselves: no script, nothing loaded from elsewhere.

The LaTeX is converted by docutils, on which Sphinx stands. What docutils does not know is a warning, hence an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SPACE = "{http://www.w3.org/1998/Math/MathML}"
BREAKS = set("=\u2264\u2265<>\u2248\u221d\u2260\u2254+\u2212,")  # a line may end behind these
LONG, PIECE = 22, 8  # characters of a formula that may be broken, and of a piece of it


def grouped(latex: str) -> str:
    r"""LaTeX with braces where docutils reads on too far: `\frac12` is no twelve, and the k of `\bar D_k` is no limit.

    Example:
        >>> print(grouped(r"\tfrac12 \bar D_k"))
        \tfrac{1}{2} {\bar D{}}_k
    """
    latex = re.sub(r"(\\[dtc]?frac)\s*(\d)", r"\1{\2}", latex)
    latex = re.sub(r"(\\[dtc]?frac\{\d\})\s*(\d)", r"\1{\2}", latex)
    return re.sub(r"(\\(?:bar|hat|tilde)\s*(?:\\[A-Za-z]+|[A-Za-z]))_", r"{\1{}}_", latex)


def converted(latex: str, *, block: bool, node: nodes.Element) -> str:
    """A formula as MathML; as LaTeX, with a warning, where that cannot be done."""
    latex = grouped(re.sub(r"\\dots\b", r"\\ldots", latex))  # the one name in use here that docutils does not know
    try:
        shown: str = latex2mathml.tex2mathml(latex, as_block=block)
    except MathError as error:
        LOGGER.warning("a formula cannot be converted: %s in %r", error, latex, location=node, type="mathml")
        return html.escape(latex)
    shown = shown.replace("\N{MODIFIER LETTER MACRON}", "\N{OVERLINE}")  # the former touches its letter in math fonts
    root = ElementTree.fromstring(shown.replace("&ApplyFunction;", "\u2061"))  # noqa: S314 - docutils wrote it
    return "<wbr>".join(written(piece) for piece in ([root] if block else pieces(root)))


def length(element: ElementTree.Element) -> int:
    """Count the characters of a formula."""
    return sum(len((text or "").strip()) for text in element.itertext())


def _opened(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """List what a formula consists of, long groups opened."""
    for child in root:
        if child.tag == f"{SPACE}mrow" and length(child) > LONG:
            yield from _opened(child)
        else:
            yield child


def pieces(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Cut a long formula within a line behind operators: browsers do not break lines within one."""
    if length(root) <= LONG:
        return [root]
    cut = [ElementTree.Element(root.tag, root.attrib)]
    for child in _opened(root):
        cut[-1].append(child)
        if child.tag == f"{SPACE}mo" and (child.text or "").strip() in BREAKS and length(cut[-1]) >= PIECE:
            child.set("form", "infix")  # at an end it would lose the space behind it
            cut.append(ElementTree.Element(root.tag, root.attrib))
    return [piece for piece in cut if len(piece)]


def written(root: ElementTree.Element) -> str:
    """Write a formula as text for a page."""
    ElementTree.register_namespace("", SPACE.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode")


def inline(self: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(converted(node.astext(), block=False, node=node))
    raise nodes.SkipNode


def display(self: Any, node: nodes.math_block) -> None:
    """Write a formula on its own; a wide one scrolls."""
    self.body.append('<div class="formula" tabindex="0" role="group" aria-label="formula">')
    self.body.append(converted(node.astext(), block=True, node=node))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
