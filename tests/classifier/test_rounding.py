"""When logits count as equal: a constant added to all of them changes no score and no refusal."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import heedful
import tiny
import zoo
from heedful.classifier import Classifier
from heedful.classifier.rounding import precision, same
from heedful.errors import InputError

TEXT = "the plot was not good"
CALLS = (
    ("occlusion", "delete"), ("occlusion", "ignore"), ("occlusion", "pad"), ("gradient-x-input", "auto"),
    ("attention-mean", "auto"),
)  # fmt: skip


def with_bias(classifier, constant):
    """The same classifier, whose head adds a constant to every logit."""
    head = [module for module in classifier.model.modules() if isinstance(module, nn.Linear)][-1]
    if head.bias is None:
        head.bias = nn.Parameter(torch.zeros(head.out_features, dtype=head.weight.dtype))
    with torch.no_grad():
        head.bias += constant
    return Classifier(classifier.model, classifier.tokenizer, classifier.name)


def outcomes(classifier):
    found = {}
    for method, masking in CALLS:
        try:
            found[method, masking] = heedful.explain(classifier, TEXT, method, masking=masking, target=0).scores
        except InputError as error:
            found[method, masking] = str(error)
    return found


def assert_unmoved_by(constant, classifier, rounding):
    plain = outcomes(classifier)
    for call, moved in outcomes(with_bias(classifier, constant)).items():
        if isinstance(plain[call], str):
            assert moved == plain[call]
        else:
            assert not isinstance(moved, str), (call, moved)
            assert moved == pytest.approx(plain[call], abs=rounding), call


@pytest.mark.parametrize("name", [name for name in zoo.NAMES if name != "paper"])
def test_a_constant_in_the_heads_bias_changes_no_score_and_no_refusal(name):
    # scores are differences of logits that are rounded at the size of the constant
    assert_unmoved_by(1000.0, zoo.make(name, num_labels=1), 1e-11)


KINDS = {
    "fnet": ("wordpiece", {}),
    "mobilebert": ("wordpiece", tiny.MOBILE),
    "convbert": ("wordpiece", {"embedding_size": 16, "head_ratio": 1}),
    "esm": ("byte-level", {"position_embedding_type": "absolute"}),
    "bart": ("unigram", tiny.ENCODER_DECODER),
}
BOTH = [("fnet", torch.float32), ("esm", torch.float32), *((kind, torch.float64) for kind in KINDS)]


@pytest.mark.parametrize(("kind", "dtype"), BOTH)
def test_and_so_it_is_where_guards_are_at_work(kind, dtype):
    tokenizer = tiny.tokenizer(KINDS[kind][0])
    classifier = Classifier(tiny.model(kind, tokenizer, **KINDS[kind][1]).to(dtype), tokenizer, kind)
    assert_unmoved_by(1000.0, classifier, 1e-11 if dtype == torch.float64 else 1e-3)  # float32 keeps 1000 to 6e-5


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.sampled_from([2.3e-16, 1.2e-7, 7.9e-3]))
def test_what_is_far_apart_by_the_spread_is_never_equal_and_what_is_rounded_always(constant, spread, eps):
    rng = np.random.default_rng(0)
    logits = spread * rng.random((4, 3))
    stored = np.abs(constant) * eps
    assert same(logits + constant + stored, logits + constant, eps, spread)
    assert same(logits * (1 + eps), logits, eps, spread)
    far = 0.3 * spread + 10 * (stored + spread * eps)
    assert not same(logits + constant + far, logits + constant, eps, spread)
    assert not same(logits + np.nan, logits, eps, spread)


def test_precision_is_the_coarsest_of_the_weights():
    model = zoo.make("bert").model
    assert precision(model) == torch.finfo(torch.float64).eps
    model.classifier.to(torch.bfloat16)
    assert precision(model) == torch.finfo(torch.bfloat16).eps
    assert precision(nn.Identity()) == torch.finfo(torch.float32).eps
