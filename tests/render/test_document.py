"""The report: numbers as they are to be read, nothing of a text acts, figures inlined without clashes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from heedful.render import document as report
from heedful.render import style


class Names(HTMLParser):
    """All ids, and all names of elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.elements: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]


def drawn(folder: Path, name: str) -> None:
    def draw() -> Figure:
        figure, axes = style.subplots(3, 2)
        axes.plot([0, 1], [1, 2], "x", label="$5 < \\alpha$ <b>&")
        axes.imshow([[0, 1]])
        axes.legend()
        return figure

    style.save(draw, folder, name)


def test_the_same_figure_is_the_same_bits(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        drawn(tmp_path / name, "figure")
    for suffix in ("svg", "png"):
        first, second = ((tmp_path / name / f"figure.{suffix}").read_bytes() for name in ("one", "two"))
        assert first == second
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["figure.png", "figure.svg"]


def test_figures_are_inlined_without_clashing_ids(tmp_path: Path) -> None:
    for name in ("a", "b"):
        drawn(tmp_path, name)
    html = report.to_html('![One "<i>"](a.svg)\n\n![Two](b.svg)', tmp_path, {})
    found = Names(html)
    assert found.elements.count("figure") == found.elements.count("figcaption") == found.elements.count("svg") == 2
    assert not {"img", "i", "script"} & set(found.elements)
    assert len(found.ids) == len(set(found.ids)) > 4
    for target in re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', html):
        assert "".join(target) in found.ids
    assert "<p><figure>" not in html


def test_a_piece_of_html_stands_for_its_figure(tmp_path: Path) -> None:
    html = report.to_html("![Cap](figures/one.svg)", tmp_path, {"one": "<b>sentence</b>"})
    assert html.strip() == "<figure><b>sentence</b><figcaption>Cap</figcaption></figure>"


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_a_word_is_shown_as_it_is(word: str) -> None:
    shown = report.to_html(f"| a | b |\n| --- | --- |\n| {report.text('x' + word + 'x')} | 2 |", Path(), {})
    assert Names(shown).elements == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]


@pytest.mark.parametrize("word", ["1. Great film", "  12. two", "    four", "+ one", "> so"])
def test_a_line_that_begins_with_a_word_is_a_paragraph(word: str) -> None:
    assert Names(report.to_html(f"> {report.text(word)}", Path(), {})).elements == ["blockquote", "p"]


def test_numbers_without_a_value_are_dashes() -> None:
    for shown in (report.number, report.percent, report.power):
        assert shown(None) == shown(float("nan")) == "–"
    assert report.number(-0.001) == "0.00"
    assert report.percent(-0.12345, 2) == "−12.35 %"
    assert report.number(float("-inf")) == "−∞"
