"""Commands that list what there is by name, and show all about one of them: methods, and metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from heedful.cli.options import SETTINGS, AsCsv, AsJson, Named, Once
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
    catalogue: Callable[[Sequence[Any]], Text],
    facts: Callable[[Any], dict[str, Any]] = asdict,
) -> Any:
    """Make a command that lists a registry's classes by their cards, with a command `show` for one of them.

    Args:
        name: of the command.
        summary: its help.
        registry: where the classes are.
        catalogue: what is printed for cards.
        facts: what JSON and comma-separated values have of a card.
    """
    app = typer.Typer(name=name, cls=Named, invoke_without_command=True, help=summary, **SETTINGS)  # type: ignore[arg-type]

    @app.callback()
    def everything(context: Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
        if context.invoked_subcommand is not None:
            return
        check_format(as_json=as_json, as_csv=as_csv)
        cards = registry.cards()
        if as_json:
            print_json(json.dumps(plain([facts(card) for card in cards]), ensure_ascii=False, allow_nan=False))
        elif as_csv:
            print_csv(_table([facts(card) for card in cards]))
        else:
            console().print(catalogue(cards))

    @app.command("show", cls=Once, help="Show all about one: what it does and needs, its settings and their defaults.")
    def show(name: Annotated[str, typer.Argument(help="Its name, or an alias.")], as_json: AsJson = False) -> None:
        with waiting("loading"):
            shown = registry.class_of(name)
        settings = described(shown)
        if as_json:
            known = facts(shown.card) | {"settings": [asdict(setting) for setting in settings]}
            print_json(json.dumps(plain(known), ensure_ascii=False, allow_nan=False))
        else:
            console().print(_page(catalogue([shown.card]), shown.__doc__ or "", settings))

    return typer.main.get_command(app)


def _table(cards: Sequence[dict[str, Any]]) -> list[list[str]]:
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
