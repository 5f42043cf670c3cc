"""Weights that are no plain tensors, and models inside wrappers: an answer, or one line."""

from contextlib import contextmanager

import accelerate
import numpy as np
import pytest
import torch
from torch import nn

import heedful
import tiny
from heedful.classifier import Classifier
from heedful.errors import ModelError
from untouched import assert_same_state, state

TEXT = "the plot was not good"
INSIDE = ("gradient-x-input", "attention-mean", "lrp", "attention-value-norm", "integrated-gradients:n_steps=3")


@pytest.fixture
def tokenizer():
    return tiny.tokenizer("wordpiece")


def scores(source, tokenizer, method="occlusion", **options):
    return heedful.explain(heedful.load(source, tokenizer), TEXT, method, target=0, **options).scores


@contextmanager
def collected(kind, messages):
    try:
        yield
    except kind as error:
        messages.append(str(error))


@pytest.mark.parametrize("method", ["occlusion", *INSIDE])
def test_weights_made_in_inference_mode_answer_as_others_do(tokenizer, method):
    expected = scores(tiny.model("bert", tokenizer), tokenizer, method)
    with torch.inference_mode():
        model = tiny.model("bert", tokenizer)
    classifier = Classifier(model, tokenizer, "bert")
    before = state(classifier)
    np.testing.assert_array_equal(heedful.explain(classifier, TEXT, method, target=0).scores, expected)
    assert_same_state(before, state(classifier))
    assert all(weight.is_inference() for weight in model.parameters())


@pytest.mark.parametrize("calling", [torch.inference_mode, torch.no_grad])
def test_what_is_loaded_and_asked_in_inference_mode_answers(tokenizer, calling, tmp_path):
    model = tiny.model("bert", tokenizer)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with torch.inference_mode():
        classifier = heedful.load(tmp_path)
    for method in ("occlusion", *INSIDE):
        with calling():
            found = heedful.explain(classifier, TEXT, method, target=0).scores
        # elsewhere in memory, sums may be made in another order
        assert found == pytest.approx(scores(model, tokenizer, method), rel=1e-11)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_offloaded_weights_answer_and_stay_where_they_are(kind, tmp_path):
    tokenizer = tiny.tokenizer("byte-level-decoder" if kind == "gpt2" else "wordpiece")
    settings = tiny.DECODER if kind == "gpt2" else {}
    expected = scores(tiny.model(kind, tokenizer, **settings), tokenizer, masking="delete")
    for offload in (
        lambda model: accelerate.cpu_offload(model, torch.device("cpu")),
        lambda model: accelerate.disk_offload(model, tmp_path, torch.device("cpu")),
    ):
        model = tiny.model(kind, tokenizer, **settings)
        offload(model)
        assert scores(model, tokenizer, masking="delete") == pytest.approx(expected, rel=1e-11)
        assert {weight.device.type for weight in model.parameters()} == {"meta"}
        with torch.no_grad():
            assert torch.isfinite(model(torch.tensor([[5, 6]])).logits).all()


@pytest.mark.parametrize("method", INSIDE)
def test_offloaded_weights_show_their_inside_or_say_why_not(tokenizer, method):
    expected = scores(tiny.model("bert", tokenizer), tokenizer, method)
    model = tiny.model("bert", tokenizer)
    accelerate.cpu_offload(model, torch.device("cpu"))
    refused = []
    with collected(ModelError, refused):
        assert scores(model, tokenizer, method) == pytest.approx(expected, rel=1e-9)
    assert not any("\n" in message for message in refused)
    assert {weight.device.type for weight in model.parameters()} == {"meta"}


def test_weights_that_are_nowhere_are_one_line(tokenizer):
    with torch.device("meta"):
        model = tiny.model("bert", tokenizer)
    with pytest.raises(ModelError, match="BertForSequenceClassification has no weights: all are on the meta device"):
        heedful.load(model, tokenizer)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2])
def test_broken_weights_are_seen_in_any_precision(tokenizer, value, dtype):
    model = tiny.model("bert", tokenizer)
    weight = model.bert.pooler.dense.weight.detach().clone()
    weight[1, 2] = value
    model.bert.pooler.dense.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    with pytest.raises(ModelError, match=r"weight bert\.pooler\.dense\.weight holds NaN or infinite numbers"):
        heedful.load(model, tokenizer)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # torch.ao is to go
def test_a_model_in_int8_scores_as_each_text_alone(tokenizer):
    model = tiny.model("bert", tokenizer).float()
    model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    classifier = heedful.load(model, tokenizer)
    result = heedful.explain(classifier, TEXT, "occlusion", unit="word", masking="delete", target=0)
    ids = classifier.encode(TEXT).input_ids
    with torch.no_grad():
        rows = [ids, *(np.delete(ids, i) for i in range(1, len(ids) - 1))]
        logits = [float(model(torch.from_numpy(row)[None]).logits[0, 0]) for row in rows]
    np.testing.assert_array_equal(result.scores, logits[0] - np.array(logits[1:]))
    for method in ("gradient-x-input", "attention-mean"):
        with pytest.raises(
            ModelError, match=r"^BertForSequenceClassification .*: use lime, or another method that needs"
        ):
            heedful.explain(classifier, TEXT, method)
