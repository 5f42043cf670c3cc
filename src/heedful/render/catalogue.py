"""What `heedful methods` and `heedful metrics` print: a table of all, and the card of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from heedful.methods.cards import Card
from heedful.metrics.cards import Card as MetricCard


def methods_table(cards: Iterable[Card]) -> Table:
    """Tabulate methods, family by family: names, whether scores have signs, what they need, and what they cost.

    Example:
        >>> from rich.console import Console
        >>> from heedful.methods.cards import LIME
        >>> Console(width=80).print(methods_table([LIME]))
        method        signed  needs    passes for d units
        perturbation
          lime        yes     outputs  n_samples forwards, 2^d at most up to d = 12
    """
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("method", "signed", "needs", "passes for d units"):
        table.add_column(name, no_wrap=name == "method")
    for family, members in groupby(cards, lambda card: card.family):
        table.add_row(Text(family, "italic"))
        for card in members:
            table.add_row(Text("  ") + _names(card), "yes" if card.signed else "no", card.access, card.cost)
    return table


def metrics_table(cards: Iterable[MetricCard]) -> Table:
    """Tabulate metrics: names, which direction is better, the range, what they need, and what they cost."""
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("metric", "better", "range", "needs", "forwards a text"):
        table.add_column(name)
    for card in cards:
        better = "neither" if card.direction == "none" else card.direction
        table.add_row(_names(card), better, "{:g} to {:g}".format(*card.range), ", ".join(card.needs), card.cost)
    return table


def method_card(card: Card) -> Text:
    """Say what kind of method it is, in three lines: names; taxonomy and cost for d units; source.

    Example:
        >>> from heedful.methods.cards import LIME
        >>> print(method_card(LIME))
        lime
          perturbation · signed · local · model-agnostic · n_samples forwards, 2^d at most up to d = 12 · seeded
          Ribeiro, Singh, Guestrin 2016; Mardaoui, Garreau 2021
    """
    return _entry(card, _traits(card))


def metric_card(card: MetricCard) -> Text:
    """Say what kind of measure it is, in three lines: names; direction, range, cost and needs; source.

    Example:
        >>> from heedful.metrics.cards import SIGN
        >>> print(metric_card(SIGN))
        sign-agreement (sign)
          higher is better · 0 to 1 · forwards: those of the reference method · needs exact values
          Krishna et al. 2022, section 3, over all units that both score
    """
    return _entry(card, _metric_traits(card))


def _names(card: Card | MetricCard) -> Text:
    return Text.assemble((card.name, "bold"), *([f", {', '.join(card.aliases)}"] if card.aliases else []))


def _entry(card: Card | MetricCard, traits: Sequence[str]) -> Text:
    others = f" ({', '.join(card.aliases)})" if card.aliases else ""
    return Text.assemble((card.name, "bold"), f"{others}\n  {' · '.join(traits)}\n", (f"  {card.source}", "dim"))


def _traits(card: Card) -> list[str]:
    model = "model-agnostic" if card.agnostic else f"model-specific ({card.access})"
    traits = [card.family, "signed" if card.signed else "unsigned", card.scope, model, card.cost]
    return [*traits, *(["additive"] if card.additive else []), *(["seeded"] if card.random else [])]


def _metric_traits(card: MetricCard) -> list[str]:
    better = "no direction is better" if card.direction == "none" else f"{card.direction} is better"
    needs = [f"needs {', '.join(card.needs)}"] if card.needs else []
    return [better, "{:g} to {:g}".format(*card.range), f"forwards: {card.cost}", *needs]
