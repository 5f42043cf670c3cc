"""The options that several commands share, and how a function becomes a command."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from heedful.cli.loudness import Quiet, Verbose, loudness
from heedful.errors import SettingError
from heedful.support.names import choose


def one_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what a shell is told of an option that takes one of some names.

    Example:
        >>> one_of(["word", "word_type", "token"])("wo")
        ['word', 'word_type']
    """
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def registered(kind: str) -> Callable[[str], list[str]]:
    """Return what a shell is told of an option that takes methods or metrics, several with commas between.

    Example:
        >>> registered("methods")("random,attention-m")
        ['random,attention-mean', 'random,attention-max']
    """

    def complete(incomplete: str) -> list[str]:
        cards = import_module(f"heedful.{kind}.registry").REGISTRY.cards()
        return several_of([name for card in cards for name in (card.name, *card.aliases)])(incomplete)

    return complete


def several_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what a shell is told of an option that takes some of these names, with commas between.

    Example:
        >>> several_of(["attention", "sanity"])("attention,s")
        ['attention,sanity']
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names if name.startswith(last)]

    return complete


Model = Annotated[str, typer.Argument(help="Hub id, model folder, or 'demo' for the built-in model.")]
Text = Annotated[str | None, typer.Argument(help="The text; '-' or nothing reads standard input.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="Read the text from this file instead; of a table, such as .csv, every row's."),
]
TextColumn = Annotated[
    str | None, typer.Option(help="Column of the texts in a table: its name, or its number from 0 without a header.")
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of the labels in a table: its name, or its number from 0 without a header.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of text that is neither UTF-8 nor marked as UTF-16, such as cp1252.")
]
Pair = Annotated[str | None, typer.Option(help="The second text of a pair, where the classifier takes two.")]
Target = Annotated[str, typer.Option(help="Class name, class index, or 'predicted'.")]
Output = Annotated[
    str | None,
    typer.Option(
        autocompletion=one_of(("logit", "probability", "logit_difference")),
        help="What is explained: logit, probability or logit_difference; by default logit, with --template the last.",
    ),
]
Unit = Annotated[
    str,
    typer.Option(
        autocompletion=one_of(("word_type", "word", "token", "sentence")),
        help="What gets a score: word_type, word, token or sentence.",
    ),
]
Masking = Annotated[
    str,
    typer.Option(
        autocompletion=one_of(("auto", "unk", "mask", "pad", "delete", "ignore")),
        help="How units are removed: auto, unk, mask, pad, delete or ignore.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
LongText = Annotated[
    str,
    typer.Option(help="Text beyond the model's limit: truncate, windows, or windows:size=128,stride=64,combine=max."),
]
Device = Annotated[str | None, typer.Option(help="Where the model runs, such as cpu, cuda or cuda:1.")]
Template = Annotated[
    str | None,
    typer.Option(help="What a causal language model reads, with {text} where the text goes; goes with --label."),
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=WORD", help="A class and the word for it behind the template: 'positive= good'; repeat."
    ),
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "--methods",
        "-m",
        autocompletion=registered("methods"),
        help="Methods, with commas between, or given again; lime:n_samples=1000 has a setting.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values instead of tables.")]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="FILE", help="Also write the result to this .html, .json or .csv file."),
]

SETTINGS = {
    "add_completion": False,  # the whole command has it
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class Once(TyperCommand):
    """A command that refuses an option given twice, of which otherwise the last one would hold without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; raises SettingError for an option that comes again and takes one value."""
        *_, given = self.make_parser(ctx).parse_args(args=list(args))
        times: Counter[Any] = Counter(given)
        for option, n in times.items():
            if n > 1 and option.param_type_name == "option" and not (option.multiple or option.is_flag):
                raise SettingError(f"{max(option.opts, key=len)} is given {n} times: give it once")
        return super().parse_args(ctx, args)


class Named(TyperGroup):
    """Commands by name, without regard to case; of an unknown one the message says which may have been meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; raises SettingError if there is none of that name."""
        name = args[0] if args[0].startswith("-") else choose(args[0], self.list_commands(ctx), "command")
        return super().resolve_command(ctx, [name, *args[1:]])


def command(function: Callable[..., None], *examples: str) -> Any:
    """Make typer's command of a function: of its name, its docstring and its annotated arguments; with -q and -v.

    Args:
        function: what the command does.
        examples: command lines that the help ends with.
    """
    app = typer.Typer(**SETTINGS)  # type: ignore[arg-type]
    app.command(function.__name__, cls=Once, epilog=shown_examples(examples))(_loud(function))
    return typer.main.get_command(app)


def shown_examples(examples: Sequence[str]) -> str:
    r"""Return command lines as the end of a help, each on a line of its own, which is not broken.

    Example:
        >>> shown_examples(["heedful demo"])
        '\x08\nExamples:\n  heedful demo'
    """
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def _loud(function: Callable[..., None]) -> Callable[..., None]:
    """The function with two more options, which say how much it says on stderr."""

    @wraps(function)
    def run(*, quiet: bool, verbose: bool, **arguments: Any) -> None:
        with loudness(quiet=quiet, verbose=verbose):
            function(**arguments)

    signature = inspect.signature(function, eval_str=True)
    loud = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("quiet", Quiet), ("verbose", Verbose))
    ]
    parameters = [*signature.parameters.values(), *loud]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def column(given: str | None) -> str | int | None:
    """Return a column as readers take it: digits are its number.

    Example:
        >>> column("review"), column("0")
        ('review', 0)
    """
    return int(given) if given is not None and given.isdecimal() else given
