"""The checks of an audit by name, each done once and kept."""

from __future__ import annotations

import json
import math
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
from heedful.errors import HeedfulError, SettingError, first_line
from heedful.runs.stamp import digest
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
    stamp = _stamp(work, train)
    for name in names:
        kept = None if folder is None else folder / f"{name}.json"
        known = _kept(kept, stamp)
        if known is not None:
            findings[name] = known
            continue
        check = _BY_NAME[name]
        shown = {"title": check.title, "columns": list(check.columns)}
        try:
            findings[name] = shown | check.run(work, train, progress).to_dict()
        except Exception as error:  # whatever a library raises: what is measured must not be lost for a check
            said = str(error) if isinstance(error, HeedfulError) else f"{type(error).__name__}: {first_line(error)}"
            findings[name] = shown | Findings(name=name, source="", sentences=[f"Not done: {said}."], rows=[]).to_dict()
            continue
        if kept is not None:
            content = {"stamp": stamp, "findings": findings[name]}
            write_whole(kept, json.dumps(content, ensure_ascii=False) + "\n")
    return findings


def _stamp(work: Work, train: Dataset | None) -> str:
    """Everything that findings depend on beyond the settings of the audit."""
    done = sorted(f"{piece.chunk} {piece.name}" for piece in work.done)
    texts = () if train is None else (*train.texts, *map(str, train.labels.tolist()), *train.label_names)
    return digest("checks 1", *done, "train", *texts)


def _kept(path: Path | None, stamp: str) -> dict[str, Any] | None:
    """Findings that are kept, if they are of what has been measured by now."""
    if path is None or not path.is_file():
        return None
    content = json.loads(path.read_text("utf-8"))
    findings: dict[str, Any] | None = content["findings"] if content.get("stamp") == stamp else None
    return findings


def _attention(work: Work, train: Dataset | None, progress: bool) -> Findings:
    trial = work.trial()
    rows = [row for row in trial if row["error"] is None]
    if not rows:
        raise SettingError(next((row["error"] for row in trial), "no text was measured"))
    texts = _by_index(work, rows)
    known = [
        {"units": row["units"], "scores": row["attention"], "effects": _effects(row)}
        | {name: row[name] for name in ("label", "predicted")}
        for row in rows
    ]
    choices = work.plan.choices
    return attention_check(work.classifier, texts, known, choices, train=train, seed=choices.seed, progress=progress)


def _effects(row: Row) -> Effects:
    scores = np.array(row["effects"], dtype=np.float64)
    return Effects(scores, row["effect_error"], row["output"], None if row["exact"] else (scores, scores))


def _sanity(work: Work, train: Dataset | None, progress: bool) -> Findings:
    methods = {name: one for name, one in work.plan.methods.items() if not isinstance(one, GivenScores)}
    spent = [row["seconds"] for row in costs(work.rows()) if row["method"] in methods]
    seconds = sum(one for one in spent if math.isfinite(one))
    whole = work.price.total() if work.budget is None else min(work.price.total(), work.budget)
    allowed = max(_LEAST_SECONDS, _SHARE * whole)
    limit = min(LIMIT, max(_LEAST_TEXTS, int(allowed / (_TIMES * max(seconds, 1e-9)))))
    choices = work.plan.choices
    return sanity_check(work.classifier, work.texts, methods, choices, train=train, limit=limit, progress=progress)


def _shortcuts(work: Work, _: Dataset | None, progress: bool) -> Findings:
    rows = [*_signed(work.rows())]
    return shortcuts_check(work.classifier, _by_index(work, rows), rows, work.plan.choices, progress=progress)


def _signed(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows of the method that ranks words."""
    signed = sorted({row["method"] for row in rows if row["signed"]} - {CHANCE, REVERSED})
    ranking = (name for wanted in (*_RANKED_BY, "") for name in signed if name.split(":")[0] == wanted or not wanted)
    chosen = next(ranking, None)
    return (row for row in rows if row["method"] == chosen)


def _by_index(work: Work, rows: Sequence[Row]) -> list[Text]:
    texts = {text.index: text for text in work.texts}
    return [texts[row["index"]] for row in rows]


_BY_NAME: Mapping[str, Check] = {
    "attention": Check("Attention on trial", ("figure", "value", "at_chance", "n", "meaning"), _attention),
    "sanity": Check(
        "Sanity: what stays the same when the model changes",
        ("method", "test", "stage", "tau", "tau_sizes", "left", "unchanged"),
        _sanity,
    ),
    "shortcuts": Check(
        "Words that carry a class",
        ("class", "rank", "word", "n", "purity", "position", "lost", "control", "p", "shortcut"),
        _shortcuts,
    ),
}
CHECKS = tuple(_BY_NAME)
