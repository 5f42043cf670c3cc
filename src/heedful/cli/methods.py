"""`heedful methods`: every method and what kind it is, without loading any."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console

from heedful.cli.options import AsJson, command
from heedful.cli.printing import print_json
from heedful.methods.registry import REGISTRY
from heedful.render.catalogue import catalogue


def methods(as_json: AsJson = False) -> None:
    """List every method: family, signed or not, local or global, model-specific or agnostic, cost, source."""
    cards = REGISTRY.cards()
    if as_json:
        print_json(json.dumps([asdict(card) | {"agnostic": card.agnostic} for card in cards], ensure_ascii=False))
        return
    Console().print(catalogue(cards))


COMMAND = command(methods)
