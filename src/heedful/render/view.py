"""What both renderers show, as plain values: pieces of the text, labels, facts, numbers, the order of units."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from textwrap import shorten

import numpy as np

from heedful.explanation import Explanation
from heedful.render.colour import SIGNED, UNSIGNED

# Names of the methods in Lopardo, Precioso, Garreau 2024.
PAPER_NAMES = {
    "attention-mean": "alpha-avg",
    "attention-max": "alpha-max",
    "gradient-mean": "G-avg",
    "gradient-l1": "G-l1",
    "gradient-l2": "G-l2",
    "gradient-x-input": "GxI",
}


@dataclass(frozen=True)
class Piece:
    """A stretch of the text.

    Attributes:
        text: the characters.
        units: the units it belongs to: none between units, several where spans overlap (tokens of one emoji).
        cut: True if the classifier never saw it.
    """

    text: str
    units: tuple[int, ...]
    cut: bool


def pieces(explanation: Explanation) -> list[Piece]:
    """The whole text from left to right, split wherever a unit or a cut part starts or ends."""
    length = len(explanation.text)
    starting: dict[int, list[int]] = defaultdict(list)
    ending: dict[int, list[int]] = defaultdict(list)
    owners = [(span, unit) for unit, spans in enumerate(explanation.spans) for span in spans]
    for (start, end), unit in [*owners, *((span, -1) for span in explanation.cut)]:
        first, last = max(start, 0), min(end, length)
        if first < last:
            starting[first].append(unit)
            ending[last].append(unit)
    current: Counter[int] = Counter()
    found = []
    for start, end in pairwise(sorted({0, length, *starting, *ending})):
        current.update(starting[start])
        current.subtract(ending[start])
        units = tuple(sorted(unit for unit, count in current.items() if count > 0 and unit >= 0))
        found.append(Piece(explanation.text[start:end], units, current[-1] > 0 and not units))
    return found


def labels(explanations: Sequence[Explanation]) -> list[str]:
    """One name an explanation: its method, and where several share it, the settings (or the place) that differ."""
    alike: dict[str, list[Explanation]] = defaultdict(list)
    for explanation in explanations:
        alike[explanation.method].append(explanation)
    names = [_label(explanation, alike[explanation.method]) for explanation in explanations]
    twice = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name} #{i}" if name in twice else name for i, name in enumerate(names, 1)]


def _label(explanation: Explanation, alike: list[Explanation]) -> str:
    differing = [
        f"{key}={value}"
        for key, value in explanation.settings.items()
        if any(other.settings.get(key) != value for other in alike)
    ]
    return f"{explanation.method} ({', '.join(differing)})" if differing else explanation.method


def columns(explanations: Sequence[Explanation]) -> list[str]:
    """Labels for narrow columns: the paper's name of a method where there is one."""
    return [PAPER_NAMES.get(label, label) for label in labels(explanations)]


def kinds(explanation: Explanation) -> tuple[str, str]:
    """The kinds of shade its scores have above and below 0."""
    return SIGNED if explanation.signed else UNSIGNED


def number(value: float | None, *, signed: bool = True) -> str:
    """Three significant digits, with a plus sign where signs mean something.

    Example:
        >>> number(0.23619), number(-1.2e-7), number(0.5, signed=False), number(None)
        ('+0.236', '-1.2e-07', '0.5', 'none')
    """
    if value is None:
        return "none"
    if math.isnan(value):
        return "undefined"
    return f"{value or 0.0:{'+' if signed and value else ''}.3g}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> duration(0.0123), duration(3.21)
        ('12.3 ms', '3.21 s')
    """
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def words(name: str) -> str:
    """A name from the code as plain words.

    Example:
        >>> words("logit_difference")
        'logit difference'
    """
    return name.replace("_", " ")


def facts(explanations: Sequence[Explanation]) -> list[tuple[str, str]]:
    """What all of them share, as (name, value): units, masking, model, what was cut or combined."""
    first = explanations[0]
    maskings = list(dict.fromkeys(e.masking for e in explanations if e.masking is not None))
    found = [
        ("explained", f"{words(first.output)} of class {first.target}"),
        ("unit", f"{words(first.unit)} ({len(first.units)})"),
        ("masking", ", ".join(maskings) or "none: nothing is removed"),
        ("model", first.model),
    ]
    second, windows = first.settings.get("second_text_from"), first.settings.get("windows")
    if second is not None:
        found.append(("second text", f"from “{shorten(first.text[second:], 30, placeholder='…')}” on"))
    if windows is not None:
        size, stride, combine = (first.settings[name] for name in ("window_size", "stride", "combine"))
        found.append(("windows", f"{windows:,} of {size:,} tokens, one every {stride:,}; {combine} of their outputs"))
    hidden = sum(len(piece.text) for piece in pieces(first) if piece.cut)
    if hidden:
        found.append(("cut", f"{hidden:,} of {len(first.text):,} characters, which the classifier never saw"))
    return found


def groups(explanations: Sequence[Explanation]) -> list[list[Explanation]]:
    """Runs of explanations of the same prediction over the same units, which can share one set of rows."""
    return [
        list(group)
        for _, group in groupby(explanations, lambda e: (e.text, e.spans, e.units, e.target, e.output, e.model))
    ]


def ranking(explanation: Explanation) -> list[int]:
    """Units by absolute score, largest first; ties keep the text's order, not-a-number comes last."""
    return [int(unit) for unit in np.argsort(-np.abs(explanation.scores), kind="stable")]


def leading(explanations: Sequence[Explanation], limit: int) -> list[int]:
    """The units with the best mean rank over the explanations, best first."""
    places = np.mean([np.argsort(ranking(e)) for e in explanations], axis=0)
    return [int(unit) for unit in np.argsort(places, kind="stable")[:limit]]
