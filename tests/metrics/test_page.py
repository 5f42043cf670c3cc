"""The page about metrics says of every built-in one what its card says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heedful.metrics.cards import Card
from heedful.metrics.registry import REGISTRY

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}


def test_every_metric_has_a_row_and_no_other() -> None:
    assert set(ROWS) == {card.name for card in REGISTRY.built_in}


@pytest.mark.parametrize("card", REGISTRY.built_in, ids=lambda card: card.name)
def test_rows_say_what_the_cards_say(card: Card) -> None:
    _, formula, better, bounds, price, source, cannot, _ = (cell.strip() for cell in ROWS[card.name].split("|")[1:])
    assert (better, bounds, price) == (card.direction, "{:g} to {:g}".format(*card.range), card.cost)
    assert formula
    assert cannot
    assert source == "-" or re.match(re.escape(source), card.source)
