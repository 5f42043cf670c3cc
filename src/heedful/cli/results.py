"""How results leave a command: on stdout, and in a file that is known to be writable before anything is computed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from heedful.cli.printing import check_format, console, print_csv, print_json
from heedful.explanation import Comparison, Explanation
from heedful.explanation.saving import SUFFIXES
from heedful.render.columns import rows
from heedful.render.terminal import print_comparison, print_explanation
from heedful.support.writable import check_file

Result = Explanation | Comparison
LOG = logging.getLogger(__name__)


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

    def show(self, result: Result) -> None:
        """Write the file, and print the result."""
        for one in result.explanations if isinstance(result, Comparison) else (result,):
            LOG.info("%s: %.3f s, forward passes: %d", one.method, one.seconds, one.n_forward)
        if self.out is not None:
            result.save(self.out)
            LOG.info("wrote %s", self.out.resolve())
        self.print(result)

    def print(self, result: Result) -> None:
        """Print the result alone."""
        if self.as_json:
            print_json(result.to_json())
        elif self.as_csv:
            print_csv(rows(result))
        elif isinstance(result, Explanation):
            print_explanation(result, console())
        else:
            print_comparison(result, console())
