"""`heedful demo`: one review explained by all kinds of methods, in a table and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import heedful
from heedful.cli.options import AsJson, command
from heedful.cli.printing import print_result
from heedful.cli.reading import load_classifier
from heedful.methods import DEFAULTS

METHODS = (*DEFAULTS[:-1], "shapley-exact", "lime-exact", DEFAULTS[-1])


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the report.")] = Path("report.html"),
    text: Annotated[str | None, typer.Argument(help="Your own review instead of the built-in one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain one review side by side: a table here, and report.html. Builds a small model the first time."""
    classifier = load_classifier("demo")
    review = heedful.models.builtin.REVIEW if text is None else text
    comparison = heedful.compare(classifier, review, METHODS, progress=True)
    comparison.save(out)
    print_result(comparison, as_json=as_json)
    typer.echo(f"report: {out.resolve()}", err=True)


COMMAND = command(demo)
