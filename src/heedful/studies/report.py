"""A study's report, from its own template and the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heedful.render import document

if TYPE_CHECKING:
    from heedful.studies.run import Run
    from heedful.studies.study import Study


def write(study: Study[Any], run: Run[Any], record: Mapping[str, Any]) -> Path:
    """Write `report.md` and `report.html` into the run's folder; the path of the latter."""
    words = study.words(run.tables)
    facts = {"run": record, "settings": run.settings, "title": study.title}
    source = document.environment(study.package).get_template("report.md.j2")
    markdown = source.render(tables=run.tables, rows=run.tables.rows, one=run.tables.one, **facts, **words)
    return document.write(run.folder, markdown, study.title, words.get("html", {}))
