"""Attention on trial: what a model's attention can and cannot be evidence of, beside the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.adversary import adversary, adversary_rows
from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.mask_probe import probe, probe_rows
from heedful.auditing.checks.permuted import Rearranged, generator_of, permuted_rows, rearranged, uniform_rows
from heedful.auditing.checks.pooling import Pooled, pooled, why_not
from heedful.auditing.checks.retrained import retrained_rows, right, twins
from heedful.auditing.checks.sign_class import all_by_sign, by_sign, sign_rows
from heedful.auditing.checks.spread import spread_rows
from heedful.auditing.rows import Text
from heedful.classifier import Classifier
from heedful.data import Dataset
from heedful.errors import InputError, SettingError
from heedful.question import Choices, ask_all
from heedful.support.progress import track
from heedful.text.units import find

SAMPLE = 200  # texts for what is costly: adversaries, and effects that are sampled
SOURCE = "Jain and Wallace 2019; Wiegreffe and Pinter 2019; Bai et al. 2021; see docs/attention-on-trial.md"
TRAINED_ON = 20_000  # texts at most
_TOGETHER = 64  # texts asked about at once

Part = tuple[list[dict[str, Any]], list[str], list[str]]  # rows, sentences, flags


def attention_check(  # noqa: PLR0913 - the last two are for progress and messages
    classifier: Classifier,
    texts: Sequence[Text],
    rows: Sequence[Mapping[str, Any]],
    choices: Choices,
    *,
    train: Dataset | None = None,
    seed: int = 0,
    progress: bool = False,
    reason: str | None = None,
) -> Findings:
    """Put attention on trial: how it is spread, what depends on it, what it gives away, and how it stands to effects.

    What needs the weights to be set with all values fixed is done for classifiers of the paper's kind alone; of others
    the findings say so. See docs/attention-on-trial.md for each figure.

    Args:
        classifier: the classifier.
        texts: the texts.
        rows: of each, `units`, `scores` (attention-mean on the units), `label` (or None) and `predicted`; and if they
            are known, `effects`, as `heedful.auditing.effects.Effects`.
        choices: what the rows were measured with; of these the units and the masking matter.
        train: texts with labels, on which the configuration is trained again, with attention free and frozen uniform:
            on at most 20,000 of them. Where that cannot be done, the findings say why.
        seed: of everything random.
        progress: show progress on stderr.
        reason: why there are no rows, where there are none: for the message.

    Returns:
        Findings whose rows have the keys figure, value, value_low, value_high, n, at_chance and meaning.

    Raises:
        SettingError: there is no text, or rows and texts do not belong together.
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> import heedful
        >>> from heedful.explaining.answers import explain_questions
        >>> classifier, choices = heedful.load("demo"), Choices()
        >>> texts = [Text(f"text {i}", one.text) for i, one in enumerate(heedful.planted.generate(6, seed=1))]
        >>> attention = [heedful.explain(classifier, one.text, "attention-mean") for one in texts]
        >>> rows = [
        ...     {"units": list(one.units), "scores": one.scores.tolist(), "label": None, "predicted": name}
        ...     for one, name in ((one, classifier.labels[one.target]) for one in attention)
        ... ]
        >>> findings = attention_check(classifier, texts, rows, choices)
        >>> [row["figure"] for row in findings.rows][:4]
        ['entropy_bits', 'entropy_share', 'effective_units', 'effective_share']
    """
    if not rows and reason is not None:
        raise SettingError(f"no text has attention to be put on trial: {reason}")
    attention = _attention(classifier, texts, rows, choices.unit)
    parts = [
        (*spread_rows(attention), []),
        *_probes(attention, rows, seed),
        _effects(classifier, texts, rows, attention, choices, seed, progress),
    ]
    fixed = why_not(classifier)
    if fixed is None:
        parts.append(_weights_set(classifier, texts, rows, choices, seed, progress))
        if train is not None:
            parts.append(_retrained(classifier, texts, rows, train, seed, progress))
    else:
        parts.append(([], [f"Not done: permuted, adversarial and uniform attention. {fixed}."], []))
    return Findings(
        name="attention on trial",
        source=SOURCE,
        rows=[row for part in parts for row in part[0]],
        sentences=[sentence for part in parts for sentence in part[1]],
        flags=[flag for part in parts for flag in part[2]],
    )


def _attention(
    classifier: Classifier, texts: Sequence[Text], rows: Sequence[Mapping[str, Any]], unit: str
) -> list[Float64[np.ndarray, " _"]]:
    """The attention of every row, seen to belong to the texts."""
    if not texts or len(texts) != len(rows):
        raise SettingError(f"give a row of attention for each of one or more texts, got {len(texts)} and {len(rows)}")
    attention = [np.array(row["scores"], dtype=np.float64) for row in rows]
    for text, row, scores in zip(texts, rows, attention, strict=True):
        if not len(scores) or len(scores) != len(row["units"]):
            raise SettingError(f"{text.place}: {len(scores)} scores for {len(row['units'])} units")
        if not (np.isfinite(scores) & (scores >= 0)).all():
            raise SettingError(f"{text.place}: attention must be numbers from 0 up")
        encoded = classifier.encode(text.text)
        units = find(encoded.text, encoded.offsets, unit, second=encoded.second)
        if units.strings != tuple(row["units"]):
            raise SettingError(f"{text.place}: the row has other units than the text has as {unit}")
    return attention


def _probes(attention: Sequence[Float64[np.ndarray, " _"]], rows: Sequence[Mapping[str, Any]], seed: int) -> list[Part]:
    parts = [probe_rows(probe(attention, [row["predicted"] for row in rows], seed), "prediction")]
    labels = [row["label"] for row in rows]
    if any(label is not None for label in labels):
        parts.append(probe_rows(probe(attention, labels, seed), "label"))
    return parts


def _effects(
    classifier: Classifier,
    texts: Sequence[Text],
    rows: Sequence[Mapping[str, Any]],
    attention: Sequence[Float64[np.ndarray, " _"]],
    choices: Choices,
    seed: int,
    progress: bool,
) -> Part:
    """Attention by sign class: on all texts where effects are known or exact, else on a sample."""
    if all(row.get("effects") is not None for row in rows):
        known = [(by_sign(one, row["effects"]), row["effects"].halves is None)
                 for one, row in zip(attention, rows, strict=True)]  # fmt: skip
        return *sign_rows(known), []
    model = classifier.paper_model
    exact = model is not None and model.config.normaliser == "softmax"
    chosen = range(len(texts)) if exact else _sample(len(texts), seed)
    several = all_by_sign(
        classifier, [texts[i].text for i in chosen], [attention[i] for i in chosen], choices, progress=progress
    )
    return *sign_rows(list(several)), []


def _weights_set(
    classifier: Classifier,
    texts: Sequence[Text],
    rows: Sequence[Mapping[str, Any]],
    choices: Choices,
    seed: int,
    progress: bool,
) -> Part:
    """Permuted, uniform and adversarial attention: of the texts taken apart only a sample is kept."""
    chosen, moved, sample = set(_sample(len(texts), seed)), list[Rearranged](), list[Pooled]()
    apart = track(_apart(classifier, texts, choices), "permuted attention", shown=progress, total=len(texts))
    for i, (text, one) in enumerate(zip(texts, apart, strict=True)):
        moved.append(rearranged(one, classifier.exclusive, generator_of(text.text, seed)))
        if i in chosen:
            sample.append(one)
    others = [adversary(one) for one in track(sample, "adversarial attention", shown=progress)]
    permuted, told, flags = permuted_rows(moved)
    evenly = np.array([one.even_decision for one in moved])
    uniform, said = uniform_rows(moved, _right(classifier, rows), _agreeing(classifier, rows, evenly))
    opposed, explained = adversary_rows(others)
    return permuted + uniform + opposed, told + said + explained, flags


def _apart(classifier: Classifier, texts: Sequence[Text], choices: Choices) -> Iterator[Pooled]:
    for start in range(0, len(texts), _TOGETHER):
        some = [text.text for text in texts[start : start + _TOGETHER]]
        yield from pooled(classifier, ask_all(classifier, some, choices))


def _right(classifier: Classifier, rows: Sequence[Mapping[str, Any]]) -> Float64[np.ndarray, " texts"]:
    """1 where the model decides for the label, 0 where not; not-a-number without a label that it knows."""
    known = [row["label"] in classifier.labels for row in rows]
    right = [float(row["label"] == row["predicted"]) for row in rows]
    return np.where(known, right, np.nan)


def _agreeing(
    classifier: Classifier, rows: Sequence[Mapping[str, Any]], decided: np.ndarray
) -> Float64[np.ndarray, " texts"]:
    """The same for other decisions, given as class numbers."""
    instead = [classifier.labels[k] for k in decided]
    return _right(classifier, [{**row, "predicted": name} for row, name in zip(rows, instead, strict=True)])


def _retrained(
    classifier: Classifier,
    texts: Sequence[Text],
    rows: Sequence[Mapping[str, Any]],
    train: Dataset,
    seed: int,
    progress: bool,
) -> Part:
    known = [i for i, row in enumerate(rows) if row["label"] in classifier.labels]
    if not known:
        return [], ["Not done: uniform attention retrained. No text has a label that the model knows."], []
    some = train.subset(_sample(len(train), seed, TRAINED_ON))
    given, labels = [texts[i].text for i in known], [str(rows[i]["label"]) for i in known]
    try:
        twin_models = twins(classifier, some, None, seed, progress=progress)
        free, uniform = (right(one, given, labels) for one in twin_models)
    except InputError as error:
        return [], [f"Not done: uniform attention retrained. {error}."], []
    table, told, flags = retrained_rows(free, uniform, _right(classifier, rows)[known])
    if len(some) < len(train):
        told.append(f"These two were trained on {len(some):,} of {len(train):,} texts, drawn at random.")
    return table, told, flags


def _sample(n: int, seed: int, most: int | None = None) -> list[int]:
    """Places of some texts at most, by default `SAMPLE`, in their order."""
    most = SAMPLE if most is None else most
    if n <= most:
        return list(range(n))
    return sorted(np.random.default_rng(seed).permutation(n)[:most].tolist())
