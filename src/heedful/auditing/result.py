"""Audit: what was measured, and the verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful.auditing import tables
from heedful.auditing.figures import PerText, TextFigures
from heedful.auditing.verdict import judge
from heedful.errors import MissingExtraError, SettingError
from heedful.support.files import write_whole
from heedful.support.names import choose

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
REPORT = "audit.json"


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of an audit.

    Attributes:
        facts: what was audited: model, number of texts, methods and metrics with their settings, versions, seed.
        verdict: level ("faithful", "map", "misleading" or "undecided"), sentences, figures with intervals, rule.
        cells: a row a metric and method; see `heedful.auditing.tables.cells`.
        costs: a row a method: mean forward passes and seconds a text.
        refused: methods that cannot answer on this model, and why.
        problems: reasons why texts were not audited, with the places of the texts.
        rows: a row a text and method.
        trial: a row a text; see `heedful.auditing.figures.TextFigures`.
    """

    facts: Mapping[str, Any]
    verdict: Mapping[str, Any]
    cells: Sequence[Row]
    costs: Sequence[Row]
    refused: Mapping[str, str]
    problems: Mapping[str, Sequence[str]]
    rows: Sequence[Row]
    trial: Sequence[Row]

    @classmethod
    def of(
        cls,
        facts: Mapping[str, Any],
        rows: Sequence[Row],
        trial: Sequence[Row],
        metrics: Sequence[str],
        problems: Mapping[str, Sequence[str]],
        refused: Mapping[str, str],
    ) -> Audit:
        """Make the tables and the verdict of what was measured."""
        seed = int(facts["seed"])
        cells = tables.cells(rows, metrics, seed)
        return cls(
            facts,
            judge(PerText.gather(TextFigures(**row) for row in trial)).to_dict(),
            cells,
            tables.costs(rows),
            refused,
            problems,
            rows,
            trial,
        )

    def table(self, metric: str) -> list[Row]:
        """Return the rows of one metric, a method each, in the order of the methods.

        Raises:
            SettingError: it was not measured.
        """
        names = list(dict.fromkeys(row["metric"] for row in self.cells))
        name = choose(metric, names, "metric of this audit")
        return [row for row in self.cells if row["metric"] == name]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the rows as plain JSON types; what is not a number is None."""
        content = {name: value for name, value in asdict(self).items() if name not in ("rows", "trial")}
        plain: dict[str, Any] = _plain(content)
        return plain

    def to_json(self, indent: int | None = None) -> str:
        """Return JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    def to_frame(self) -> pd.DataFrame:
        """Return the cells, a row a metric and method. Needs pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingExtraError("pandas", "frame", "tables as frames") from None
        return pandas.DataFrame(list(self.cells))

    def save(self, folder: str | Path) -> Path:
        """Write `audit.json`, the rows as Parquet, `report.md` and `report.html`; the path of the latter.

        Raises:
            InputError: the folder cannot be written.
            MissingExtraError: pyarrow or markdown-it-py is not installed.
        """
        from heedful.auditing.report import write  # late: asks for the extra's libraries

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        report = write(self, path)
        write_whole(path / REPORT, self.to_json(indent=1) + "\n")
        return report


def read(folder: Path) -> dict[str, Any]:
    """Read `audit.json` of a finished audit.

    Raises:
        SettingError: there is none.
    """
    try:
        content: dict[str, Any] = json.loads((folder / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        raise SettingError(f"{folder} holds no finished audit: give a folder of `heedful audit --out`") from None
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
