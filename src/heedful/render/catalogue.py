"""The lists that `heedful methods` and `heedful metrics` print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from heedful.methods.cards import Card
from heedful.metrics.cards import Card as MetricCard


def catalogue(cards: Iterable[Card]) -> Text:
    """List methods, three lines each: names; taxonomy and cost for d units; source.

    Example:
        >>> from heedful.methods.cards import LIME
        >>> print(catalogue([LIME]))
        lime
          perturbation · signed · local · model-agnostic · n_samples forwards, 2^d at most up to d = 12 · seeded
          Ribeiro, Singh, Guestrin 2016; Mardaoui, Garreau 2021
    """
    return _entries((card.name, card.aliases, _traits(card), card.source) for card in cards)


def metrics_catalogue(cards: Iterable[MetricCard]) -> Text:
    """List metrics, three lines each: names; direction, range, cost and needs; source.

    Example:
        >>> from heedful.metrics.cards import SIGN
        >>> print(metrics_catalogue([SIGN]))
        sign-agreement (sign)
          higher is better · 0 to 1 · forwards: those of the reference method · needs exact values
          Krishna et al. 2022, section 3, over all units that both score
    """
    return _entries((card.name, card.aliases, _metric_traits(card), card.source) for card in cards)


def _entries(entries: Iterable[tuple[str, Sequence[str], Sequence[str], str]]) -> Text:
    lines: list[tuple[str, str] | str] = []
    for name, aliases, traits, source in entries:
        others = f" ({', '.join(aliases)})" if aliases else ""
        lines += [(name, "bold"), f"{others}\n  {' · '.join(traits)}\n", (f"  {source}\n", "dim")]
    text = Text.assemble(*lines)
    text.rstrip()
    return text


def _traits(card: Card) -> list[str]:
    model = "model-agnostic" if card.agnostic else f"model-specific ({card.access})"
    traits = [card.family, "signed" if card.signed else "unsigned", card.scope, model, card.cost]
    return [*traits, *(["additive"] if card.additive else []), *(["seeded"] if card.random else [])]


def _metric_traits(card: MetricCard) -> list[str]:
    better = "no direction is better" if card.direction == "none" else f"{card.direction} is better"
    needs = [f"needs {', '.join(card.needs)}"] if card.needs else []
    return [better, "{:g} to {:g}".format(*card.range), f"forwards: {card.cost}", *needs]
