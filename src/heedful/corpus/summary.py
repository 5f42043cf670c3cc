"""What a corpus holds, in a few lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from heedful.support.counts import count
from heedful.support.durations import duration

_SHOWN = 5  # problems named


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines that tell of the facts of a corpus what has been explained, what has not and why, and its size."""
    methods = ", ".join(one["method"] for one in facts["methods"].values())
    texts, files = count(facts["n_rows"], "text"), count(facts["n_shards"], "file")
    yield f"{facts['n_explained']:,} of {texts} explained by {methods}, in {files}"
    if facts["predicted"]:
        yield "predicted: " + ", ".join(f"{name} {n:,}" for name, n in _largest(facts["predicted"]))
    right, known, labelled = facts["correct"]
    if known:
        yield f"predicted as labelled: {right:,} of {known:,} ({right / known:.1%})"
    if known < labelled:
        yield f"labels that are no class of the model: {labelled - known:,} of {labelled:,}"
    if facts["n_units"]:
        yield f"{facts['n_units']:,} scored units in {_size(facts['n_bytes'])}; {duration(facts['seconds'])} of work"
    yield from _problems("not explained", facts["problems"])
    for name, some in facts["refused"].items():
        yield from _problems(f"not explained by {name}", some)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:,.0f} kB"


def _problems(what: str, problems: Mapping[str, int]) -> Iterator[str]:
    for reason, n in _largest(problems):
        yield f"{what}: {n:,}: {reason}"
    if len(problems) > _SHOWN:
        yield f"{what}: {len(problems) - _SHOWN:,} more reasons: see the column error"


def _largest(counts: Mapping[str, int]) -> list[tuple[str, Any]]:
    return sorted(counts.items(), key=lambda item: -item[1])[:_SHOWN]
