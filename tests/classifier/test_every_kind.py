"""Every kind of sequence classifier of transformers, each tiny: a right value or one clear line from every method."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import heedful
import kinds
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import InputError

TEXT = "the plot was not good"
METHODS = (
    "attention-mean", "attention-rollout", "attention-flow", "attention-value-norm", "attention-x-gradient",
    "gradient-l2", "gradient-x-input", "integrated-gradients:n_steps=4,max_steps=4", "smoothgrad:n_samples=4", "lrp",
    "occlusion", "lime:n_samples=40",
)  # fmt: skip
# encoders, decoders, encoder-decoders, experts, layers without attention, odd outputs and embeddings
DIFFERENT = (
    "bart", "canine", "convbert", "ctrl", "esm", "fnet", "ibert", "longformer", "mixtral", "perceiver", "qwen3_5_text",
    "t5", "t5gemma", "t5gemma2", "xlnet", "zamba",
)  # fmt: skip
every_kind = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in DIFFERENT else pytest.mark.nightly) for kind in kinds.KINDS]
)


@cache
def classifier_of(kind: str) -> Classifier:
    try:
        return kinds.make(kind)
    except ImportError as error:
        pytest.skip(str(error).strip().splitlines()[0])


def tried(kind: str, method: str, text: str = TEXT, **choices: object) -> heedful.Explanation | str:
    """The explanation, or the line in which it is refused."""
    try:
        return heedful.explain(classifier_of(kind), text, method, target=0, **choices)
    except InputError as error:
        return str(error)


@cache
def explanation(kind: str, method: str) -> heedful.Explanation | str:
    return tried(kind, method)


def assert_finite_or_one_line(found: heedful.Explanation | str) -> None:
    assert "\n" not in found and len(found) < 400 if isinstance(found, str) else np.isfinite(found.scores).all()


@every_kind
def test_a_finite_value_or_one_line(kind: str) -> None:
    for method in METHODS:
        assert_finite_or_one_line(explanation(kind, method))


@every_kind
@pytest.mark.parametrize("masking", ["delete", "pad", "ignore", "unk"])
def test_masked_in_every_way(kind: str, masking: str) -> None:
    for text in (TEXT, "good"):
        assert_finite_or_one_line(tried(kind, "occlusion", text, masking=masking))


@every_kind
def test_what_a_refusal_recommends_is_answered(kind: str) -> None:
    refusals = {method: found for method in METHODS if isinstance(found := explanation(kind, method), str)}
    for method, refusal in refusals.items():
        for other in ("gradient-x-input", "lime:n_samples=40"):
            if f"use {other.partition(':')[0]}" in refusal:
                assert not isinstance(explanation(kind, other), str), (method, other)


@every_kind
def test_gradients_meet_finite_differences(kind: str) -> None:
    """Of the table's row of a word that occurs once: wherever the model looks it up, it moves."""
    if isinstance(explanation(kind, "gradient-l2"), str):
        pytest.skip("takes no word vectors")
    classifier = classifier_of(kind)
    encoded = classifier.encode(TEXT)
    look = look_inside(classifier, encoded)
    gradient, tables = look.gradient(np.array([1.0, 0.0, 0.0])), look._words.tables
    word = next(t for t, i in enumerate(encoded.input_ids) if (encoded.input_ids == i).sum() == 1 and t > 0)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=gradient.shape[1]))
    step, ends, start = 1e-4 if classifier.model.dtype == torch.float32 else 1e-6, [], 0
    rows, moved = [], look.word_vectors(encoded.input_ids)
    for table in tables:
        size = table.weight.shape[1]
        rows.append(
            (table.weight, table.weight[encoded.input_ids[word]].detach().clone(), direction[start : start + size])
        )
        start += size
    try:
        for sign in (1, -1):
            with torch.no_grad():
                for weight, before, way in rows:
                    weight[encoded.input_ids[word]] = before + sign * step * way.to(before)
            ends.append((classifier.logits_of(encoded)[0], look.word_vectors(encoded.input_ids)[word]))
    finally:
        with torch.no_grad():
            for weight, before, _ in rows:
                weight[encoded.input_ids[word]] = before
    assert torch.equal(look.word_vectors(encoded.input_ids), moved)
    expected, found = ends[0][0] - ends[1][0], (ends[0][1] - ends[1][1]).double().numpy() @ gradient[word]
    # some models compute in float32 within: 1e-7 of a logit over the step; the rest is the step's square
    inner = 1e-6 * np.abs(look.logits).max()
    assert found == pytest.approx(expected, rel=1e-3, abs=inner)


@every_kind
def test_rows_of_attention_add_up(kind: str) -> None:
    if isinstance(explanation(kind, "attention-mean"), str):
        pytest.skip("gives no attention weights")
    classifier = classifier_of(kind)
    look = look_inside(classifier, classifier.encode(TEXT))
    weights = look.weights()
    assert weights.sum(axis=2) == pytest.approx(1.0, abs=1e-5)
    assert look.readout().sum() == pytest.approx(1.0)
    assert look.trace.logits.detach().numpy() == pytest.approx(look.logits, rel=1e-5, abs=1e-5)


@every_kind
def test_relevance_is_conserved(kind: str) -> None:
    found = explanation(kind, "lrp")
    if isinstance(found, str):
        pytest.skip("no rule for something it computes")
    details = found.details
    assert details["explained"] == pytest.approx(found.prediction, rel=1e-4, abs=1e-5)
    parts = [details[name] for name in ("relevance", "constants", "softmax")]
    assert sum(parts) == pytest.approx(details["explained"], abs=1e-3 * np.abs(parts).max())
