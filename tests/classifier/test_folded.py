"""Logits from look-up tables are those of a forward pass, and the same bits alone and among others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import heedful
from factory import SENTENCES, make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.classifier.folded import folded_logits

TEXTS = [*SENTENCES, "good", "the end", "unheard of the " * 30]


def by_forward(classifier: Classifier, texts: list[str]) -> np.ndarray:
    return np.concatenate([classifier.logits([classifier.encode(text).input_ids]) for text in texts])


@pytest.mark.parametrize("attend_padding", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tables_give_the_logits_of_a_forward_pass(attend_padding: bool, dtype: torch.dtype) -> None:
    made = make_classifier(3, attend_padding=attend_padding)
    classifier = replace(made, model=made.model.to(dtype))
    encoded = classifier.encode_all(TEXTS)
    logits = classifier.logits_of_all(encoded)
    expected = by_forward(classifier, TEXTS)
    rounding = 1e-12 if dtype == torch.float64 else 1e-5  # a few hundred roundings of 1e-16, or of 6e-8
    np.testing.assert_allclose(logits, expected, rtol=0, atol=rounding * np.ptp(expected))
    assert np.array_equal(folded_logits(classifier.model, [one.input_ids for one in encoded]), logits)


def test_a_text_has_the_same_bits_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = heedful.load("demo")
    encoded = classifier.encode_all(TEXTS * 10)
    together = classifier.logits_of_all(encoded)
    for one, logits in zip(encoded[:6], together, strict=False):
        assert np.array_equal(classifier.logits_of(one), logits)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert np.array_equal(classifier.logits_of_all(encoded), together)
    one, each = heedful.explain(classifier, TEXTS[0]), heedful.explain(classifier, TEXTS)
    assert next(iter(each)).prediction == one.prediction


def doubled(_module: object, _given: object, out: object) -> object:
    out.logits = 2 * out.logits  # type: ignore[attr-defined]
    return out


def test_what_alters_the_forward_pass_is_heeded() -> None:
    classifier = make_classifier()
    encoded = classifier.encode_all(TEXTS)
    before = classifier.logits_of_all(encoded)
    hook = classifier.model.register_forward_hook(doubled)
    try:
        np.testing.assert_allclose(classifier.logits_of_all(encoded), 2 * before, rtol=1e-12)
    finally:
        hook.remove()
    hook = classifier.model.embeddings.register_forward_hook(lambda _module, _given, out: 0 * out)
    try:
        assert folded_logits(classifier.model, [encoded[0].input_ids]) is None
    finally:
        hook.remove()
    with torch.no_grad():
        classifier.model.readout.mul_(-1.0)
    np.testing.assert_allclose(classifier.logits_of_all(encoded), -before, rtol=1e-12)


@pytest.mark.parametrize(
    "ids", [[], [0, 4], [2, 10_000], [2, -1], [2] + [4] * 64], ids=["none", "no [CLS]", "unknown", "negative", "long"]
)
def test_what_the_tables_do_not_hold_is_left_to_the_model(ids: list[int]) -> None:
    model = make_classifier().model
    assert folded_logits(model, [np.array([2, 5]), np.array(ids, dtype=np.int64)]) is None


def test_other_models_run_forward() -> None:
    ids = [np.array([2, 5])]
    assert folded_logits(make_bert().model, ids) is None
    assert folded_logits(make_classifier(normaliser="sparsemax").model, ids) is None
    assert folded_logits(make_classifier().model.to(torch.bfloat16), ids) is None
    assert folded_logits(make_classifier().model, []) is None
