"""Run an audit: methods by metrics over texts, attention on trial, the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heedful import methods as method_registry
from heedful import metrics as metric_registry
from heedful.api import load
from heedful.auditing.checks import run as checking
from heedful.auditing.explanations import gathered
from heedful.auditing.given import GivenScores
from heedful.auditing.price import priced
from heedful.auditing.result import Audit
from heedful.auditing.rows import REVERSED, Plan, Text, usable
from heedful.auditing.tables import CHANCE
from heedful.auditing.work import CHUNK, TRIAL, Work
from heedful.classifier import Classifier
from heedful.data import Dataset, TextRow, Usable
from heedful.errors import DataError, SettingError
from heedful.methods.base import Method
from heedful.metrics.base import Metric
from heedful.question import Choices
from heedful.runs.folder import RunFolder
from heedful.runs.record import versions
from heedful.runs.stamp import digest
from heedful.support.durations import seconds_of
from heedful.support.files import last_part
from heedful.support.names import choose, shown
from heedful.support.progress import say
from heedful.support.settings import check_whole

Problems = dict[str, list[str]]

CHECKS = checking.CHECKS
METHODS = (
    "attention-mean", "attention-rollout", "attention-x-gradient", "gradient-x-input", "integrated-gradients", "lrp",
    "lime:n_samples=1000", "shapley-exact", "occlusion", "random",
)  # fmt: skip
METRICS = (
    "aopc-comprehensiveness", "aopc-sufficiency", "deletion", "insertion", "decision-flip", "leave-one-out",
    "sign-violations", "exact-error",
)  # fmt: skip
ROWS, CHECKED = "rows", "checks"  # folders of what has been done so far
_REVERSED = "occlusion"


def audit(  # noqa: PLR0913 - the front door names every choice
    clf: Classifier | str | Path,
    data: Dataset | Usable | Iterable[str | TextRow],
    methods: Sequence[str | Method] = METHODS,
    metrics: Sequence[str | Metric] = METRICS,
    *,
    checks: Sequence[str] = CHECKS,
    train: Dataset | None = None,
    limit: int | None = None,
    budget: str | float | int | None = None,
    reference: str | Method = "permutation-shap:n_permutations=10",
    unit: str = "word_type",
    masking: str = "auto",
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = False,
) -> Audit:
    """Measure methods with metrics over a data set, and judge whether attention explains the predictions.

    Args:
        clf: the classifier, as `heedful.explain` takes it.
        data: texts, rows of `heedful.data.read_texts`, or with labels a `heedful.data.Dataset` or what
            `heedful.data.read_usable` gives.
        methods: by name, with settings after a colon, or as objects; those that cannot answer are left out and named.
        metrics: likewise.
        checks: of the whole model, by name: "attention", "sanity" and "shortcuts".
        train: labelled texts for checks that train a model like this one; without them these are left out.
        limit: at most so many texts, drawn by the seed.
        budget: time for measuring, such as "10m" or a number of seconds: it is spent where intervals are widest.
        reference: the method that samples the effects which attention is held against, twice; not used where exact
            Shapley values are to be had.
        unit: what gets a score.
        masking: how units are removed.
        seed: of everything random.
        out: folder for rows, report and `audit.json`; an interrupted audit goes on there. None: nothing is kept.
        progress: show the price, and progress, on stderr.

    Raises:
        DataError: there is no text that can be explained.
        SettingError: an unknown method, metric, check or choice; or the folder holds something else.

    Example:
        >>> import heedful
        >>> reviews = heedful.planted.generate(12, seed=1)
        >>> texts, methods = [r.text for r in reviews], ["attention-mean", "occlusion", "random"]
        >>> result = audit("demo", texts, methods, ["kendall"], checks=[])
        >>> result.verdict["level"] in ("faithful", "map", "misleading", "undecided")
        True
    """
    choices = Choices(unit=unit, masking=masking, seed=seed)
    seconds = None if budget is None else seconds_of("budget", budget)
    asked = {name: method_registry.get(name) for name in (_REVERSED, CHANCE)}
    named = _named(methods, method_registry.get)
    baselines = {name: one for name, one in asked.items() if name not in named}
    plan = Plan(
        named | baselines, _named(metrics, metric_registry.get), _REVERSED, choices, method_registry.get(reference)
    )
    wanted = [choose(name, CHECKS, "check") for name in checks]
    classifier = clf if isinstance(clf, Classifier) else load(clf)
    if classifier.template is not None:  # the logit of one word alone says little
        plan = replace(plan, choices=replace(choices, output="logit_difference"))
    texts, problems = _texts(data, limit, seed)
    good, unusable = usable(classifier, texts, unit)
    for reason, places in unusable.items():
        problems.setdefault(reason, []).extend(places)
    if not good:
        raise DataError(f"none of {len(texts)} texts can be audited: {next(iter(problems))}")
    plan, refused, price = priced(classifier, good, plan, TRIAL)
    if progress:
        say(str(price))
    facts = _facts(classifier, good, plan)
    folder = None if out is None else RunFolder(Path(out), facts, parts=(ROWS, CHECKED))
    with nullcontext() if folder is None else folder.claimed():
        path = None if folder is None else folder.path
        work = Work(classifier, good, plan, price, None if path is None else path / ROWS)
        work.run(seconds, progress=progress)
        checked = checking.run_checks(wanted, work, train, None if path is None else path / CHECKED, progress=progress)
        for reason, failing in work.problems.items():
            problems.setdefault(reason, []).extend(sorted(failing))
        known = {"metric_cards": _cards(plan.metrics), "checks": checked, "problems": problems}
        known |= {"refused": refused, "price": price.rows()}
        result = Audit.of(facts | {"seconds": work.seconds}, work.rows(), work.trial(), good, **known)
        result = replace(result, explanations=gathered(work))
        if path is not None:
            result.save(path)
    return result


def _named(given: Sequence[Any], get: Any) -> dict[str, Any]:
    """Methods or metrics by the names they have in tables: that on the card, and settings as they were given."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingError(f"give a list of names, such as ['lime', 'occlusion'], got {shown(given)}")
    named: dict[str, Any] = {}
    for one in given:
        made = get(one)
        settings = one.partition(":")[2] if isinstance(one, str) else ""
        name = f"{made.card.name}:{settings}" if settings else made.card.name
        taken = name in (REVERSED, TRIAL) or (isinstance(made, GivenScores) and name in method_registry.names())
        if taken:
            raise SettingError(f"{shown(name)} is the name of a method, or of a row of every audit: choose another")
        if name in named:
            raise SettingError(f"{shown(name)} is there twice: give it once, or with settings that differ")
        named[name] = made
    if not named:
        raise SettingError("give at least one method and one metric")
    return named


def _texts(data: Dataset | Usable | Iterable[Any], limit: int | None, seed: int) -> tuple[list[Text], Problems]:
    """The texts in a random order, or so many of them as are asked for; and what is wrong with rows of the data."""
    if limit is not None:
        check_whole("limit", limit, 1)
    problems: Problems = {}
    if isinstance(data, (str, Path)):
        raise SettingError(f"give texts, or a data set: heedful.data.read_usable({shown(str(data))})")
    if isinstance(data, Usable):
        problems = {reason: list(places) for reason, places in data.problems.items()}
        every = _labelled(data.dataset, data.places)
    elif isinstance(data, Dataset):
        every = _labelled(data, [f"text {i}" for i in range(len(data))])
    else:
        every = []
        for i, one in enumerate(data):
            if isinstance(one, str) or (isinstance(one, TextRow) and one.problem is None):
                every.append(_placed(i, one))
            elif isinstance(one, TextRow):
                problems.setdefault(str(one.problem), []).append(one.place)
            else:
                problems.setdefault(f"this is {type(one).__name__}, not a text", []).append(f"text {i}")
    order = np.random.default_rng(seed).permutation(len(every)).tolist()
    return [every[i] for i in order[:limit]], problems


def _labelled(data: Dataset, places: Sequence[str]) -> list[Text]:
    labels = [data.label_names[k] for k in data.labels]
    rationales = data.rationales or [None] * len(data)
    return [Text(*one, i) for i, one in enumerate(zip(places, data.texts, labels, rationales, strict=True))]


def _placed(i: int, given: str | TextRow) -> Text:
    """A text with its place: in the file, or among those given; one that is missing is empty."""
    if isinstance(given, str):
        return Text(f"text {i}", given, index=i)
    return Text(given.place, given.text or "", index=i)


def _facts(classifier: Classifier, texts: Sequence[Text], plan: Plan) -> dict[str, Any]:
    """All that decides what an audit finds; of the model's weights, what they make of the first text."""
    logits = classifier.logits_of(classifier.encode(min(texts, key=lambda text: text.index).text))
    return {
        "format": "heedful.audit/2",
        "model": last_part(classifier.name),
        "first_logits": [f"{logit:.3g}" for logit in logits],
        "n_texts": len(texts),
        "texts_at_once": CHUNK,
        "data": digest(*(_told(text) for text in sorted(texts, key=lambda text: text.index)))[:16],
        "methods": {name: _settings(method) for name, method in plan.methods.items()},
        "metrics": {name: _settings(metric) for name, metric in plan.metrics.items()},
        "reversed": plan.against,
        "reference": {plan.sampler.card.name: _settings(plan.sampler)},
        "output": plan.choices.output,
        "unit": plan.choices.unit,
        "masking": classifier.masking(plan.choices.masking),
        "seed": plan.choices.seed,
        "versions": versions(),
    }


def _told(text: Text) -> str:
    """Everything about a text that rows depend on."""
    marks = None if text.rationale is None else (text.rationale.spans.tolist(), text.rationale.weights.tolist())
    return json.dumps([text.index, text.text, text.label, marks])


def _cards(metrics: Mapping[str, Metric]) -> dict[str, dict[str, str]]:
    """What a report says of metrics, which need not be known where it is read."""
    return {name: {"direction": one.card.direction, "source": one.card.source} for name, one in metrics.items()}


def _settings(one: Method | Metric) -> Mapping[str, Any]:
    return json.loads(json.dumps(one.settings(), default=str))
