"""`heedful metrics`: every metric, what it means and what it needs, without loading any."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console

from heedful.cli.options import AsJson, command
from heedful.cli.printing import print_json
from heedful.metrics.registry import REGISTRY
from heedful.render.catalogue import metrics_catalogue


def metrics(as_json: AsJson = False) -> None:
    """List every metric: which direction is better, range, cost, what it needs, source."""
    cards = REGISTRY.cards()
    if as_json:
        print_json(json.dumps([asdict(card) for card in cards], ensure_ascii=False))
        return
    Console().print(metrics_catalogue(cards))


COMMAND = command(metrics)
