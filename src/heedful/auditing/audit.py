"""Run an audit: methods by metrics over texts, attention on trial, the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from heedful import methods as method_registry
from heedful import metrics as metric_registry
from heedful.api import load
from heedful.auditing.result import Audit
from heedful.auditing.rows import Plan, Row, Text, answering, measured, usable
from heedful.auditing.trial import tried
from heedful.classifier import Classifier
from heedful.data import Dataset, TextRow
from heedful.errors import DataError, SettingError
from heedful.methods.base import Method
from heedful.metrics.base import Metric
from heedful.question import Choices
from heedful.runs.folder import RunFolder
from heedful.runs.record import versions
from heedful.runs.stamp import digest
from heedful.support.files import write_whole
from heedful.support.names import shown
from heedful.support.progress import track
from heedful.support.settings import check_whole

ATTENTION = "attention-mean"  # the method on trial
METHODS = (
    ATTENTION, "attention-rollout", "attention-x-gradient", "gradient-x-input", "integrated-gradients", "lrp",
    "lime:n_samples=1000", "shapley-exact", "occlusion", "random",
)  # fmt: skip
METRICS = (
    "aopc-comprehensiveness", "aopc-sufficiency", "deletion", "insertion", "decision-flip", "leave-one-out",
    "sign-violations", "exact-error",
)  # fmt: skip
_REVERSED = "occlusion"
_CHUNK = 64  # texts that are measured, and kept, at once


def audit(  # noqa: PLR0913 - the front door names every choice
    clf: Classifier | str | Path,
    data: Dataset | Iterable[str | TextRow],
    methods: Sequence[str | Method] = METHODS,
    metrics: Sequence[str | Metric] = METRICS,
    *,
    limit: int | None = None,
    unit: str = "word_type",
    masking: str = "auto",
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = False,
) -> Audit:
    """Measure methods with metrics over a data set, and judge whether attention explains the predictions.

    Args:
        clf: the classifier, as `heedful.explain` takes it.
        data: texts, rows of `heedful.data.read_texts`, or with labels a `heedful.data.Dataset`.
        methods: by name, with settings after a colon, or as objects; those that cannot answer are left out and named.
        metrics: likewise.
        limit: at most so many texts, drawn by the seed.
        unit: what gets a score.
        masking: how units are removed.
        seed: of everything random.
        out: folder for rows, report and `audit.json`; an interrupted audit goes on there. None: nothing is kept.
        progress: show progress on stderr.

    Raises:
        DataError: there is no text that can be explained.
        SettingError: an unknown method, metric or choice; or the folder holds something else.

    Example:
        >>> import heedful
        >>> reviews = heedful.planted.generate(12, seed=1)
        >>> result = audit("demo", [r.text for r in reviews], ["attention-mean", "occlusion", "random"], ["kendall"])
        >>> result.verdict["level"] in ("faithful", "map", "misleading", "undecided")
        True
    """
    choices = Choices(unit=unit, masking=masking, seed=seed)
    plan = Plan(_named(methods, method_registry.get), _named(metrics, metric_registry.get), _REVERSED, choices)
    texts = _texts(data, limit, seed)
    classifier = clf if isinstance(clf, Classifier) else load(clf)
    good, problems = usable(classifier, texts, unit)
    if not good:
        raise DataError(f"none of {len(texts)} texts can be audited: {next(iter(problems))}")
    plan, refused = answering(classifier, good[0], plan)
    facts = _facts(classifier, good, plan)
    folder = None if out is None else RunFolder(Path(out), facts, parts=("rows",))
    with nullcontext() if folder is None else folder.claimed():
        rows, trial = _run(classifier, good, plan, folder, progress=progress)
        result = Audit.of(facts, rows, trial, [*plan.metrics], problems, refused)
        if folder is not None:
            result.save(folder.path)
    return result


def _named(given: Sequence[Any], get: Any) -> dict[str, Any]:
    """Methods or metrics by the names they have in tables: as they were given, or their own."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingError(f"give a list of names, such as ['lime', 'occlusion'], got {shown(given)}")
    named = {one if isinstance(one, str) else get(one).card.name: get(one) for one in given}
    if not named:
        raise SettingError("give at least one method and one metric")
    return named


def _texts(data: Dataset | Iterable[str | TextRow], limit: int | None, seed: int) -> list[Text]:
    """The texts, or so many of them as are asked for, in their order."""
    labels: Sequence[str | None]
    if isinstance(data, Dataset):
        given, labels = list(data.texts), [data.label_names[k] for k in data.labels]
        places = [f"text {i}" for i in range(len(given))]
    else:
        every = [_placed(i, one) for i, one in enumerate(data)]
        given, labels = [one.text for one in every], [None] * len(every)
        places = [one.place for one in every]
    if limit is not None:
        check_whole("limit", limit, 1)
    chosen: Iterable[int] = range(len(given))
    if limit is not None and limit < len(given):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(given))[:limit]).tolist()
    rationales = data.rationales if isinstance(data, Dataset) else None
    return [Text(places[i], given[i], labels[i], None if rationales is None else rationales[i]) for i in chosen]


def _placed(i: int, given: str | TextRow) -> Text:
    """A text with its place: in the file, or among those given; one that is missing is empty."""
    return Text(f"text {i}", given) if isinstance(given, str) else Text(given.place, given.text or "")


def _facts(classifier: Classifier, texts: Sequence[Text], plan: Plan) -> dict[str, Any]:
    """All that decides what an audit finds; of the model's weights, what they make of the first text."""
    logits = classifier.logits_of(classifier.encode(texts[0].text))
    return {
        "format": "heedful.audit/1",
        "model": classifier.name,
        "first_logits": [f"{logit:.3g}" for logit in logits],
        "n_texts": len(texts),
        "data": digest(*(text.text for text in texts))[:16],
        "methods": {name: _settings(method) for name, method in plan.methods.items()},
        "metrics": {name: _settings(metric) for name, metric in plan.metrics.items()},
        "reversed": plan.against,
        "output": plan.choices.output,
        "unit": plan.choices.unit,
        "masking": classifier.masking(plan.choices.masking),
        "seed": plan.choices.seed,
        "versions": versions(),
    }


def _settings(one: Method | Metric) -> Mapping[str, Any]:
    return json.loads(json.dumps(one.settings(), default=str))


def _run(
    classifier: Classifier, texts: Sequence[Text], plan: Plan, folder: RunFolder | None, *, progress: bool
) -> tuple[list[Row], list[Row]]:
    """The rows of all texts, and what each tells of attention; chunks that are kept are not measured again."""
    rows, trial = list[Row](), list[Row]()
    for start in track(range(0, len(texts), _CHUNK), "auditing", shown=progress):
        kept = None if folder is None else folder.path / "rows" / f"{start:08d}.json"
        if kept is not None and kept.is_file():
            done = json.loads(kept.read_text("utf-8"))
        else:
            some = texts[start : start + _CHUNK]
            each = list(measured(classifier, some, plan))
            attention = [np.array(row["scores"]) for row in each if row["method"] == ATTENTION]
            figures = tried(classifier, [text.text for text in some], attention, plan.choices) if attention else ()
            done = {"rows": each, "trial": [asdict(one) for one in figures]}
            if kept is not None:
                write_whole(kept, json.dumps(done, ensure_ascii=False) + "\n")
        rows += done["rows"]
        trial += done["trial"]
    return rows, trial
