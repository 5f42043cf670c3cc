"""The command line: results on stdout, progress on stderr; exit 0 fine, 2 bad input in one line, 1 our fault.

Every command is a module of its own, imported when it is asked for: what others need costs it no time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

import heedful
from heedful.cli.interrupting import Interrupted, interruptible
from heedful.cli.options import SETTINGS, Named, shown_examples
from heedful.errors import InputError, PrecisionError
from heedful.support.visible import visible

COMMANDS = {
    "demo": "Explain one review by all kinds of methods, side by side.",
    "train": "Train the paper's classifier on your texts.",
    "explain": "Explain one prediction by one method.",
    "compare": "Explain one prediction by several methods and show how far they agree.",
    "audit": "Say whether a model's attention may be shown as an explanation, and which explanation may.",
    "corpus": "Explain a whole data set: rows streamed in, Parquet out; what was stopped goes on.",
    "study": "Regenerate a paper's figures and tables on classifiers trained afresh.",
    "serve": "Serve a page: type a sentence, see what every explanation says of it.",
    "methods": "List every method.",
    "metrics": "List every metric.",
}


_UsageError: Any = typer.BadParameter.__bases__[0]  # which typer does not export


class _Commands(Named):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all of them, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one of them; None where there is none of that name."""
        return import_module(f"heedful.cli.{cmd_name}").COMMAND if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List them in the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="heedful",
    cls=_Commands,
    help="Does a text classifier's attention explain its predictions? Measure it; where it does not, say what does.",
    no_args_is_help=True,
    **(SETTINGS | {"add_completion": True}),  # type: ignore[arg-type]
    epilog=shown_examples(
        [
            "heedful demo",
            'heedful explain demo "The plot was dull." --method shapley-exact',
            "heedful audit MODEL DATA --out audit/",
        ]
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heedful {heedful.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command, and turn what went wrong into one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        with interruptible():
            code = app(prog_name="heedful", standalone_mode=False)
    except Interrupted:
        _stop("interrupted", 130)
    except (InputError, PrecisionError) as error:
        _stop(str(error), 2)
    except _UsageError as error:
        if error.ctx is not None and not error.ctx.args and type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            sys.exit(2)
        path = error.ctx.command_path if error.ctx is not None else "heedful"
        _stop(f"{' '.join(error.format_message().split()).rstrip('.')}: see {path} --help", 2)
    except SystemExit as stop:  # of typer, which calls it a fault that the reader went away
        if isinstance(stop.__context__, BrokenPipeError):
            sys.exit(0)
        raise
    if code == 130:
        _stop("interrupted", code)
    sys.exit(code or 0)


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"heedful: {visible(message)}", err=True)
    sys.exit(code)
