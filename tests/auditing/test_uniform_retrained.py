"""Twins trained again: one with free attention, one whose attention is frozen uniform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heedful
from factory import make_classifier
from heedful.auditing.checks.retrained import retrained_rows, right, twins
from heedful.data import Dataset
from heedful.errors import DataError
from heedful.models.presets import preset
from heedful.question import Choices, ask_all
from untouched import assert_same_state, state

TEXTS = ("good plot", "good film", "very good", "dull plot", "dull film", "very dull")
QUICK = replace(preset("default"), epochs=2, min_steps=0, learning_rate=3e-2, batch_size=8)


def data(names: tuple[str, ...] = ("dull", "good")) -> Dataset:
    labels = np.array([names.index("good" if "good" in text else "dull") for text in TEXTS * 10])
    return Dataset(TEXTS * 10, labels, names, "six texts")


def named(**settings: object) -> heedful.Classifier:
    return make_classifier(
        num_labels=2, id2label={0: "dull", 1: "good"}, label2id={"dull": 0, "good": 1}, initializer_range=0.1,
        **settings,
    )  # fmt: skip


def test_one_twin_has_uniform_attention_and_both_learn_and_nothing_of_the_caller_s_changes() -> None:
    classifier = named()
    before = state(classifier)
    free, uniform = twins(classifier, data(("good", "dull")), QUICK, seed=0)  # the names in another order
    assert_same_state(before, state(classifier))
    labels = ["good" if "good" in text else "dull" for text in TEXTS]
    assert right(free, TEXTS, labels).all()
    assert right(uniform, TEXTS, labels).all()
    for twin, is_even in ((uniform, True), (free, False)):
        (question,) = ask_all(twin, ["the plot was not good but very dull"], Choices())
        weights = question.look_inside().attention(-1)
        assert (np.ptp(weights) < 1e-6) == is_even
    again, _ = twins(classifier, data(("good", "dull")), QUICK, seed=0)
    assert (again.model.embeddings.weight == free.model.embeddings.weight).all()


def test_labels_of_another_task_are_refused() -> None:
    with pytest.raises(DataError, match="'bad' is no class"):
        twins(named(), Dataset(("a",), np.array([0]), ("bad", "good"), "here"), QUICK, seed=0)


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        twins(named(), Dataset(("good",), np.array([1]), ("dull", "good"), "here"), QUICK, seed=0)


def test_what_is_lost_is_counted_text_by_text() -> None:
    free, uniform = np.array([True, True, False, True]), np.array([True, False, True, False])
    rows, sentences, flags = retrained_rows(free, uniform, np.ones(4))
    values = {row["figure"]: row["value"] for row in rows}
    assert values == {
        "retrained_accuracy": 0.75, "retrained_uniform_accuracy": 0.5, "retrained_uniform_lost": 0.25
    }  # fmt: skip
    assert "costs 0.25" in sentences[0]
    assert not flags
    always = np.ones(400, dtype=bool)
    assert retrained_rows(always, always, always.astype(float))[2]  # 400 texts without a difference: at most one in 100
