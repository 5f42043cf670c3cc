"""How results leave a command: on stdout, and in a file that is known to be writable before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heedful.cli.printing import check_format, console, print_csv, print_json
from heedful.explanation import Comparison, Explanation
from heedful.render.terminal import print_comparison, print_explanation
from heedful.render.view import labels
from heedful.support.writable import check_file

SUFFIXES = (".json", ".html")  # that results can be saved by


@dataclass(frozen=True)
class Printed:
    """How a result is shown: as tables, JSON or comma-separated values, and in a file.

    Attributes:
        out: the file; None for none.
        as_json, as_csv: the form on stdout, where it is not tables.
    """

    out: Path | None
    as_json: bool
    as_csv: bool

    @classmethod
    def checked(cls, *, as_json: bool, as_csv: bool, out: str | None = None) -> Printed:
        """Check, before anything is computed, that the result can be shown so.

        Raises:
            SettingError: more than one form, or a file of another suffix.
            InputError: a file that cannot be written.
        """
        check_format(as_json=as_json, as_csv=as_csv)
        return cls(None if out is None else check_file(out, SUFFIXES), as_json, as_csv)

    def show(self, result: Explanation | Comparison) -> None:
        """Write the file, and print the result."""
        if self.out is not None:
            result.save(self.out)
        if self.as_json:
            print_json(result.to_json())
        elif self.as_csv:
            print_csv(_rows(result))
        elif isinstance(result, Explanation):
            print_explanation(result, console())
        else:
            print_comparison(result, console())


def _rows(result: Explanation | Comparison) -> Iterable[Sequence[Any]]:
    """A row a unit: it, where it starts and ends in the text, and its scores; of several places, all of them."""
    explanations = [result] if isinstance(result, Explanation) else list(result)
    columns = list(zip(labels(explanations), (e.scores for e in explanations), strict=True))
    if isinstance(result, Explanation):
        columns = [("score", result.scores)]
        columns += [] if result.std_error is None else [("std_error", result.std_error)]
    first = explanations[0]
    yield ["unit", "start", "end", *(name for name, _ in columns)]
    for i, (unit, spans) in enumerate(zip(first.units, first.spans, strict=True)):
        ends = (" ".join(str(span[end]) for span in spans) if len(spans) > 1 else spans[0][end] for end in (0, 1))
        yield [unit, *ends, *(float(scores[i]) for _, scores in columns)]
