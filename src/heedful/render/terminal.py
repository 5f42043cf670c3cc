"""Explanations in a terminal: coloured sentences where there are colours, numbers everywhere.

Nothing of a text or a label is read as markup, and no control character of theirs reaches the terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.color import Color
from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from heedful.explanation import Comparison, Explanation
from heedful.render import view
from heedful.render.colour import AGREEMENT, BLACK, WHITE, Shade, shade
from heedful.render.finding import Sentence, faintness, findings
from heedful.render.reaction import full_scale
from heedful.support.visible import shortened, visible

_ALL_UNITS = 40  # up to so many units the table has them all
_SOME_UNITS = 15  # and beyond, the leading ones
_PIECES = 4_000  # of the text, with a score or between two, that are shown
_NAMED = 4  # units named in a line where there are no colours
_NAME_WIDTH, _HEAD_WIDTH = 24, 14  # of a table's first column, of the heading of another
_GAP = 2  # between columns: one space of padding, one of the box
_FAINT = 0.05  # strengths below are not underlined
_NAME = 200  # characters of a name or a value that are shown
_DIM = Style(dim=True)
_BOLD = Style(bold=True)


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Print one explanation: what was explained, the coloured text, the largest scores.

    On a console without colours (`NO_COLOR`, a pipe, a file) numbers take the place of colours and no escape code is
    written.

    Example:
        >>> import numpy as np
        >>> explanation = Explanation(
        ...     text="not bad", units=("not", "bad"), spans=(((0, 3),), ((4, 7),)), scores=np.array([0.9, -0.35]),
        ...     target=1, target_name="positive", output="logit", prediction=1.25, base_value=None, method="occlusion",
        ...     settings={}, signed=True, additive=False, unit="word", masking="unk", std_error=None, error_bound=None,
        ...     n_forward=3, seconds=0.002, seed=None, versions={}, model="demo",
        ... )
        >>> print_explanation(explanation, Console(no_color=True, width=80))
        What speaks for positive?  logit +1.25
        explained: logit of positive (class 1)  unit: word (2)  masking: unk  model: demo
        By occlusion, “not” speaks most for positive (+0.9), “bad” most against it (-0.35).
        <BLANKLINE>
        not bad
        <BLANKLINE>
        occlusion  not +0.9, bad -0.35
        <BLANKLINE>
        Largest scores (2 of 2 units, by absolute score)
             occlusion
        ──────────────
        not       +0.9
        bad      -0.35
    """
    _print([explanation], console)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print explanations side by side: what they say, the coloured text once a method, all scores, their agreement.

    On a console without colours as in `print_explanation`, which has an example.
    """
    _print(list(comparison.explanations), console)


@dataclass(frozen=True)
class _Safe:
    """Anything, without styles where there are no colours, and within what the console's encoding can write."""

    content: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        coloured = _coloured(console)
        for text, style, _ in console.render(self.content, options):
            safe = visible(text, keep_newlines=True)  # nothing gets past here, whatever is shown above
            writable = safe.encode(options.encoding, "backslashreplace").decode(options.encoding)
            yield Segment(writable, style if coloured else None)


def _coloured(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _print(explanations: list[Explanation], console: Console) -> None:
    coloured = _coloured(console)
    rows = _coloured_rows(explanations, console.width) if coloured else _plain_rows(explanations)
    heard = [_said(sentence) for sentence in findings(explanations)]
    parts = [*_header(explanations), *heard, *_legend(explanations, coloured), Text(), *rows, *_notes(explanations)]
    parts += [Text(), *_scores(explanations, console.width)]
    if len(explanations) > 1:
        parts += _agreement(explanations, console.width)
    console.print(_Safe(Group(*parts)))


def _header(explanations: list[Explanation]) -> list[ConsoleRenderable]:
    first = explanations[0]
    output, target = (shortened(name, _NAME) for name in (view.words(first.output), first.target_name))
    title = Text.assemble("What speaks for ", (target, _BOLD), f"?  {output} ", (view.number(first.prediction), _BOLD))
    return [
        title,
        Text("  ".join(f"{name}: {shortened(value, _NAME)}" for name, value in view.facts(explanations)), _DIM),
    ]


def _legend(explanations: list[Explanation], coloured: bool) -> list[ConsoleRenderable]:
    legend = Text()
    if any(e.signed for e in explanations):
        target = shortened(explanations[0].target_name, _NAME)
        legend.append_text(Text.assemble((" red ", _style(Shade("for", 0.9))), f" speaks for {target}  "))
        legend.append_text(Text.assemble((" blue, underlined ", _marked(Shade("against", 0.9))), " against  "))
    if not all(e.signed for e in explanations):
        legend.append_text(Text.assemble((" purple ", _style(Shade("weight", 0.9))), " weight, no sign"))
    return [legend] if coloured else []


def _said(sentence: Sentence) -> Text:
    return Text.assemble(*((shortened(piece.text, _NAME), _BOLD if piece.kind == "word" else "") for piece in sentence))


def _notes(explanations: list[Explanation]) -> list[ConsoleRenderable]:
    """A line for every method whose scores are too small to rank words by; the findings have it of one alone."""
    named = zip(view.labels(explanations), map(faintness, explanations), strict=True)
    notes = [Text(f"{shortened(name, _NAME)}: {shortened(note, _NAME)}") for name, note in named if note]
    return [Text(), *notes] if notes and len(explanations) > 1 else []


def _coloured_rows(explanations: list[Explanation], width: int) -> list[ConsoleRenderable]:
    """Every method the same text: beside its name if that fits on one line, else below."""
    names = [Text(shortened(label, _NAME), _BOLD) for label in view.labels(explanations)]
    scales = [Text(_scale(e), _DIM) for e in explanations]
    sentences = [_sentence(e) for e in explanations]
    beside = max(name.cell_len for name in names) + max(scale.cell_len for scale in scales) + 6
    one_line = sentences[0].cell_len + 2 <= width and "\n" not in sentences[0].plain
    if one_line and sentences[0].cell_len + beside <= width:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for name, sentence, scale in zip(names, sentences, scales, strict=True):
            grid.add_row(name, Padding(sentence, (0, 1), style=_PAPER), scale)
        return [grid]
    rows: list[ConsoleRenderable] = []
    for name, scale, sentence in zip(names, scales, sentences, strict=True):
        rows += [Text.assemble(name, "  ", scale), Padding(sentence, (0, 1), style=_PAPER, expand=not one_line)]
        rows += [] if one_line else [Text()]
    return rows


def _plain_rows(explanations: list[Explanation]) -> list[ConsoleRenderable]:
    """The text once, then every method's largest scores in words."""
    names = [shortened(label, _NAME) for label in view.labels(explanations)]
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, explanation in zip(names, explanations, strict=True):
        best = [
            f"{shortened(explanation.units[unit], _NAME)} {_number(explanation, unit)}"
            for unit in view.ranking(explanation)[:_NAMED]
        ]
        grid.add_row(Text(name), Text(", ".join(best) + _base(explanation)))
    text = Text()
    for piece in view.pieces(explanations[0], _PIECES):
        shown = view.shown(piece)
        text.append(f"[never seen: {shown}]" if piece.cut else shown)
    return [text, Text(), grid]


def _sentence(explanation: Explanation) -> Text:
    scale, kinds = full_scale(explanation), view.kinds(explanation)
    text = Text()
    for piece in view.pieces(explanation, _PIECES):
        style = _CUT if piece.cut else _PAPER
        if piece.units:
            style = _marked(shade(sum(float(explanation.scores[unit]) for unit in piece.units), scale, kinds))
        text.append(view.shown(piece), style)
    return text


def _scale(explanation: Explanation) -> str:
    scale = full_scale(explanation)
    low = view.number(-scale) if explanation.signed else "0"
    return f"{low} to {view.number(scale, signed=explanation.signed)}{_base(explanation)}"


def _base(explanation: Explanation) -> str:
    return "" if explanation.base_value is None else f"  (base value {view.number(explanation.base_value)})"


def _scores(explanations: list[Explanation], width: int) -> list[ConsoleRenderable]:
    """Units by methods: all units in the text's order, or the leading ones."""
    n_units = len(explanations[0])
    units, title = list(range(n_units)), "Scores"
    if len(explanations) == 1 or n_units > _ALL_UNITS:
        units = view.leading(explanations, _SOME_UNITS)
        order = "by mean rank of their absolute scores" if len(explanations) > 1 else "by absolute score"
        title = f"Largest scores ({len(units)} of {n_units} units, {order})"
    columns = []
    for label, explanation in zip(view.columns(explanations), explanations, strict=True):
        scale, kinds = full_scale(explanation), view.kinds(explanation)
        styles = [_style(shade(float(explanation.scores[unit]), scale, kinds)) for unit in units]
        columns.append(
            (label, [Text(_number(explanation, unit), style) for unit, style in zip(units, styles, strict=True)])
        )
    only = explanations[0]
    alone = len(explanations) == 1 and only.std_error is not None
    enumerated = only.details.get("enumerated") == 1.0  # an error of 0 may also be that of a sample without spread
    if alone and not enumerated:
        for name, errors in (("std. error", only.std_error), ("± (95 %)", only.margin_of_error)):
            if errors is not None:
                columns.append((name, [Text(view.number(float(errors[unit]), signed=False)) for unit in units]))
    tables = _tables(title, [only.units[unit] for unit in units], columns, width)
    if alone and enumerated:
        tables.append(Text("All masks were evaluated: no sampling error."))
    return tables


def _agreement(explanations: list[Explanation], width: int) -> list[ConsoleRenderable]:
    parts: list[ConsoleRenderable] = []
    for table in view.agreements(explanations):
        cells = [
            [Text("n/a" if math.isnan(tau) else f"{tau:+.2f}", _style(shade(tau, 1.0, AGREEMENT))) for tau in line]
            for line in table.values.tolist()
        ]
        columns = list(zip(view.columns(explanations), cells, strict=True))  # symmetric: lines are columns
        parts += [
            Text(),
            *_tables(f"{table.name} (Kendall's tau-b {table.subject})", view.labels(explanations), columns, width),
        ]
    return parts


def _tables(
    title: str, heads: Sequence[str], columns: list[tuple[str, list[Text]]], width: int
) -> list[ConsoleRenderable]:
    """A table, broken into several where the console is too narrow: a number is never cut short."""
    names = [Text(shortened(head, _NAME), overflow="ellipsis", no_wrap=True) for head in heads]
    left = min(max((name.cell_len for name in names), default=0), _NAME_WIDTH)
    tables: list[ConsoleRenderable] = [Text(title, _BOLD)]
    bank: list[_Column] = []
    for label, numbers in columns:
        column = _Column.of(label, numbers)
        if bank and left + sum(other.width + _GAP for other in [*bank, column]) > width:
            tables += [_table(names, left, bank), Text()]
            bank = []
        bank.append(column)
    return [*tables, _table(names, left, bank)]


@dataclass(frozen=True)
class _Column:
    label: Text
    numbers: list[Text]
    width: int

    @classmethod
    def of(cls, label: str, numbers: list[Text]) -> _Column:
        head = Text(shortened(label, _NAME), overflow="fold")
        return cls(head, numbers, max([min(head.cell_len, _HEAD_WIDTH), *(number.cell_len for number in numbers)]))


def _table(names: list[Text], left: int, bank: list[_Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, header_style=_DIM)
    table.add_column(width=left)
    for column in bank:
        table.add_column(column.label, justify="right", min_width=column.width, max_width=column.width)
    for name, *numbers in zip(names, *(column.numbers for column in bank), strict=True):
        table.add_row(name, *numbers)
    return table


def _number(explanation: Explanation, unit: int) -> str:
    return view.number(float(explanation.scores[unit]), signed=explanation.signed)


def _style(tint: Shade) -> Style:
    """White paper at zero, on light and dark terminals alike: there a white word must not outshine a red one."""
    return Style(color=Color.from_rgb(*(WHITE if tint.dark else BLACK)), bgcolor=Color.from_rgb(*tint.rgb))


def _marked(tint: Shade) -> Style:
    return _style(tint) + Style(underline=tint.kind == "against" and tint.strength >= _FAINT)


_PAPER = _style(Shade("zero", 0.0))
_CUT = _PAPER + Style(color=Color.from_rgb(110, 110, 110), strike=True)
