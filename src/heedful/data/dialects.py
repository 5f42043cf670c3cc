"""How fields of delimited text are separated, quoted and escaped, and the signs that tell one way from another."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

DELIMITERS = ",\t;|"
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_SPECIAL = "\\\"'\r\n"
_NUMBER = re.compile(r"[+-]?[0-9.]+")
_DOUBLED = re.compile(r"'(?:[^']|'')*'")
_DOUBLED_AFTER_A_LETTER = re.compile(r"'.*\w''[\w\s].*'", re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """How fields are separated, quoted and escaped.

    Attributes:
        delimiter: stands between two fields.
        quote: what a field may stand in; doubled inside.
        escape: a backslash takes its meaning from a quote, delimiter, backslash or line end.
        spaced: spaces after a delimiter do not count.
        literal: quotes are characters like others.
    """

    delimiter: str
    quote: str = '"'
    escape: bool = False
    spaced: bool = False
    literal: bool = False

    def rows(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Iterate over the rows, blank ones too, each with the number of its first line.

        Raises:
            csv.Error: the lines do not fit; its arguments are the number of the line and the reason.
        """
        reader = self.reader(lines)
        while True:
            start = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise csv.Error(reader.line_num, error) from None
            yield start, row

    def reader(self, lines: Iterator[str]) -> Any:
        """Return a reader of the module csv for these lines, which refuses what does not fit."""
        return csv.reader(
            map(self._escaped, lines) if self.escape else lines,
            delimiter=self.delimiter,
            quotechar=None if self.literal else self.quote,
            quoting=csv.QUOTE_NONE if self.literal else csv.QUOTE_MINIMAL,
            escapechar="\\" if self.escape else None,
            skipinitialspace=self.spaced,
            strict=True,
        )

    def _escaped(self, line: str) -> str:
        """Double the backslashes that escape nothing: the csv module would drop them."""
        special = _SPECIAL + self.delimiter
        return _ESCAPE.sub(lambda m: m[0] if m[1] and m[1] in special else "\\" + m[0], line)

    def otherwise(self, text: str) -> list[Dialect]:
        """Return dialects to try where this one does not fit `text`, each only where there are signs of it."""
        delimiter = re.escape(self.delimiter)
        others: list[Dialect] = []
        if "\\" in text:
            others.append(replace(self, escape=True))
        if self.quote == '"':
            if re.search(rf'{delimiter} +"', text):
                others.append(replace(self, spaced=True))
            if re.search(rf"(?:^|{delimiter})'", text, re.M) and not re.search(rf'(?:^|{delimiter})"', text, re.M):
                others += [replace(self, quote="'"), replace(self, quote="'", escape=True)]
            if self.delimiter == "\t" and self._quotes_within(text):
                others.append(replace(self, literal=True))
        return others

    def _quotes_within(self, text: str) -> bool:
        """True if quotes look like characters of the text, and not as if the file were cut off inside a field."""
        within = re.search(r'[^\t"\r\n]"[^\t"\r\n]', text) is not None
        return within or '"' not in text.rstrip("\r\n").splitlines()[-1]

    def reconsidered(self, text: str, columns: Sequence[Sequence[str]]) -> Dialect:
        """Return the dialect that `text` is really in, seen from what this standard one makes of it.

        No standard writer leaves a quote in a field without quotes around it.
        """
        field = rf'(?:"[^"]*(?:""[^"]*)*"|([^"{re.escape(self.delimiter)}\r\n][^{re.escape(self.delimiter)}\r\n]*)|)'
        end = rf"(?:[{re.escape(self.delimiter)}\r\n]|\Z)"
        loose = [m[1] for m in re.finditer(field + end, text) if m[1] and '"' in m[1]]
        if loose and all(not re.search(r'(?<!\\)"', one) for one in loose):
            return replace(self, escape=True)
        if loose and all(re.fullmatch(r' +".*"\s*', one) for one in loose):
            return replace(self, spaced=True)
        texts, *others = columns
        rows_inside = others and any(self.delimiter in text and re.search(r"[\r\n]", text) for text in texts)
        if loose or rows_inside:
            return replace(self, literal=True)
        several = bool(others) or all(f"'{self.delimiter}'" in line for line in text.splitlines() if line)
        return replace(self, quote="'") if _single_quoted(columns, several=several) else self


def _single_quoted(columns: Sequence[Sequence[str]], *, several: bool) -> bool:
    """True if all cells but numbers of several columns are in single quotes, or those with apostrophes, then doubled.

    Texts alone may be quotations.
    """
    cells = [cell for column in columns for cell in column]
    with_apostrophe = [cell for cell in cells if "'" in cell]
    if not with_apostrophe or not all(map(_DOUBLED.fullmatch, with_apostrophe)):
        return False
    texts = columns[0]
    all_quoted = all(cell in with_apostrophe or _NUMBER.fullmatch(cell) for cell in cells)
    wordy = len(texts) > 1 and several and all(re.search(r"'.*\w.*'", text, re.DOTALL) for text in texts)
    return (all_quoted and wordy) or any(map(_DOUBLED_AFTER_A_LETTER.fullmatch, with_apostrophe))
