"""Commands that list what there is by name, and show all about one of them: methods, and metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from heedful.cli.options import SETTINGS, AsCsv, AsJson, Named, Once, registered, shown_examples
from heedful.cli.printing import check_format, console, print_csv, print_json
from heedful.support.plain import plain
from heedful.support.progress import waiting
from heedful.support.registry import Registry
from heedful.support.settings import Described, described

if TYPE_CHECKING:
    from typer import Context
else:
    Context = typer.Context.__bases__[0]  # what typer in fact hands over

_SECTIONS = re.compile(r"\n\n(?=(?:Args|Attributes|Example|Raises|Source):\n)")


def listing(
    name: str,
    summary: str,
    registry: Registry[Any],
    table: Callable[[Sequence[Any]], Table],
    card: Callable[[Any], Text],
    facts: Callable[[Any], dict[str, Any]] = asdict,
) -> Any:
    """Make a command that lists a registry's classes by their cards, with a command `show` for one of them.

    Args:
        name: of the command.
        summary: its help.
        registry: where the classes are.
        table: what is printed of all cards.
        card: what is printed of one.
        facts: what JSON and comma-separated values have of a card.
    """
    examples = shown_examples([f"heedful {name}", f"heedful {name} show {registry.cards()[0].name}"])
    app = typer.Typer(name=name, cls=Named, invoke_without_command=True, help=summary, epilog=examples, **SETTINGS)  # type: ignore[arg-type]

    @app.callback()
    def everything(context: Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
        if context.invoked_subcommand is not None:
            return
        check_format(as_json=as_json, as_csv=as_csv)
        cards = registry.cards()
        if as_json:
            print_json(json.dumps(plain([facts(card) for card in cards]), ensure_ascii=False, allow_nan=False))
        elif as_csv:
            print_csv(_rows([facts(card) for card in cards]))
        else:
            console().print(table(cards))
            console().print(f"\nMore of one: heedful {name} show NAME", highlight=False)

    # not by annotation, which knows no name but those of the module
    named = typer.Argument(metavar="NAME", help="Its name, or an alias.", autocompletion=registered(name))

    @app.command("show", cls=Once, help="Show all about one, with its settings.")
    def show(one: str = named, as_json: AsJson = False) -> None:
        with waiting("loading"):
            shown = registry.class_of(one)
        settings = described(shown)
        if as_json:
            known = facts(shown.card) | {"settings": [asdict(setting) for setting in settings]}
            print_json(json.dumps(plain(known), ensure_ascii=False, allow_nan=False))
        else:
            console().print(_page(card(shown.card), shown.__doc__ or "", settings))

    return typer.main.get_command(app)


def _rows(cards: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row a card: facts as one would type them, several with spaces between; without what is only for windows."""
    names = [name for name, fact in cards[0].items() if not isinstance(fact, dict)]
    return [names, *([_cell(card[name]) for name in names] for card in cards)]


def _cell(fact: Any) -> str:
    if isinstance(fact, bool):
        return str(fact).lower()
    return " ".join(map(str, fact)) if isinstance(fact, (tuple, list)) else str(fact)


def _page(head: Text, docstring: str, settings: Sequence[Described]) -> Text:
    """What the card says, what the docstring says, and the settings."""
    paragraphs = _SECTIONS.split(cleandoc(docstring))[0].split("\n\n")
    page = Text.assemble(head, "\n\n", "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs), "\n\n")
    page.append("settings\n" if settings else "no settings\n", "bold")
    for setting in settings:
        page.append(f"  {setting.name}={setting.default}", "bold")
        page.append(f"  {setting.kind}\n      {setting.meaning}\n")
    page.rstrip()
    return page
