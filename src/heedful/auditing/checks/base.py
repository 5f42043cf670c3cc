"""Findings: what a check says, as a table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a check says of a model on a data set.

    Attributes:
        name: the check's name.
        source: paper and section.
        sentences: what was found, in words, each with its figure and, where it is a mean, its 95 % interval.
        rows: a table: plain values, the same keys in every row. A mean stands in three columns: `x`, `x_low`, `x_high`.
        flags: what a reader must know, one line each; empty where nothing is wrong.

    Example:
        >>> Findings(name="sanity", source="Adebayo et al. 2018", sentences=(), rows=[]).to_dict()["flags"]
        []
    """

    name: str
    source: str
    sentences: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    flags: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain types."""
        plain = asdict(self)
        return plain | {name: list(plain[name]) for name in ("sentences", "rows", "flags")}
