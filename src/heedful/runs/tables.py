"""The tables of a run: Parquet files in a folder, and the small ones as JSON beside them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from heedful.errors import SettingError
from heedful.support.files import open_whole, write_whole

SUMMARY = ".summary"  # tables whose names end so are small, go into the report, and lie beside as JSON


@dataclass(frozen=True)
class Tables:
    """The tables of a run, by name.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self:
            raise SettingError(f"no table {name!r} in {self.folder}: the stage that makes it has not run")
        return pq.read_table(self._path(name))

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        """Return rows as dictionaries, in order: all, or those that have these values.

        Raises:
            SettingError: there is no such table.
        """
        return [row for row in self[name].to_pylist() if all(row[key] == value for key, value in where.items())]

    def one(self, name: str, **where: Any) -> dict[str, Any]:
        """Return the only row that has these values.

        Raises:
            SettingError: there is no such table, or not exactly one such row.
        """
        rows = self.rows(name, **where)
        if len(rows) != 1:
            raise SettingError(f"{len(rows)} rows of {name} have {where}, where one was expected")
        return rows[0]

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table whole or not at all; a summary also as JSON.

        Raises:
            InputError: it cannot be written.
        """
        with open_whole(self._path(name)) as file:
            pq.write_table(table, file)
        if name.endswith(SUMMARY):
            rows = [{key: _plain(value) for key, value in row.items()} for row in table.to_pylist()]
            write_whole(self.folder / f"{name}.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


def _plain(value: Any) -> Any:
    """What JSON has no number for goes as "nan", "inf" and "-inf"."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
