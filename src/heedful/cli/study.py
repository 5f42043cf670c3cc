"""`heedful study`: a paper's experiments, on classifiers trained afresh."""

from __future__ import annotations

from typing import Annotated

import typer

from heedful.cli.options import Seed, command, one_of
from heedful.studies import NAMES, find
from heedful.support.progress import say, waiting
from heedful.support.settings import check_seed
from heedful.support.writable import check_folder


def study(
    name: Annotated[str, typer.Argument(autocompletion=one_of(NAMES), help=f"The study: {', '.join(NAMES)}.")],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder for everything; an interrupted run there goes on."),
    ],
    data: Annotated[
        str | None, typer.Option(help="The study's data set: a folder with train and test, or a hub id.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small and on built-in reviews: a minute or two.")] = False,
    seed: Seed = 0,
) -> None:
    """Regenerate a paper's figures and tables on classifiers trained afresh, and write a report."""
    folder = check_folder(out)
    check_seed(seed)  # before the study makes others of it
    with waiting("loading"):
        chosen = find(name)
    report = chosen.run(folder, data, quick=quick, seed=seed, progress=True)
    say(f"report: {report.resolve()}")


COMMAND = command(
    study,
    "heedful study attention-meets-post-hoc --quick --out study/",
    "heedful study attention-meets-post-hoc --data imdb/ --out study/",
)
