"""The list that `heedful methods` prints."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from heedful.methods.cards import Card


def catalogue(cards: Iterable[Card]) -> Text:
    """Three lines a method: its names; its taxonomy and cost for d units; its source.

    Example:
        >>> from heedful.methods import Lime
        >>> print(catalogue([Lime.card]))
        lime
          perturbation · signed · local · model-agnostic · n_samples forwards, 2^d at most up to d = 12 · seeded
          Ribeiro, Singh, Guestrin 2016; Mardaoui, Garreau 2021
    """
    lines: list[tuple[str, str] | str] = []
    for card in cards:
        aliases = f" ({', '.join(card.aliases)})" if card.aliases else ""
        lines += [(card.name, "bold"), f"{aliases}\n  {' · '.join(_traits(card))}\n", (f"  {card.source}\n", "dim")]
    text = Text.assemble(*lines)
    text.rstrip()
    return text


def _traits(card: Card) -> list[str]:
    model = "model-agnostic" if card.agnostic else f"model-specific ({card.access})"
    traits = [card.family, "signed" if card.signed else "unsigned", card.scope, model, card.cost]
    return [*traits, *(["additive"] if card.additive else []), *(["seeded"] if card.random else [])]
