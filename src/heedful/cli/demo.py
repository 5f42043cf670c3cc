"""`heedful demo`: one review explained by all kinds of methods, in a table and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import heedful
from heedful.cli.options import AsCsv, AsJson, Device, command
from heedful.cli.reading import load_classifier
from heedful.cli.results import Printed
from heedful.errors import TextError
from heedful.methods import DEFAULTS
from heedful.support.progress import say

METHODS = (*DEFAULTS[:-1], "shapley-exact", "lime-exact", DEFAULTS[-1])


def demo(
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="Where to write the report.")] = "report.html",
    text: Annotated[str | None, typer.Argument(help="Your own review instead of the built-in one.")] = None,
    device: Device = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Explain one review side by side: a table here, and report.html. Builds a small model the first time."""
    printed = Printed.checked(as_json=as_json, as_csv=as_csv, out=out)
    if text is not None and not text.strip():
        raise TextError("the text is empty: give at least one word")
    classifier = load_classifier("demo", device)
    review = heedful.models.builtin.REVIEW if text is None else text
    printed.show(heedful.compare(classifier, review, METHODS, progress=True))
    say(f"report: {Path(out).resolve()}")


COMMAND = command(demo, "heedful demo", 'heedful demo "The cast was superb, but the plot was dull." --out mine.html')
