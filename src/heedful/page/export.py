"""What the page shows, as a file: a report, JSON, or comma-separated values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heedful.errors import SettingError
from heedful.explanation import Comparison, Explanation
from heedful.page.asked import Ask
from heedful.page.served import Served
from heedful.render.columns import rows
from heedful.support.csv_text import as_csv
from heedful.support.names import shown

KINDS = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the start of one


def exported(
    served: Served, given: Ask, methods: Sequence[str], form: str, check: Callable[[], None]
) -> tuple[str, str, str]:
    """Return the content, the media type and the name of a file with what the page shows.

    Raises:
        SettingError: another form, or no method has an answer.
    """
    if form not in KINDS:
        raise SettingError(f"a file is {', '.join(KINDS)}, not {shown(form)}")
    results: list[Explanation] = []
    for name in methods:
        check()
        one = served.explain(given, name)
        if isinstance(one, Explanation):
            results.append(one)
    if not results:
        raise SettingError("there is nothing to download: choose a method that works on this model")
    comparison = Comparison(explanations=tuple(results))
    if form == "html":
        content = comparison.to_html()
    else:
        content = comparison.to_json(indent=2) if form == "json" else as_csv(map(_plain, rows(comparison)))
    return content, KINDS[form], f"explanation.{form}"


def _plain(cells: Sequence[Any]) -> list[Any]:
    """Cells without formulas: texts of strangers are opened in a spreadsheet."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
