"""Notebooks kept as Python files (jupytext's percent format): executed once for each state of text and package."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

import heedful

CACHE = Path(__file__).parents[1] / "_build" / "notebooks"
MOST_SECONDS = 300  # of a cell, on a busy machine


def fingerprint(text: str) -> str:
    """Digest of a notebook and of the package that it runs."""
    package = Path(heedful.__file__).parent
    digest = hashlib.sha256(text.encode())
    for source in sorted(package.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def executed(path: Path, cache: Path = CACHE) -> NotebookNode:
    """The notebook with its outputs; from the cache if that very text has run with this very package before.

    Raises:
        CellExecutionError: a cell fails.
    """
    text = path.read_text("utf-8")
    kept = cache / f"{path.stem}-{fingerprint(text)}.ipynb"
    if kept.exists():
        return nbformat.read(kept, as_version=4)
    notebook = jupytext.reads(text, fmt="py:percent")
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=MOST_SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute(env={**os.environ, "PYTHONWARNINGS": "ignore:IProgress not found"})  # of tqdm, without widgets
    cache.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    return notebook
