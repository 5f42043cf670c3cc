"""Uniform attention, retrained: accuracy lost by a model that cannot attend to one word more than another."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64

from heedful.auditing.checks.figure_rows import Row, paired, row, told
from heedful.classifier import Classifier
from heedful.data import Dataset
from heedful.errors import DataError
from heedful.models import AttentionPoolingForSequenceClassification
from heedful.models.presets import Preset
from heedful.models.refitting import recipe, trained_again
from heedful.support.intervals import share

LITTLE = 0.02  # accuracy lost, with the whole interval, below which attention need not have been learned

Right = Bool[np.ndarray, " texts"]


def twins(
    classifier: Classifier, train: Dataset, preset: Preset | None, seed: int, *, progress: bool = False
) -> tuple[Classifier, Classifier]:
    """Train two copies of a model's configuration alike, but that the second has its attention frozen uniform.

    How the model itself was trained is not known, so it is no fair rival of the second: the first is.

    Args:
        classifier: of the paper's kind.
        train: texts with labels, with the names of the classifier's classes in any order.
        preset: how they are trained; None: as the configuration suggests.
        seed: of everything random.
        progress: show progress on stderr.

    Raises:
        DataError: the labels are not the classifier's classes, or the texts are too few.
    """
    model = classifier.paper_model
    assert model is not None  # noqa: S101 - see `pooling.why_not`
    data, how = _with_classes_of(classifier, train), preset or recipe(model.config)
    tokenizer = copy.deepcopy(classifier.tokenizer)
    tokenizer.model_max_length = classifier.max_tokens

    def trained(uniform: bool) -> Classifier:
        made: AttentionPoolingForSequenceClassification = trained_again(
            model.config, tokenizer, data, how, uniform=uniform, seed=seed, progress=progress
        )
        return replace(classifier, model=made, name=f"{classifier.name}, trained again")

    return trained(False), trained(True)


def _with_classes_of(classifier: Classifier, train: Dataset) -> Dataset:
    missing = [name for name in train.label_names if name not in classifier.labels]
    if missing:
        raise DataError(
            f"{train.source}: label {missing[0]!r} is no class of {classifier.name}, which has "
            f"{', '.join(classifier.labels)}: give training texts with its labels"
        )
    index = np.array([classifier.labels.index(name) for name in train.label_names], dtype=np.int64)
    return Dataset(train.texts, index[train.labels], classifier.labels, train.source)


def right(classifier: Classifier, texts: Sequence[str], labels: Sequence[str]) -> Right:
    """Tell which texts a classifier gives their label."""
    logits = classifier.logits_of_all([classifier.encode(text) for text in texts])
    decided = [classifier.labels[k] for k in logits.argmax(1)]
    return np.array([one == label for one, label in zip(decided, labels, strict=True)])


def retrained_rows(
    free: Right, uniform: Right, model: Float64[np.ndarray, " texts"]
) -> tuple[list[Row], list[str], list[str]]:
    """Return the figures, a sentence, and a flag where next to nothing is lost.

    Args:
        free: which texts the copy with free attention gives their label.
        uniform: which the copy with uniform attention does.
        model: which the audited model does, as 0 or 1.
    """
    lost = paired(free.astype(np.float64) - uniform.astype(np.float64))
    own, one, other = share(model), share(free), share(uniform)
    rows = [
        row("retrained_accuracy", one, "accuracy of the configuration trained again, attention free"),
        row("retrained_uniform_accuracy", other, "the same with attention frozen uniform"),
        row("retrained_uniform_lost", lost, "accuracy lost by uniform attention, retrained, text by text", 0.0),
    ]
    sentence = (
        f"Trained again with attention frozen uniform, the configuration has accuracy {other.value:.2f}, and with "
        f"attention free {one.value:.2f}: uniform attention costs {told(lost)}. The audited model has {own.value:.2f}."
    )
    flag = f"attention need not be learned for these texts: frozen uniform it costs {told(lost)} in accuracy"
    return rows, [sentence], [flag] if lost.high < LITTLE else []
