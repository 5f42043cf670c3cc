"""The closed form against automatic differentiation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from factory import SENTENCES, make_bert, make_classifier
from heedful.classifier.inside import look_inside
from heedful.classifier.inside.paper import closed_gradient as closed_form
from heedful.errors import SettingError
from heedful.studies.attention_meets_post_hoc import gradients
from heedful.studies.measuring import table

COTANGENT = np.array([0.0, 1.0, 0.0])
PADDING = pytest.mark.parametrize("attend_padding", [True, False])


def by_place(measured, column):
    return {place: [r[column] for r in measured.to_pylist() if r["place"] == place] for place in gradients.PLACES}


@PADDING
def test_words_and_cls_agree_and_the_papers_cls_does_not(attend_padding, monkeypatch):
    monkeypatch.setattr(gradients, "_TOGETHER", 2)
    classifier = make_classifier(attend_padding=attend_padding)
    measured = gradients.measure(classifier, SENTENCES)
    assert measured["text"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    words, first, paper = by_place(measured, "difference").values()
    assert max(words + first) < 1e-13  # gradients are below 1 and sums have 64 terms
    assert min(paper) > 1e-3
    for i, text in enumerate(SENTENCES):
        encoded = classifier.encode(text)
        truth = look_inside(classifier, encoded).gradient(COTANGENT, "autograd")
        sizes = [np.abs(truth[1:]).max(), np.abs(truth[0]).max(), np.abs(truth[0]).max()]
        assert [column[i] for column in by_place(measured, "gradient").values()] == pytest.approx(sizes, rel=1e-12)
        assert by_place(measured, "n_tokens")["words"][i] == len(encoded)


@PADDING
def test_the_batched_closed_form_is_that_of_the_methods(attend_padding):
    classifier = make_classifier(attend_padding=attend_padding)
    encoded = [classifier.encode(text) for text in SENTENCES]
    own, by_query = gradients.ClosedForm(classifier)(encoded)
    for i, one in enumerate(encoded):
        found = own[i, : len(one)].clone()
        found[0] += by_query[i]
        assert found.numpy() == pytest.approx(closed_form(classifier.model, one, COTANGENT), rel=1e-12, abs=1e-15)


def test_the_classifier_stays_as_it_was():
    classifier = make_classifier()
    classifier.model.float().train()
    measured = gradients.measure(classifier, SENTENCES[:1])
    assert max(by_place(measured, "difference")["words"]) < 1e-13  # in double precision all the same
    assert classifier.model.training
    assert {weight.dtype for weight in classifier.model.parameters()} == {torch.float32}
    assert all(weight.grad is None for weight in classifier.model.parameters())


def test_summary_by_hand():
    rows = [
        {"text": i, "n_tokens": n, "place": place, "difference": d, "gradient": g}
        for i, n, d, g in [(0, 5, 1e-3, 1.0), (1, 9, 3e-3, 6.0), (2, 4, 2e-3, 1.0)]
        for place in gradients.PLACES
    ]
    words, first, _ = gradients.summary(table(rows)).to_pylist()
    assert words == {
        "place": "words", "texts": 3, "positions": 15, "difference": 3e-3, "relative": 2e-3, "median_relative": 1e-3,
        "median_relative_low": None, "median_relative_high": None, "median_relative_n": 3,
    }  # fmt: skip
    assert (first["place"], first["positions"]) == ("[CLS]", 3)
    assert math.isclose(first["difference"], 3e-3)


@pytest.mark.parametrize("classifier", [make_bert(), make_classifier(normaliser="sparsemax")])
def test_refuses_what_the_formula_is_not_about(classifier):
    with pytest.raises(SettingError, match="softmax pooling"):
        gradients.measure(classifier, SENTENCES)
