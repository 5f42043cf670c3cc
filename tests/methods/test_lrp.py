"""Layer-wise relevance propagation: by hand, in closed form, over all architectures, and without a trace."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

import heedful
import relevance_by_hand
import zoo
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.classifier.inside.paper import closed_relevance as closed_form
from heedful.classifier.inside.propagation import AttnLRP
from heedful.errors import ModelError
from heedful.text.encoding import Encoded

TEXT = "the plot was not good but the acting was very good !"
NORMALISERS = [("softmax", 1.5), ("sparsemax", 1.5), ("entmax", 1.3)]


def with_biases(classifier: Classifier) -> Classifier:
    with torch.no_grad():
        for i, weight in enumerate(classifier.model.parameters()):
            if weight.ndim == 1:
                weight.add_(torch.from_numpy(np.random.default_rng(i).normal(scale=0.3, size=len(weight))))
    return classifier


@pytest.mark.parametrize("layers", [1, 2])
def test_equals_relevance_by_hand(layers: int) -> None:
    classifier = with_biases(zoo.make("bert", num_hidden_layers=layers))
    encoded = classifier.encode(TEXT)
    result = heedful.explain(classifier, TEXT, "lrp", target=1, unit="token")
    expected = relevance_by_hand.bert(classifier.model, encoded.input_ids, 1)
    whole = look_inside(classifier, encoded).relevance(np.array([0.0, 1.0, 0.0]))
    # by hand every share is divided by its sum, which may come near 0 and costs digits
    assert whole.scores.numpy() == pytest.approx(expected.scores, rel=1e-6, abs=1e-9)
    assert result.scores == pytest.approx(expected.scores.sum(1)[1:-1], rel=1e-6, abs=1e-9)
    assert result.details["constants"] == pytest.approx(expected.constants, rel=1e-8)
    assert result.details["softmax"] == pytest.approx(expected.softmax, rel=1e-8)


class Plain(nn.Module):
    """The paper's classifier step by step, from e_t; behind the text the vectors that are attended to as padding."""

    def __init__(self, classifier: Classifier, encoded: Encoded) -> None:
        super().__init__()
        self.model = classifier.model
        n_padding = self.model.config.max_position_embeddings - len(encoded) if self.model.config.attend_padding else 0
        unknown = self.model.embeddings.weight[self.model.config.unk_token_id].detach()
        self.padding = unknown + self.model.positions[len(encoded) :][:n_padding]

    def forward(self, vectors: Tensor) -> Tensor:
        model = self.model
        vectors = torch.cat([vectors, self.padding])
        keys, values = vectors @ model.key.mT, vectors @ model.value.mT  # head, token, component
        query = vectors[0] @ model.query.mT
        scores = (keys @ query[:, :, None])[..., 0] / math.sqrt(model.config.key_size)
        pooled = scores.softmax(-1)[:, None] @ values
        return (pooled[:, 0] @ model.readout.T).mean(0)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.booleans())
def test_closed_form_equals_the_rules_on_the_plain_form(seed: int, attend_padding: bool) -> None:
    classifier = make_classifier(seed, attend_padding=attend_padding, max_position_embeddings=20)
    encoded = classifier.encode(TEXT)
    cotangent = np.random.default_rng(seed).normal(size=3)
    vectors = torch.from_numpy(look_inside(classifier, encoded).input_vectors()).requires_grad_()
    plain = Plain(classifier, encoded)
    with AttnLRP(plain) as rules:
        logits = plain(vectors)
    assert logits.detach().numpy() == pytest.approx(classifier.logits_of(encoded), rel=1e-10)
    expected = rules.relevance(logits, vectors, torch.from_numpy(cotangent))
    found = closed_form(classifier.model, encoded, cotangent)
    # float64 rounding over a few hundred terms
    assert found.scores.numpy() == pytest.approx(expected.scores.sum(1).numpy(), rel=1e-9, abs=1e-12)
    assert found.explained == pytest.approx(expected.explained, rel=1e-9, abs=1e-12)
    assert found.constants == pytest.approx(expected.constants, rel=1e-9, abs=1e-12)
    assert found.softmax == pytest.approx(expected.softmax, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("normaliser", "alpha"), NORMALISERS)
def test_closed_form_conserves_with_every_normaliser(normaliser: str, alpha: float) -> None:
    for attend_padding in (False, True):
        classifier = make_classifier(1, normaliser=normaliser, entmax_alpha=alpha, attend_padding=attend_padding)
        result = heedful.explain(classifier, TEXT, "lrp", target=2)
        encoded = classifier.encode(TEXT)
        assert result.details["explained"] == pytest.approx(classifier.logits_of(encoded)[2], rel=1e-10)
        assert abs(result.details["conservation_gap"]) < 1e-12
        if normaliser == "softmax":  # the others may leave out all padding
            assert (result.details["constants"] != 0) == attend_padding
        assert (result.n_forward, result.settings["engine"]) == (1, "closed-form")  # the one that asked


def test_sparsemax_is_expanded_with_its_own_slopes() -> None:
    """On its support sparsemax is linear: what it hands on is the score times the plain gradient."""
    classifier = make_classifier(2, normaliser="sparsemax")
    encoded, model = classifier.encode(TEXT), classifier.model
    folded = model.tables().token(encoded.input_ids) + model.tables().position[: len(encoded)]
    scores, values = torch.from_numpy(folded[..., 0].T).requires_grad_(), torch.from_numpy(folded[..., 2].T)
    from entmax import sparsemax

    weights = sparsemax(scores, dim=-1)
    (gradient,) = torch.autograd.grad((weights * values).sum(), scores)
    through = (scores * gradient).detach()
    expected = ((weights.detach() * values) / 2 + through / 4).mean(0)
    expected[0] += through.sum(1).mean() / 4
    found = closed_form(model, encoded, np.array([0.0, 1.0, 0.0]))
    assert found.scores.numpy() == pytest.approx(expected.numpy(), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("name", zoo.NAMES)
def test_every_architecture_adds_up_and_is_left_as_it_was(name: str) -> None:
    classifier = zoo.make(name)
    model = classifier.model.train()
    model.requires_grad_(False)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    before = (model.config.to_dict(), torch.random.get_rng_state(), repr([vars(m).keys() for m in model.modules()]))
    result = heedful.explain(classifier, TEXT, "AttnLRP", target=1, unit="token")
    again = heedful.explain(classifier, TEXT, "lrp", target=classifier.labels[1], unit="token")
    assert np.array_equal(result.scores, again.scores)
    details = result.details
    # rotary positions and some softmaxes are in float32, whatever the rest is in
    allowed = 1e-5 if name in {"modernbert", "llama", "qwen2"} else 1e-12
    assert details["explained"] == pytest.approx(result.prediction, abs=allowed)
    assert abs(details["conservation_gap"]) < allowed
    total = details["relevance"] + details["constants"] + details["softmax"] + details["conservation_gap"]
    assert total == pytest.approx(details["explained"], abs=1e-12)
    assert np.abs(result.scores).max() > 1e-4
    after = (model.config.to_dict(), torch.random.get_rng_state(), repr([vars(m).keys() for m in model.modules()]))
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])
    assert before[2] == after[2]
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(weight.requires_grad or weight.grad is not None for weight in model.parameters())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert _get_current_function_mode_stack() == []


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_nothing_is_left_after_an_exception_in_the_middle(name: str) -> None:
    classifier = zoo.make(name)
    model = classifier.model
    before = heedful.explain(classifier, TEXT, "lrp").scores
    last = [m for m in model.modules() if isinstance(m, nn.LayerNorm)][-1]
    own, calls = last.forward, []

    def fail(x: Tensor) -> Tensor:
        calls.append(x)
        if len(calls) == 2:  # the first call gives the logits
            raise RuntimeError("in the middle")
        return own(x)

    last.forward = fail  # type: ignore[method-assign]
    attention = model.config._attn_implementation
    with pytest.raises(ModelError, match=r"cannot be looked into \(in the middle\)"):
        heedful.explain(classifier, TEXT, "lrp")
    del last.forward
    assert not any(m._forward_hooks for m in model.modules())
    assert _get_current_function_mode_stack() == []
    assert model.config._attn_implementation == attention
    assert np.array_equal(heedful.explain(classifier, TEXT, "lrp").scores, before)


@pytest.mark.parametrize("name", ["bert", "gpt2", "paper"])
def test_words_add_up_their_tokens(name: str) -> None:
    classifier = zoo.make(name)
    tokens = heedful.explain(classifier, "the plot was good", "lrp", unit="token")
    words = heedful.explain(classifier, "the plot was good", "lrp", unit="word")
    assert words.scores.sum() == pytest.approx(tokens.scores.sum(), rel=1e-5)
    assert words.settings["aggregation"] == "sum over tokens"
    assert len(words.scores) == 4


@pytest.mark.parametrize("name", ["roberta", "qwen2", "paper"])
def test_outputs_are_explained_by_their_logits(name: str) -> None:
    classifier = zoo.make(name)
    logits = classifier.logits_of(classifier.encode(TEXT))
    difference = heedful.explain(classifier, TEXT, "lrp", target=0, output="logit_difference")
    rival = classifier.labels.index(difference.settings["other_class"])
    parts = [heedful.explain(classifier, TEXT, "lrp", target=t).scores for t in (0, rival)]
    assert difference.scores == pytest.approx(parts[0] - parts[1], abs=1e-5)
    probability = heedful.explain(classifier, TEXT, "lrp", target=0, output="probability")
    p = np.exp(logits) / np.exp(logits).sum()
    slopes = p[0] * (np.eye(3)[0] - p)
    each = [heedful.explain(classifier, TEXT, "lrp", target=t).scores for t in range(3)]
    assert probability.scores == pytest.approx(slopes @ np.array(each), abs=1e-5)
    assert probability.details["explained"] == pytest.approx(float(slopes @ logits), abs=1e-5)


def test_pairs_of_texts_and_word_types_add_up_too() -> None:
    result = heedful.explain(zoo.make("bert"), ("the plot was good", "the end was not"), "lrp", unit="word_type")
    assert "the" in result.units
    assert abs(result.details["conservation_gap"]) < 1e-12


def test_float16_is_refused_and_bfloat16_is_near() -> None:
    classifier = zoo.make("bert")
    exact = heedful.explain(classifier, TEXT, "lrp", target=1)
    classifier.model.bfloat16()
    rough = heedful.explain(classifier, TEXT, "lrp", target=1)
    assert rough.scores == pytest.approx(exact.scores, abs=0.3 * np.abs(exact.scores).max())  # 8 bits a number
    classifier.model.half()
    with pytest.raises(ModelError, match="float16"):
        heedful.explain(classifier, TEXT, "lrp", target=1)


def test_an_operation_without_a_rule_is_refused_with_the_classifier_and_what_to_use() -> None:
    classifier = zoo.make("bert", hidden_act="sigmoid")
    with pytest.raises(ModelError, match="no rule for Sigmoid, which bert computes: try gradient-x-input"):
        heedful.explain(classifier, TEXT, "lrp")
    assert not any(m._forward_hooks for m in classifier.model.modules())


def test_the_card_says_what_it_is() -> None:
    card = heedful.methods.get("lrp").card
    assert (card.family, card.signed, card.additive, card.access) == ("propagation", True, False, "gradient")
