"""Reports: Markdown from a template, and the same as one self-contained HTML page.

Templates write prose around tables and the formats below, so no number is typed. In the HTML page every figure is
inlined as SVG, and anything in the text that looks like HTML is shown as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from heedful.errors import MissingExtraError
from heedful.render.colour import HUES, HUES_ON_DARK
from heedful.support.files import write_whole
from heedful.support.visible import visible

try:
    from markdown_it import MarkdownIt
    from markdown_it.common.utils import escapeHtml
except ImportError:
    raise MissingExtraError("markdown-it-py", "study", "writing a report") from None

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&-])")
_LISTED = re.compile(r"^(\d+)\.")  # at the start of a line: an item of a list
_MINUS = "\N{MINUS SIGN}"


def write(folder: Path, markdown: str, title: str, pieces: Mapping[str, str] | None = None) -> Path:
    """Write `report.md` and `report.html` into a folder; the path of the latter.

    Args:
        folder: where figures lie too.
        markdown: the document; see `to_html`.
        title: of the page.
        pieces: HTML to be put in place of the figure of that name.
    """
    write_whole(folder / "report.md", markdown.strip() + "\n")
    page = environment("heedful.render", autoescape=True).get_template("document.html.j2")
    body = Markup(to_html(markdown, folder, pieces or {}))  # noqa: S704 - escaped by the renderer
    write_whole(folder / "report.html", page.render(title=title, body=body, hues=HUES, hues_on_dark=HUES_ON_DARK))
    return folder / "report.html"


def to_html(markdown: str, folder: Path, pieces: Mapping[str, str]) -> str:
    """Markdown as HTML, its figures inlined; raw HTML in it comes out as text.

    Args:
        markdown: CommonMark with tables.
        folder: what the paths of figures are relative to.
        pieces: HTML to be put in place of the figure of that name.

    Example:
        >>> print(to_html("One <b>word</b>.", Path(), {}).strip())
        <p>One &lt;b&gt;word&lt;/b&gt;.</p>
    """
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")

    def image(_: Any, tokens: Any, index: int, *__: Any) -> str:
        """A figure with its caption: the SVG file itself, or the piece of HTML that stands for it."""
        path, caption = Path(str(tokens[index].attrs["src"])), tokens[index].content
        shown = pieces[path.stem] if path.stem in pieces else inline(folder / path, caption)
        return f"<figure>{shown}<figcaption>{escapeHtml(caption)}</figcaption></figure>"

    def heading(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        """A heading that links within the page lead to."""
        tokens[index].attrSet("id", anchor(tokens[index + 1].content))
        return str(self.renderToken(tokens, index, options, env))

    renderer.add_render_rule("image", image)
    renderer.add_render_rule("heading_open", heading)
    html: str = renderer.render(markdown)
    # a figure is a paragraph of its own
    return re.sub(r"<p>(<figure>.*?</figure>)</p>", r"\1", html, flags=re.DOTALL)


def inline(path: Path, label: str) -> str:
    """An SVG file as a piece of HTML, its ids made unique by the name of the file."""
    svg = path.read_text("utf-8")
    svg = svg[svg.index("<svg") :]
    name = path.stem
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href="|url\()#', rf"\1#{name}-", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escapeHtml(label)}" ', 1)


def environment(package: str, *, autoescape: bool = False) -> Environment:
    """Return an environment for a package's own templates, with the formats below as filters."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("heedful.render")]),
        autoescape=autoescape,  # noqa: S701 - off for Markdown alone, whose HTML is escaped by its renderer
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"num": number, "pct": percent, "sci": power, "count": count, "text": text, "yes": yes}
    environment.filters |= {"anchor": anchor, "table": table}
    environment.filters |= {"num_ci": number_interval, "pct_ci": percent_interval, "sci_ci": power_interval}
    return environment


def number(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals; a dash where there is none.

    Example:
        >>> number(-0.1234), number(float("nan")), number(float("inf"))
        ('−0.12', '–', '∞')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    shown = f"{value:.{digits}f}"
    return shown.replace("-", "" if float(shown) == 0 else _MINUS)


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent.

    Example:
        >>> percent(0.5)
        '50.0 %'
    """
    return "–" if value is None or math.isnan(value) else f"{number(100 * value, digits)} %"


def power(value: float | None) -> str:
    """A small number by its order of magnitude; one near 1 as it is.

    Example:
        >>> power(0.00000123), power(0.0), power(1.3)
        ('1.2e−06', '0', '1.3')
    """
    if value is None or math.isnan(value):
        return "–"
    if 0.01 <= abs(value) < 100:
        return number(value, 1 if abs(value) >= 1 else 2)
    return "0" if value == 0 else f"{value:.1e}".replace("-", _MINUS)


def number_interval(row: Mapping[str, Any], name: str, digits: int = 2) -> str:
    r"""A figure of a row as `number`, and behind it its interval; a dash where it has none.

    Example:
        >>> number_interval({"tau": 0.5, "tau_low": 0.42, "tau_high": 0.61}, "tau", 1)
        '0.5 [0.4,\xa00.6]'
        >>> number_interval({"tau": 0.5, "tau_low": None, "tau_high": None}, "tau", 1)
        '0.5 [–]'
    """
    return f"{number(row[name], digits)} {_ends(row, name, lambda value: number(value, digits))}"


def percent_interval(row: Mapping[str, Any], name: str, digits: int = 1) -> str:
    r"""A share of a row as `percent`, and behind it its interval.

    Example:
        >>> percent_interval({"share": 0.5, "share_low": 0.425, "share_high": 0.575}, "share")
        '50.0 % [42.5,\xa057.5]'
    """
    ends = _ends(row, name, lambda value: number(None if value is None else 100 * value, digits))
    return f"{percent(row[name], digits)} {ends}"


def power_interval(row: Mapping[str, Any], name: str) -> str:
    r"""A small number of a row as `power`, and behind it its interval.

    Example:
        >>> power_interval({"gap": 1.23e-6, "gap_low": 1e-6, "gap_high": 2e-6}, "gap")
        '1.2e−06 [1.0e−06,\xa02.0e−06]'
    """
    return f"{power(row[name])} {_ends(row, name, power)}"


def _ends(row: Mapping[str, Any], name: str, shown: Callable[[float | None], str]) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "[–]" if low is None and high is None else f"[{shown(low)},\N{NO-BREAK SPACE}{shown(high)}]"


def count(value: int) -> str:
    """A whole number with its thousands apart.

    Example:
        >>> count(25000)
        '25,000'
    """
    return f"{value:,}"


def yes(value: bool) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def anchor(heading: str) -> str:
    """Return what a link within a page calls a heading: as GitHub does.

    Example:
        >>> anchor("Methods by *metrics*"), anchor("top-k:k=3")
        ('methods-by-metrics', 'top-kk3')
    """
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.strip().lower()))


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    r"""Return a Markdown table of rows with the same keys, all columns or some, with intervals in their cells.

    Example:
        >>> table([{"word": "a", "tau": 0.5, "tau_low": 0.4, "tau_high": 0.6}]).splitlines()
        ['| word | tau |', '| --- | --- |', '| a | 0.500 [0.400,\xa00.600] |']
    """
    ends = {f"{name}{end}" for name in rows[0] for end in ("_low", "_high")}
    names = [name for name in rows[0] if name not in ends] if columns is None else columns

    def cell(row: Mapping[str, Any], name: str) -> str:
        value = row[name]
        if isinstance(value, bool):
            return yes(value)
        if isinstance(value, int):
            return count(value)
        if value is None or isinstance(value, float):
            return number_interval(row, name, 3) if f"{name}_low" in row and value is not None else number(value, 3)
        return text(str(value))

    lines = [[text(name.replace("_", " ")) for name in names], ["---"] * len(names)]
    lines += [[cell(row, name) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(value: str) -> str:
    r"""A word of somebody else's text, as it is: nothing in it acts as Markdown or on a display.

    Example:
        >>> print(text("*a|b*"))
        \*a\|b\*
    """
    return _LISTED.sub(r"\1\\.", _ACTIVE.sub(r"\\\1", visible(value).strip()))
