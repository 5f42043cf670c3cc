"""`heedful metrics`: every metric, what it means and what it needs, without loading any; and all about one of them."""

from __future__ import annotations

from heedful.cli.listing import listing
from heedful.metrics.registry import REGISTRY
from heedful.render.catalogue import metric_card, metrics_table

COMMAND = listing(
    "metrics",
    "List every metric: which direction is better, range, cost, what it needs, source.",
    REGISTRY,
    metrics_table,
    metric_card,
)
