"""The checks of an audit by name, each done once and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from heedful.auditing.checks.base import Findings
from heedful.auditing.work import Work
from heedful.data import Dataset
from heedful.support.files import write_whole

Check = Callable[[Work, Dataset | None, bool], Findings]

TITLES: Mapping[str, tuple[str, Check]] = {}
CHECKS = tuple(TITLES)


def run_checks(
    names: Sequence[str], work: Work, train: Dataset | None, folder: Path | None, *, progress: bool
) -> dict[str, dict[str, Any]]:
    """Return the findings of checks by name; those that are kept in the folder are not made again.

    Args:
        names: of `CHECKS`.
        work: what has been measured.
        train: labelled texts for checks that train a model; None: they leave that out.
        folder: where findings are kept; None: nowhere.
        progress: show progress on stderr.
    """
    findings: dict[str, dict[str, Any]] = {}
    for name in names:
        title, check = TITLES[name]
        kept = None if folder is None else folder / f"{name}.json"
        if kept is not None and kept.is_file():
            findings[name] = json.loads(kept.read_text("utf-8"))
            continue
        findings[name] = {"title": title} | check(work, train, progress).to_dict()
        if kept is not None:
            write_whole(kept, json.dumps(findings[name], ensure_ascii=False) + "\n")
    return findings
