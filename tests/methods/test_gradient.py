"""Gradients: closed form against autograd at every position, captum, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from factory import make_classifier
from heedful import inside
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games.output import Output
from heedful.methods.gradient import closed_form

TEXT = "the plot was not good but the acting was very good !"
NORMALISERS = [("softmax", 1.5), ("sparsemax", 1.5), ("entmax", 1.5), ("entmax", 1.3), ("entmax", 2.0)]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from(NORMALISERS),
    st.booleans(),
    st.sampled_from(["logit", "probability", "logit_difference"]),
)
def test_closed_form_equals_autograd_at_every_position(
    seed: int, normaliser: tuple[str, float], attend_padding: bool, kind: str
) -> None:
    name, alpha = normaliser
    classifier = make_classifier(seed, normaliser=name, entmax_alpha=alpha, attend_padding=attend_padding)
    encoded = classifier.encode(TEXT)
    logits = classifier.logits([encoded.input_ids])[0]
    cotangent = Output.of(kind, seed % 3, logits).cotangent(logits)
    by_hand = closed_form(classifier.model, encoded, cotangent)
    automatic = inside.gradient(classifier, encoded, cotangent)
    assert by_hand.shape == automatic.shape == (len(encoded), 16)
    # float64 rounding over a few hundred terms; entmax's bisection for other alphas stops near 1e-12
    assert np.abs(by_hand - automatic).max() < 1e-10


def test_without_the_query_term_cls_would_be_wrong() -> None:
    """The formula as printed leaves out that the query moves with e_0; this guards that the check above sees it."""
    classifier = make_classifier(0)
    encoded = classifier.encode(TEXT)
    model, cotangent = classifier.model, np.array([0.0, 1.0, 0.0])
    frozen = model.query.detach().clone()
    with torch.no_grad():
        e = model.embeddings(torch.tensor(encoded.input_ids)) + model.positions[: len(encoded)]
        q = frozen @ e[0]
        by_score = torch.einsum("kad,ka->kd", model.key, q) / model.config.key_size**0.5
        by_value = torch.einsum("o,kod->kd", model.readout[1], model.value)
        weights, values = (by_score @ e.T).softmax(-1), by_value @ e.T
        pull = weights * (values - (weights * values).sum(1, keepdim=True))
        printed = (torch.einsum("kt,kd->td", weights, by_value) + torch.einsum("kt,kd->td", pull, by_score)) / len(q)
    difference = np.abs(printed.numpy() - closed_form(model, encoded, cotangent)).max(axis=1)
    assert difference[1:].max() < 1e-12
    assert difference[0] > 1e-3


@pytest.mark.parametrize("normaliser", ["softmax", "entmax"])
def test_closed_form_equals_finite_differences(normaliser: str) -> None:
    classifier = make_classifier(3, normaliser=normaliser)
    encoded, model, cotangent = classifier.encode(TEXT), classifier.model, np.array([1.0, 0.0, -1.0])
    gradient = closed_form(model, encoded, cotangent)
    vectors = model.embeddings(torch.tensor(encoded.input_ids)).detach()
    step = 1e-6
    for position, component in ((0, 3), (1, 0), (5, 15), (len(encoded) - 1, 7)):
        ends = []
        for sign in (1, -1):
            moved = vectors.clone()
            moved[position, component] += sign * step
            with torch.no_grad():
                ends.append(model(inputs_embeds=moved[None]).logits[0].numpy() @ cotangent)
        # central differences: error of order step^2 and rounding 1e-16 / step
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(gradient[position, component], abs=1e-8)


def test_equals_captum() -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = make_classifier(6)
    encoded = classifier.encode(TEXT)
    vectors = classifier.model.embeddings(torch.tensor(encoded.input_ids))[None].detach()

    def score(inputs_embeds: torch.Tensor) -> torch.Tensor:
        return classifier.model(inputs_embeds=inputs_embeds).logits

    units = heedful.explain(classifier, TEXT, "G-l1", target=1, unit="token")
    saliency = attr.Saliency(score).attribute(vectors.clone().requires_grad_(), target=1, abs=True)[0]
    assert units.scores == pytest.approx(saliency.sum(-1).numpy()[1:], rel=1e-10)
    signed = attr.Saliency(score).attribute(vectors.clone().requires_grad_(), target=1, abs=False)[0].numpy()
    places = inside.input_vectors(classifier, encoded)
    for method, expected in (
        ("G-avg", signed.mean(-1)),
        ("G-l2", np.sqrt((signed**2).sum(-1))),
        ("GxI", (signed * places).sum(-1)),
    ):
        result = heedful.explain(classifier, TEXT, method, target=1, unit="token")
        assert result.scores == pytest.approx(expected[1:], rel=1e-10)


@pytest.mark.parametrize("method", ["G-avg", "G-l1", "G-l2", "GxI"])
def test_words_add_up_their_tokens(classifier: Classifier, method: str) -> None:
    tokens = heedful.explain(classifier, TEXT, method, unit="token")
    types = heedful.explain(classifier, TEXT, method, unit="word_type")
    by_word: dict[str, float] = {}
    for word, score in zip(tokens.units, tokens.scores, strict=True):
        by_word[word] = by_word.get(word, 0.0) + score
    del by_word["!"]
    assert dict(zip(types.units, types.scores, strict=True)) == pytest.approx(by_word)
    assert types.settings["aggregation"] == "sum over tokens"


def test_scaling_the_readout_scales_gradients_and_leaves_attention(classifier: Classifier) -> None:
    before = {m: heedful.explain(classifier, TEXT, m, target=0).scores for m in ("GxI", "alpha-avg")}
    other = make_classifier(0)
    with torch.no_grad():
        other.model.readout *= 3
    after = {m: heedful.explain(other, TEXT, m, target=0).scores for m in ("GxI", "alpha-avg")}
    assert after["GxI"] == pytest.approx(3 * before["GxI"])
    assert np.array_equal(after["alpha-avg"], before["alpha-avg"])


def test_logit_difference_is_the_difference_of_logits(classifier: Classifier) -> None:
    result = heedful.explain(classifier, TEXT, "GxI", target=0, output="logit_difference")
    rival = classifier.labels.index(result.settings["other_class"])
    parts = [heedful.explain(classifier, TEXT, "GxI", target=t).scores for t in (0, rival)]
    assert result.scores == pytest.approx(parts[0] - parts[1], abs=1e-14)


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(SettingError, match="engine"):
        heedful.methods.GradientL1(engine="numeric")
