"""The checks of an audit by name, each done once and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heedful.auditing.checks.attention import attention_check
from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.sanity import LIMIT, sanity_check
from heedful.auditing.checks.shortcuts import shortcuts_check
from heedful.auditing.effects import Effects
from heedful.auditing.given import GivenScores
from heedful.auditing.rows import REVERSED, Row, Text
from heedful.auditing.tables import CHANCE, costs
from heedful.auditing.work import Work
from heedful.data import Dataset
from heedful.errors import HeedfulError
from heedful.support.files import write_whole

_TIMES = 8  # that each method explains each text in the check of sanity, or so
_SHARE, _LEAST_SECONDS, _LEAST_TEXTS = 0.1, 30.0, 8  # of the audit's time, for that check
_RANKED_BY = (
    "shapley-exact",
    "occlusion",
    "integrated-gradients",
)  # what ranks words: the first there is


@dataclass(frozen=True)
class Check:
    """A check as a part of the report.

    Attributes:
        title: its heading.
        columns: of its rows, those that the report shows.
        run: makes the findings of what has been measured, of texts to train on, and whether to show progress.
    """

    title: str
    columns: tuple[str, ...]
    run: Callable[[Work, Dataset | None, bool], Findings]


def run_checks(
    names: Sequence[str], work: Work, train: Dataset | None, folder: Path | None, *, progress: bool
) -> dict[str, dict[str, Any]]:
    """Return the findings of checks by name; those that are kept in the folder are not made again.

    A check that cannot be made on this model or data says why in place of its findings.

    Args:
        names: of `CHECKS`.
        work: what has been measured.
        train: labelled texts for checks that train a model; None: they leave that out.
        folder: where findings are kept; None: nowhere.
        progress: show progress on stderr.
    """
    findings: dict[str, dict[str, Any]] = {}
    for name in names:
        check = _BY_NAME[name]
        kept = None if folder is None else folder / f"{name}.json"
        if kept is not None and kept.is_file():
            findings[name] = json.loads(kept.read_text("utf-8"))
            continue
        try:
            made = check.run(work, train, progress)
        except HeedfulError as error:
            made = Findings(name=name, source="", sentences=[f"Not done: {error}."], rows=[])
        findings[name] = {"title": check.title, "columns": list(check.columns)} | made.to_dict()
        if kept is not None:
            write_whole(kept, json.dumps(findings[name], ensure_ascii=False) + "\n")
    return findings


def _attention(work: Work, train: Dataset | None, progress: bool) -> Findings:
    told = {row["index"]: row for row in work.rows()}
    rows = [row for row in work.trial() if row["error"] is None and row["index"] in told]
    texts = _by_index(work, rows)
    known = [
        {"units": row["units"], "scores": row["attention"], "effects": _effects(row)}
        | {name: told[row["index"]][name] for name in ("label", "predicted")}
        for row in rows
    ]
    choices = work.plan.choices
    return attention_check(
        work.classifier, texts, known, choices, train=train, seed=choices.seed, progress=progress
    )  # fmt: skip


def _effects(row: Row) -> Effects:
    scores = np.array(row["effects"], dtype=np.float64)
    return Effects(scores, row["effect_error"], row["output"], None if row["exact"] else (scores, scores))


def _sanity(work: Work, train: Dataset | None, progress: bool) -> Findings:
    methods = {name: one for name, one in work.plan.methods.items() if not isinstance(one, GivenScores)}
    seconds = sum(row["seconds"] for row in costs(work.rows()) if row["method"] in methods)
    allowed = max(_LEAST_SECONDS, _SHARE * work.price.total())
    limit = min(LIMIT, max(_LEAST_TEXTS, int(allowed / (_TIMES * max(seconds, 1e-9)))))
    choices = work.plan.choices
    return sanity_check(
        work.classifier, work.texts, methods, choices, train=train, limit=limit, progress=progress
    )  # fmt: skip


def _shortcuts(work: Work, _: Dataset | None, progress: bool) -> Findings:
    rows = [*_signed(work.rows())]
    return shortcuts_check(work.classifier, _by_index(work, rows), rows, work.plan.choices, progress=progress)


def _signed(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows of the method that ranks words."""
    signed = {row["method"] for row in rows if row["signed"]} - {CHANCE, REVERSED}
    chosen = next((name for name in (*_RANKED_BY, *sorted(signed)) if name in signed), None)
    return (row for row in rows if row["method"] == chosen)


def _by_index(work: Work, rows: Sequence[Row]) -> list[Text]:
    texts = {text.index: text for text in work.texts}
    return [texts[row["index"]] for row in rows]


_BY_NAME: Mapping[str, Check] = {
    "attention": Check("Attention on trial", ("figure", "value", "at_chance", "n", "meaning"), _attention),
    "sanity": Check(
        "Sanity: what passes unchanged", ("method", "test", "stage", "tau", "tau_sizes", "left", "unchanged"), _sanity
    ),
    "shortcuts": Check(
        "Words that carry a class",
        ("class", "rank", "word", "n", "purity", "position", "lost", "control", "p", "shortcut"),
        _shortcuts,
    ),
}
CHECKS = tuple(_BY_NAME)
