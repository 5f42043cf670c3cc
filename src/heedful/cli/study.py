"""`heedful study`: a paper's experiments, on a classifier trained afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heedful.cli.options import Seed, command
from heedful.studies import find
from heedful.support.progress import waiting
from heedful.support.settings import check_seed


def study(
    name: Annotated[str, typer.Argument(help="The study: attention-meets-post-hoc.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything; an interrupted run there goes on.")],
    data: Annotated[
        str | None, typer.Option(help="The study's data set: a folder with train and test, or a hub id.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small and on built-in reviews: a minute or two.")] = False,
    seed: Seed = 0,
) -> None:
    """Regenerate a paper's figures and tables on a classifier trained afresh, and write a report."""
    with waiting("loading"):
        chosen = find(name)
    check_seed(seed)  # before the study makes others of it
    report = chosen.run(out, data, quick=quick, seed=seed, progress=True)
    typer.echo(f"report: {report.resolve()}", err=True)


COMMAND = command(study)
