"""The page about metrics says of every built-in one what its card says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heedful.metrics.cards import Card
from heedful.metrics.registry import REGISTRY

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
CELLS = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in PAGE.splitlines() if row.startswith("| `")]
FACTS = {cells[0].strip("`"): cells for cells in CELLS if len(cells) == 5}  # direction, range, cost, source
MEANINGS = {cells[0].strip("`"): cells for cells in CELLS if len(cells) == 3}  # formula, what it cannot say


def test_every_metric_has_both_rows_and_no_other() -> None:
    names = {card.name for card in REGISTRY.built_in}
    assert set(FACTS) == set(MEANINGS) == names
    assert len(CELLS) == 2 * len(names)


@pytest.mark.parametrize("card", REGISTRY.built_in, ids=lambda card: card.name)
def test_rows_say_what_the_cards_say(card: Card) -> None:
    _, better, bounds, cost, source = FACTS[card.name]
    assert (better, bounds, cost) == (card.direction, "{:g} to {:g}".format(*card.range), card.cost)
    assert source == "-" or re.match(re.escape(source), card.source)
    assert all(MEANINGS[card.name])
