"""A table of texts: every row explained, and what cannot be is named by its row."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful.cli.printing import print_csv, print_json
from heedful.cli.results import Printed, Result
from heedful.errors import InputError, PrecisionError, TargetError
from heedful.explanation import Comparison, Explanation
from heedful.render import columns, html
from heedful.support.csv_text import as_csv
from heedful.support.files import write_whole
from heedful.support.progress import track
from heedful.support.visible import visible

if TYPE_CHECKING:
    from heedful.data import TextRow

_NAMED = 50  # rows named in the message, of one problem


@dataclass(frozen=True)
class Run:
    """How results come about: that of one text, or those of several at once where that is faster."""

    one: Callable[[str], Result]
    many: Callable[[list[str]], Sequence[Result]] | None = None
    together: int = 1


def explain_rows(rows: Sequence[TextRow], run: Run, printed: Printed) -> None:
    """Print the result of every row as soon as it is there: tables, one JSON array, or values with a column of places.

    Args:
        rows: the rows; those with a problem are not run.
        run: gives the results.
        printed: in which form, and the file that holds all of them in the end.

    Raises:
        InputError: some rows have no result; those of the others are printed and saved.
        TargetError: there is no such class.
    """
    problems: dict[str, list[str]] = {}
    results: list[tuple[TextRow, Result]] = []
    each = track(_results(rows, run, problems), "explaining", total=len(rows), shown=not sys.stdout.isatty())
    try:
        for row, result in each:
            _print(row, result, printed, first=not results)
            results.append((row, result))
    finally:  # what is there is given, whatever happens to the rest
        if printed.as_json and results:
            print("]")  # noqa: T201 - its purpose
        if printed.out is not None and results:
            _save(results, printed.out)
    if problems:
        raise InputError(_report(rows, problems))


def _results(rows: Sequence[TextRow], run: Run, problems: dict[str, list[str]]) -> Iterator[tuple[TextRow, Result]]:
    """Results in the order of the rows; a row without one is put to its problem."""
    for start in range(0, len(rows), run.together):
        some = rows[start : start + run.together]
        texts = [row.text for row in some if row.text is not None]
        if run.many is not None and len(texts) == len(some) > 1:
            try:
                yield from zip(some, run.many(texts), strict=True)
                continue
            except (InputError, PrecisionError):
                pass  # one by one tells which
        for row in some:
            if row.text is None:
                problems.setdefault(str(row.problem), []).append(row.place)
                continue
            try:
                result = run.one(row.text)
            except TargetError:  # of every row
                raise
            except (InputError, PrecisionError) as error:
                problems.setdefault(str(error), []).append(row.place)
            else:
                yield row, result


def _print(row: TextRow, result: Result, printed: Printed, *, first: bool) -> None:
    if printed.as_json:
        print("[" if first else ",\n", end="")  # noqa: T201 - its purpose
        print_json(result.to_json(), end="")
    elif printed.as_csv:
        print_csv(_placed(row, result, first=first))
    else:
        print(f"{'' if first else chr(10)}{visible(f'{row.source}, {row.place}')}")  # noqa: T201 - its purpose
        printed.print(result)
    sys.stdout.flush()


def _placed(row: TextRow, result: Result, *, first: bool) -> list[list[Any]]:
    """Rows of a result with the place of its text before each; names of columns only above the first."""
    names, *units = columns.rows(result)
    return [*([["place", *names]] if first else []), *([row.place, *unit] for unit in units)]


def _save(results: Sequence[tuple[TextRow, Result]], out: Path) -> None:
    suffix = out.suffix.lower()
    if suffix == ".json":
        write_whole(out, "[\n" + ",\n".join(result.to_json(indent=2) for _, result in results) + "\n]\n")
    elif suffix == ".csv":
        tables = (_placed(*placed, first=i == 0) for i, placed in enumerate(results))
        write_whole(out, as_csv(line for table in tables for line in table))
    else:
        write_whole(out, html.page([one for _, result in results for one in _explanations(result)]))


def _explanations(result: Result) -> Sequence[Explanation]:
    return result.explanations if isinstance(result, Comparison) else (result,)


def _report(rows: Sequence[TextRow], problems: dict[str, list[str]]) -> str:
    n = sum(map(len, problems.values()))
    each = []
    for problem, places in problems.items():
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        each.append(f"{', '.join(places[:_NAMED])}{more}: {problem}")
    return f"{rows[0].source}: {n} of {len(rows)} rows not explained: {'; '.join(each)}"
