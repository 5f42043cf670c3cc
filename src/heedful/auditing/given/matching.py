"""Scores of another tool's pieces onto the units that are asked about, by the characters they stand on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from heedful.auditing.given.pieces import (
    SPECIAL,
    UNKNOWN,
    Folded,
    Places,
    Tokens,
    anywhere,
    fold,
    in_order,
    readings_of,
)
from heedful.auditing.given.records import Record
from heedful.errors import TextError
from heedful.support.names import shown
from heedful.text.units import Units


@dataclass(frozen=True, eq=False)
class Matched:
    """Scores of units.

    Attributes:
        scores: one score a unit: the sum over the pieces that stand on it.
        outside: sum of the sizes of scores on no unit, such as those of punctuation and special tokens.
    """

    scores: Float64[np.ndarray, " units"]
    outside: float


def matched(
    record: Record, text: str, units: Units, *, special: Collection[str] = (), lenient: bool = False
) -> Matched:
    """Return the scores of units.

    Args:
        record: what the tool gave.
        text: the text that the units are of.
        units: the units.
        special: tokens that are no part of a text, beside the usual ones.
        lenient: True gives a unit without a score 0, and divides the score of a piece that stands on several units
            evenly among them.

    Raises:
        TextError: a piece is not in the text, or, unless lenient, a unit has no score or a piece is on several units.
    """
    places = _places(record, text, units, {*SPECIAL, *special}, lenient=lenient)
    scores, outside = np.zeros(len(units)), 0.0
    owner = _owner(text, units)
    for piece, spans, score in zip(record.units, places, record.scores.tolist(), strict=True):
        on = _units_on(spans, owner)
        if not len(on):
            outside += abs(score)
        elif len(on) > 1 and not lenient:
            several = " and ".join(shown(units.strings[i]) for i in on[:2])
            raise TextError(f"{record.place}: the score of {shown(piece)} is one of several units, {several}")
        else:
            scores[on] += score / len(on)
    covered = _covered(places, owner, len(units))
    if not covered.all() and not (lenient or record.sparse):
        missing = int(np.argmin(covered))
        at = units.spans[missing][0][0]
        n = int((~covered).sum())
        more = f" and for {n - 1} more" if n > 1 else ""
        raise TextError(f"{record.place}: no score for {shown(units.strings[missing])} at character {at}{more}")
    return Matched(scores, outside)


def _places(record: Record, text: str, units: Units, special: Collection[str], *, lenient: bool) -> Sequence[Places]:
    """Where the pieces stand: as the tool says, or else by the first way that finds all and leaves no unit out."""
    if record.spans is not None:
        _check_spans(record, text, special)
        return record.spans
    folded, owner = Folded.of(text), _owner(text, units)
    tokens = Tokens(record.units, folded, special)
    ways = [in_order(record.units, folded), tokens.find(), anywhere(record.units, folded)]
    complete = [way for way in ways if way is not None]
    if not complete:
        raise TextError(f"{record.place}: {tokens.problem}")
    exact = (way for way in complete if _covered(way, owner, len(units)).all() and _apart(way, owner))
    return next(exact, complete[-1 if record.sparse or lenient else 0])


def _check_spans(record: Record, text: str, special: Collection[str]) -> None:
    for piece, spans in zip(record.units, record.spans or (), strict=True):
        for start, end in spans:
            if not 0 <= start <= end <= len(text):
                raise TextError(f"{record.place}: {shown(piece)} is not within the text, from {start} to {end}")
            there = text[start:end]
            if start < end and fold(there) not in readings_of(piece) and piece not in {*special, *UNKNOWN}:
                raise TextError(
                    f"{record.place}: {shown(piece)} is not at characters {start} to {end}, where {shown(there)} stands"
                )


def _owner(text: str, units: Units) -> Int64[np.ndarray, " characters"]:
    """Unit of every character, -1 for none."""
    owner = np.full(len(text), -1, dtype=np.int64)
    for i, spans in enumerate(units.spans):
        for start, end in spans:
            owner[start:end] = i
    return owner


def _units_on(spans: Places, owner: Int64[np.ndarray, " characters"]) -> Int64[np.ndarray, " units"]:
    """Units with a character in one of the spans."""
    parts = [owner[start:end] for start, end in spans]
    on = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
    return on[on >= 0]


def _covered(places: Sequence[Places], owner: Int64[np.ndarray, " characters"], n_units: int) -> np.ndarray:
    """Which units have a piece on them."""
    covered = np.zeros(n_units, dtype=bool)
    for spans in places:
        covered[_units_on(spans, owner)] = True
    return covered


def _apart(places: Sequence[Places], owner: Int64[np.ndarray, " characters"]) -> bool:
    """Whether no piece is on several units."""
    return all(len(_units_on(spans, owner)) < 2 for spans in places)
