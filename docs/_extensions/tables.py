"""Tables on a phone: one that is wider than the screen scrolls, so its columns need not be squeezed to a word each."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

SCREEN = 40  # characters beside each other on a phone
SHORT, LONG = 26, 60  # characters of a cell that stays on one line, and of one that needs a wide column


def least_width(cell: nodes.entry) -> int:
    """Count the characters of a cell's longest word, and two for the space around it."""
    words = [word for text in cell.findall(nodes.Text) for word in text.split()]
    return max(map(len, words), default=0) + 2


def mark(table: nodes.table) -> None:
    """Mark a table that cannot fit a phone, and each of its cells by how much room it wants there."""
    rows = [list(row.findall(nodes.entry, descend=True)) for row in table.findall(nodes.row)]
    columns = max(map(len, rows), default=0)
    if sum(max((least_width(row[k]) for row in rows if k < len(row)), default=0) for k in range(columns)) <= SCREEN:
        return
    table["classes"].append("wider-than-a-phone")
    for row in rows:
        for cell in row:
            size = len(cell.astext())
            cell["classes"].append("short" if size <= SHORT else "long" if size > LONG else "middling")


def prepare(app: Sphinx, document: nodes.document, name: str) -> None:
    """Mark the tables of a page."""
    del app, name
    for table in document.findall(nodes.table):
        mark(table)


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at pages once their references are resolved."""
    app.connect("doctree-resolved", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
