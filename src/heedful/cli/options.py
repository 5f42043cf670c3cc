"""The options that several commands share, and how a function becomes a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[str, typer.Argument(help="Hub id, model folder, or 'demo' for the built-in model.")]
Text = Annotated[str | None, typer.Argument(help="The text; '-' or nothing reads standard input.")]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from this file instead.")]
Pair = Annotated[str | None, typer.Option(help="The second text of a pair, where the classifier takes two.")]
Target = Annotated[str, typer.Option(help="Class name, class index, or 'predicted'.")]
Output = Annotated[str, typer.Option(help="What is explained: logit, probability or logit_difference.")]
Unit = Annotated[str, typer.Option(help="What gets a score: word_type, word, token or sentence.")]
Masking = Annotated[str, typer.Option(help="How units are removed: auto, unk, mask, pad, delete or ignore.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
LongText = Annotated[
    str,
    typer.Option(help="Text beyond the model's limit: truncate, windows, or windows:size=128,stride=64,combine=max."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Also write the result to this .html or .json file.")]


def command(function: Callable[..., None]) -> Any:
    """Make typer's command of a function: of its name, its docstring and its annotated arguments."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(function.__name__)(function)
    return typer.main.get_command(app)
