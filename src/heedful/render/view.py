"""What both renderers show, as plain values: pieces of the text, labels, facts, numbers, the order of units."""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from itertools import pairwise as neighbours
from textwrap import shorten
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from heedful.explanation import Explanation
from heedful.methods.registry import REGISTRY
from heedful.metrics.agreement import pairwise
from heedful.render.colour import SIGNED, UNSIGNED
from heedful.support.visible import visible
from heedful.text.spans import Span, Spans

# Names of the methods in Lopardo, Precioso, Garreau 2024.
PAPER_NAMES = {
    card.name: card.aliases[0] for card in REGISTRY.built_in if card.aliases and card.source.startswith("Lopardo")
}
_CUT = -1  # in place of a unit
_LONGEST_GAP, _LONGEST_UNIT = 2_000, 20_000  # characters of text without a score, or of one unit, that are shown


class Piece(NamedTuple):
    """A stretch of the text.

    Attributes:
        text: the characters.
        units: the units it belongs to: none between units, several where spans overlap (tokens of one emoji).
        cut: True if the classifier never saw it.
    """

    text: str
    units: tuple[int, ...]
    cut: bool


def pieces(explanation: Explanation, most: int = sys.maxsize) -> list[Piece]:
    """The whole text of an explanation, as `split`."""
    return split(explanation.text, explanation.spans, explanation.cut, most)


def split(text: str, spans_of: Spans, cut: Sequence[Span], most: int = sys.maxsize) -> list[Piece]:
    """Split a text, from left to right, wherever a unit or a cut part starts or ends.

    Of more pieces than `most`, those in the middle are left out, and one in their place says how many.

    Args:
        text: the text.
        spans_of: character spans of every unit.
        cut: spans that the classifier never saw.
        most: pieces.

    Example:
        >>> [(piece.text, piece.units) for piece in split("So dull.", (((0, 2),), ((3, 7),)), ())]
        [('So', (0,)), (' ', ()), ('dull', (1,)), ('.', ())]
    """
    starting: dict[int, list[int]] = defaultdict(list)
    ending: dict[int, list[int]] = defaultdict(list)
    owners = [(span, unit) for unit, spans in enumerate(spans_of) for span in spans]
    for (start, end), unit in [*owners, *((span, _CUT) for span in cut)]:
        if start < end:
            starting[start].append(unit)
            ending[end].append(unit)
    open_: dict[int, int] = {}  # spans that have begun and not ended, by unit; plain, since it takes most of the time
    parts = []
    for start, end in neighbours(sorted({0, len(text), *starting, *ending})):
        for unit in starting.get(start, ()):
            open_[unit] = open_.get(unit, 0) + 1
        for unit in ending.get(start, ()):
            open_[unit] -= 1
            if not open_[unit]:
                del open_[unit]
        units = tuple(sorted(unit for unit in open_ if unit != _CUT))
        parts.append(Piece(text[start:end], units, _CUT in open_ and not units))
    if len(parts) <= most:
        return parts
    first, last = most // 2, len(parts) - most // 2
    characters, scored = sum(len(p.text) for p in parts[first:last]), sum(bool(p.units) for p in parts[first:last])
    middle = Piece(f"[… {characters:,} characters with {scored:,} scores left out …]", (), False)
    return [*parts[:first], middle, *parts[last:]]


def shown(piece: Piece) -> str:
    """A piece's text, visible; the middle of a very long one is left out, and its length said."""
    limit = _LONGEST_UNIT if piece.units else _LONGEST_GAP
    left_out = len(piece.text) - limit
    if left_out <= 0:
        return visible(piece.text, keep_newlines=True)
    start, end = piece.text[: limit // 2], piece.text[-limit // 2 :]
    head, tail = visible(start, keep_newlines=True), visible(end, keep_newlines=True)
    return f"{head}[… {left_out:,} characters left out …]{tail}"


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


def find(explanations: Sequence[Explanation], name: str) -> Explanation | None:
    """The first explanation of that name: its label, or its method's name or alias, with settings after a colon."""
    for explanation, label in zip(explanations, labels(explanations), strict=True):
        if name in (explanation.method, label):
            return explanation
    method, _, settings = name.partition(":")
    card = REGISTRY.card_of(method)
    wanted = {method.casefold()} | ({card.name.casefold()} if card else set())
    return next((e for e in explanations if e.method.casefold() in wanted and _has(e, settings)), None)


def _has(explanation: Explanation, settings: str) -> bool:
    """Whether it has all settings of a text such as "n_samples=100,ridge=1"."""
    wanted = [setting.partition("=")[::2] for setting in settings.split(",") if setting]
    return all(key in explanation.settings and _says(value, explanation.settings[key]) for key, value in wanted)


def _says(text: str, setting: object) -> bool:
    if isinstance(setting, (int, float)) and not isinstance(setting, bool):
        with suppress(ValueError):
            return float(text) == setting
    return text.casefold() == str(setting).casefold()


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
    target = shorten(visible(first.target_name), 40, placeholder="…")
    lines = [
        ("explained", f"{words(first.output)} of {target} (class {first.target})"),
        ("unit", f"{words(first.unit)} ({len(first.units)})"),
        ("masking", ", ".join(maskings) or "nothing is removed"),
        ("model", first.model),
    ]
    if first.unknown:
        lines.append(("not in the vocabulary", f"{first.unknown:,} of {len(first.units):,}"))
    second, windows = first.settings.get("second_text_from"), first.settings.get("windows")
    if second is not None:
        lines.append(("second text", f"from “{shorten(first.text[second:][:200], 30, placeholder='…')}” on"))
    if windows is not None:
        size, stride, combine = (first.settings[name] for name in ("window_size", "stride", "combine"))
        lines.append(("windows", f"{windows:,} of {size:,} tokens, one every {stride:,}; {combine} of their outputs"))
    hidden = sum(len(piece.text) for piece in pieces(first) if piece.cut) if first.cut else 0
    if hidden:
        lines.append(("cut", f"{hidden:,} of {len(first.text):,} characters, which the classifier never saw"))
    return lines


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


@dataclass(frozen=True)
class Agreement:
    """A table of Kendall's tau-b, and what it is of."""

    name: str
    subject: str
    values: Float64[np.ndarray, "methods methods"]


def agreements(explanations: Sequence[Explanation]) -> list[Agreement]:
    """How far methods agree: with signs, without them, or both ways where some have none; nothing of one method."""
    signed = {e.signed for e in explanations}
    ways = [True, False] if len(signed) == 2 else list(signed)
    return [
        Agreement("Signed agreement", "of the scores as they are", pairwise(explanations, signed=True))
        if way
        else Agreement("Unsigned agreement", "of absolute scores", pairwise(explanations, signed=False))
        for way in (ways if len(explanations) > 1 else [])
    ]
