"""The headline over several trainings."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from factory import SENTENCES, make_classifier
from heedful.studies.attention_meets_post_hoc import attention, seeds
from heedful.studies.measuring import table


def row(text, against, output=seeds.OUTPUT):
    return {
        "text": text, "n_units": 10, "output": output, "n_effective": 3.0, "kendall_size": 0.1 * text, "kendall": 0.0,
        "top5": 0.2, "chance5": 0.1, "sign": 0.5, "against": against, "place": 1, "against_mass": 0.4,
    }  # fmt: skip


def test_the_first_training_counts_on_the_texts_of_the_others():
    measured = table(row(i, True, output) for output in attention.OUTPUTS for i in range(4))
    found = seeds.chosen(measured, [2, 5, 7, 9], [5, 9, 11])
    assert found["text"].to_pylist() == [1, 3]
    assert set(found["output"].to_pylist()) == {seeds.OUTPUT}


def test_trainings_by_hand():
    trainings = [
        seeds.labelled(table(row(i, i < k) for i in range(10)), seed, right, 100)
        for seed, k, right in ((3, 2, 80), (4, 3, 82), (5, 7, 81))
    ]
    found = seeds.summary(pa.concat_tables(trainings))
    rows = found.to_pylist()
    assert [(r["seed"], r["accuracy"], r["against"], r["texts"], r["n_test"]) for r in rows] == [
        (3, 0.80, 0.2, 10, 100), (4, 0.82, 0.3, 10, 100), (5, 0.81, 0.7, 10, 100)
    ]  # fmt: skip
    assert (rows[0]["accuracy_n"], rows[0]["against_n"]) == (100, 10)
    assert rows[0]["accuracy_low"] < 0.80 < rows[0]["accuracy_high"]
    overall = {r["figure"]: r for r in seeds.overall(found).to_pylist()}
    assert set(overall) == set(seeds.FIGURES)
    accuracy, against, tau = overall["accuracy"], overall["against"], overall["kendall_size"]
    half = 4.302652729911275 * 0.01 / math.sqrt(3)  # the seeds are the observations: Student's t, 2 degrees of freedom
    assert (accuracy["mean"], accuracy["mean_n"], accuracy["texts"]) == (pytest.approx(0.81), 3, 100)
    assert (accuracy["mean_low"], accuracy["mean_high"]) == pytest.approx((0.81 - half, 0.81 + half))
    assert (against["mean"], against["least"], against["most"], against["texts"]) == (pytest.approx(0.4), 0.2, 0.7, 10)
    assert (tau["mean"], tau["mean_low"]) == (pytest.approx(0.45), None)  # three times the same


def test_a_training_is_measured_as_the_first_one_is():
    measured = attention.measure(make_classifier(), SENTENCES, (seeds.OUTPUT,))
    both = pa.concat_tables([seeds.labelled(measured, 0, 2, 3), seeds.labelled(measured, 1, 3, 3)])
    first, second = seeds.summary(both).to_pylist()
    (whole, *_) = attention.summary(measured).to_pylist()
    assert {name: first[name] for name in seeds.FIGURES[1:]} == {name: whole[name] for name in seeds.FIGURES[1:]}
    assert (first["accuracy"], second["accuracy"]) == pytest.approx((2 / 3, 1.0))
