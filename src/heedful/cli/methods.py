"""`heedful methods`: every method and what kind it is, without loading any; and all about one of them."""

from __future__ import annotations

from dataclasses import asdict

from heedful.cli.listing import listing
from heedful.methods.registry import REGISTRY
from heedful.render.catalogue import method_card, methods_table

COMMAND = listing(
    "methods",
    "List every method: family, signed or not, local or global, model-specific or agnostic, cost, source.",
    REGISTRY,
    methods_table,
    method_card,
    lambda card: asdict(card) | {"agnostic": card.agnostic},
)
