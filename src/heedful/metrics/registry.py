"""Metrics by name: those built in, and those that callers and other packages register."""

from __future__ import annotations

from heedful.metrics import cards
from heedful.support.registry import Registry

REGISTRY: Registry[cards.Card] = Registry(
    "metric",
    "heedful.metrics",
    {
        "reference:Kendall": cards.KENDALL,
        "reference:Spearman": cards.SPEARMAN,
        "reference:TopKOverlap": cards.TOP_K,
        "reference:SignAgreement": cards.SIGN,
    },
)
