"""Notebooks as pages: text as MyST, code as code, and what the code gave below it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from notebooks import executed
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


class NotebookParser(MystParser):
    """Reads a notebook in jupytext's percent format as a page."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Execute, write as MyST, parse that."""
        path = Path(document["source"])
        try:
            text = "\n\n".join(cell_text(cell) for cell in executed(path).cells)
        except CellExecutionError as error:
            LOGGER.warning("%s: a cell fails: %s", path.name, error, type="notebook")
            text = f"# {path.stem}"
        source = f"\n\nThis page is a notebook: `docs/notebooks/{path.name}`, which jupytext opens in Jupyter.\n"
        super().parse(text + source, document)


def cell_text(cell: NotebookNode) -> str:
    """A cell as MyST."""
    if cell.cell_type != "code":
        return str(cell.source)
    return "\n\n".join([f"```python\n{cell.source}\n```", *(output_text(output) for output in cell.outputs)])


def output_text(output: NotebookNode) -> str:
    """An output as raw HTML within MyST: a picture, or text."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = f'<img alt="figure drawn by the cell above" src="data:image/png;base64,{data["image/png"].strip()}">'
    else:
        text = output.get("text") or data.get("text/plain", "")
        picture = f"<pre>{html.escape(text.rstrip())}</pre>"
    return f'```{{raw}} html\n<div class="output" tabindex="0" role="group" aria-label="output">{picture}</div>\n```'


def setup(app: Sphinx) -> dict[str, Any]:
    """Read Python files in the folder of notebooks as pages."""
    app.add_source_suffix(".py", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
