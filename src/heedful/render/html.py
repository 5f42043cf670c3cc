"""HTML without scripts or network: every method a row of the same text, as in Figure 1 of the paper.

Jinja2 escapes everything that comes out of an explanation; characters that act on a display are made visible first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64
from jinja2 import Environment, PackageLoader, StrictUndefined

from heedful.explanation import Explanation
from heedful.render import view
from heedful.render.colour import AGREEMENT, HUES, HUES_ON_DARK, Shade, shade
from heedful.render.finding import Sentence, faintness, findings
from heedful.render.glance import Glance, glance
from heedful.render.reaction import full_scale
from heedful.support.visible import shortened

_TOP = 10
_PIECES, _UNITS = 10_000, 5_000  # pieces of a text, and lines of the table of all scores, that are shown
_LONG = 400  # characters from which a row is a paragraph and not a line
_NAME, _VALUE = 200, 2_000  # characters of a name, and of another value, that are shown
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Mark:
    """A piece of text or a number with its shade and the note on hover; `shade` None: no unit, `cut`: never seen."""

    text: str
    shade: Shade | None
    hover: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Row:
    """One explanation."""

    label: str
    column: str
    paper_name: str | None
    kinds: tuple[str, str]
    scale: tuple[str, str]
    base: str | None
    faint: str | None
    sentence: list[Mark]
    scores: list[Mark]
    top: list[tuple[str, Mark]]
    notes: list[tuple[str, str]]


@dataclass(frozen=True)
class Matrix:
    """Agreement of every two methods."""

    name: str
    subject: str
    lines: list[list[Mark]]


@dataclass(frozen=True)
class Section:
    """Explanations of one prediction."""

    target: str
    output: str
    prediction: str
    facts: list[tuple[str, str]]
    signed: bool
    unsigned: bool
    long: bool
    rows: list[Row]
    units: list[str]
    left_out: int
    predicted: str | None
    chance: float | None
    percent: str
    other: bool
    glance: Glance | None
    findings: list[Sentence]
    agreement: list[Matrix]


def page(explanations: Sequence[Explanation]) -> str:
    """A whole HTML page: self-contained, offline, without scripts.

    Args:
        explanations: any number; runs of explanations of the same prediction share one set of rows.

    Example:
        >>> page([]).splitlines()[0]
        '<!doctype html>'
    """
    return _render("page.html.j2", explanations)


def fragment(explanations: Sequence[Explanation]) -> str:
    """The same as a piece of HTML with its own style sheet, for notebooks.

    Example:
        >>> fragment([]).splitlines()[0]
        '<style>'
    """
    return _render("fragment.html.j2", explanations)


def sentences(explanations: Sequence[Explanation]) -> str:
    """Only the coloured text, a row a method, without a style sheet: a piece of a `.heedful` element.

    Example:
        >>> sentences([])
        ''
    """
    return _render("sentences.html.j2", explanations)


def style() -> str:
    """Return the style sheet of all views, for a page that links to it.

    Example:
        >>> style().startswith(".heedful {")
        True
    """
    sheet = _environment().get_template("style.html.j2").render(hues=HUES, hues_on_dark=HUES_ON_DARK)
    return sheet.replace("<style>", "").replace("</style>", "").strip() + "\n"


def _render(template: str, explanations: Sequence[Explanation]) -> str:
    sections = [_section(group) for group in view.groups(explanations)]
    return _environment().get_template(template).render(sections=sections, hues=HUES, hues_on_dark=HUES_ON_DARK)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("heedful.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"name": lambda text: shortened(text, _NAME), "value": lambda text: shortened(text, _VALUE)}
    environment.filters["signed"] = _number
    environment.filters["minus"] = lambda text: text.replace("-", _MINUS)
    return environment


def _section(explanations: list[Explanation]) -> Section:
    first = explanations[0]
    labels = [shortened(label, _NAME) for label in view.labels(explanations)]
    columns = [shortened(column, _NAME) for column in view.columns(explanations)]
    units = range(len(first)) if len(first) <= _UNITS else sorted(view.leading(explanations, _UNITS))
    return Section(
        target=first.target_name,
        output=view.words(first.output),
        prediction=_number(first.prediction),
        facts=view.facts(explanations),
        signed=any(e.signed for e in explanations),
        unsigned=not all(e.signed for e in explanations),
        long=len(first.text) > _LONG,
        rows=[_row(*named, units) for named in zip(explanations, labels, columns, strict=True)],
        units=[first.units[unit] for unit in units],
        left_out=len(first) - len(units),
        predicted=first.predicted_name,
        chance=first.probability,
        percent="" if first.probability is None else percent(first.probability),
        other=first.predicted is not None and first.predicted != first.target,
        glance=glance(explanations),
        findings=findings(explanations),
        agreement=_agreement(explanations, labels),
    )


def _row(explanation: Explanation, label: str, column: str, units: Sequence[int]) -> Row:
    scale, margin = full_scale(explanation), explanation.margin_of_error
    order = view.ranking(explanation)
    places = {unit: place for place, unit in enumerate(order, 1)}
    score = cache(lambda unit: _score(explanation, unit, places[unit], scale, margin))
    return Row(
        label=label,
        column=column,
        paper_name=view.PAPER_NAMES.get(explanation.method),
        kinds=view.kinds(explanation),
        scale=(_number(-scale) if explanation.signed else "0", _number(scale, signed=explanation.signed)),
        base=None if explanation.base_value is None else _number(explanation.base_value),
        faint=faintness(explanation),
        sentence=[_piece(explanation, piece, score, scale) for piece in view.pieces(explanation, _PIECES)],
        scores=[score(unit) for unit in units],
        top=[(explanation.units[unit], score(unit)) for unit in order[:_TOP]],
        notes=_notes(explanation),
    )


def _score(
    explanation: Explanation, unit: int, place: int, scale: float, margin: Float64[np.ndarray, " units"] | None
) -> Mark:
    value = float(explanation.scores[unit])
    text = _number(value, signed=explanation.signed)
    error = "" if margin is None else f" ± {_number(margin[unit], signed=False)} (95 %)"
    hover = f"{text}{error} · rank {place} of {len(explanation)}"
    return Mark(text, shade(value, scale, view.kinds(explanation)), hover)


def _piece(explanation: Explanation, piece: view.Piece, score: Callable[[int], Mark], scale: float) -> Mark:
    text = view.shown(piece)
    if not piece.units:
        return Mark(text, None, cut=piece.cut)
    if len(piece.units) == 1:
        only = score(piece.units[0])
        return Mark(text, only.shade, only.hover)
    total = sum(float(explanation.scores[unit]) for unit in piece.units)
    parts = " and ".join(score(unit).text for unit in piece.units)
    hover = f"{_number(total, signed=explanation.signed)}: {len(piece.units)} units overlap here, {parts}"
    return Mark(text, shade(total, scale, view.kinds(explanation)), hover)


def _notes(explanation: Explanation) -> list[tuple[str, str]]:
    """How the scores came about, as (name, value)."""
    lines: dict[str, Any] = {
        "settings": _pairs(explanation.settings),
        "details": _pairs({key: _detail(value) for key, value in explanation.details.items()}),
        "masking": explanation.masking or "removes nothing",
        "additive": "yes: base value and scores add up to the output" if explanation.additive else "no",
        "certified error": None if explanation.error_bound is None else _number(explanation.error_bound, signed=False),
        "seed": explanation.seed,
        "forward passes": f"{explanation.n_forward:,}",
        "time": view.duration(explanation.seconds),
        "versions": _pairs(explanation.versions, " "),
    }
    return [(name, str(value)) for name, value in lines.items() if value not in (None, "")]


def _detail(value: float) -> str:
    """A number about the scores: counts as they are, others with three digits."""
    return f"{value:,.0f}" if float(value).is_integer() else view.number(value, signed=False)


def _pairs(mapping: Any, sign: str = " = ") -> str:
    return ", ".join(f"{key}{sign}{value}" for key, value in mapping.items())


def _agreement(explanations: list[Explanation], labels: list[str]) -> list[Matrix]:
    matrices = []
    for table in view.agreements(explanations):
        lines = [
            [_tau(tau, f"{one} and {other}") for other, tau in zip(labels, line, strict=True)]
            for one, line in zip(labels, table.values.tolist(), strict=True)
        ]
        matrices.append(Matrix(table.name, table.subject, lines))
    return matrices


def _tau(tau: float, pair: str) -> Mark:
    defined = not math.isnan(tau)
    return Mark(
        f"{tau:.2f}".replace("-", _MINUS) if defined else "–",
        shade(tau, 1.0, AGREEMENT),
        pair if defined else f"{pair}: undefined, constant scores",
    )


def percent(share: float) -> str:
    """A share as people say it, and never 0 or 100 % for what is not.

    Example:
        >>> percent(0.819), percent(0.9999), percent(1.0)
        ('82 %', 'above 99 %', '100 %')
    """
    if 0 < share < 0.005:
        return "below 1 %"
    return "above 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _number(value: float, *, signed: bool = True) -> str:
    return view.number(value, signed=signed).replace("-", _MINUS)
