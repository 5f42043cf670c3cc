"""Transformed value vectors: against each architecture's own weights, and in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import heedful
import zoo
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import ModelError, SettingError

TEXT = "the plot was not good but the acting was very good !"
HEADS = 2


def with_biases(name: str) -> Classifier:
    classifier = zoo.make(name)
    with torch.no_grad():
        for i, weight in enumerate(classifier.model.parameters()):
            if weight.ndim == 1:
                weight.add_(torch.from_numpy(np.random.default_rng(i).normal(scale=0.3, size=len(weight))))
    return classifier


def by_hand(classifier: Classifier, layer: int) -> torch.Tensor:
    """Transformed value vectors (heads, tokens, size) from a layer's input, as each architecture's code has them."""
    model, name = classifier.model, classifier.name
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    states = model(ids, output_hidden_states=True).hidden_states[layer][0]
    base = model.base_model
    if name == "distilbert":
        own = base.transformer.layer[layer].attention
        values, output = own.v_lin(states), own.out_lin.weight
    elif name == "modernbert":
        own = base.layers[layer]
        values, output = own.attn.Wqkv(own.attn_norm(states))[:, 32:], own.attn.Wo.weight
    elif name == "gpt2":
        own = base.h[layer]
        values, output = own.attn.c_attn(own.ln_1(states))[:, 32:], own.attn.c_proj.weight.T
    elif name in ("llama", "qwen2"):
        own = base.layers[layer]
        values = own.self_attn.v_proj(own.input_layernorm(states)).repeat(1, HEADS)  # one for both heads
        output = own.self_attn.o_proj.weight
    else:
        own = base.encoder.layer[layer].attention
        values = getattr(own.self, "value_proj" if name == "deberta-v2" else "value")(states)
        output = own.output.dense.weight
    return torch.stack([values[:, half] @ output[:, half].T for half in (slice(0, 8), slice(8, 16))]).detach()


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_lengths_and_angles_are_those_of_the_vectors_by_hand(name: str, layer: int) -> None:
    classifier = with_biases(name)
    weights, triangles = look_inside(classifier, classifier.encode(TEXT)).values(layer)
    expected = by_hand(classifier, layer)
    assert weights.shape[0] == triangles.shape[2] == HEADS
    products = np.einsum("trg,trh->tgh", triangles, triangles)
    wanted = torch.einsum("gtd,htd->tgh", expected, expected).numpy()
    # some architectures compute their rotations or softmax in float32, which changes the second layer's input
    assert products == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("heads", ["sum", "mean"])
@pytest.mark.parametrize("name", ["bert", "modernbert", "llama"])  # read out at the first, all, and the last token
def test_the_method_takes_lengths_where_the_logits_are_read(name: str, heads: str) -> None:
    classifier = with_biases(name)
    encoded = classifier.encode(TEXT)
    weights, vectors = torch.from_numpy(look_inside(classifier, encoded).weights(1)), by_hand(classifier, 1)
    parts = torch.einsum("hqt,htd->qthd", weights, vectors.double())
    lengths = parts.sum(2).norm(dim=-1) if heads == "sum" else parts.norm(dim=-1).mean(2)
    expected = {"bert": lengths[0], "modernbert": lengths.mean(0), "llama": lengths[-1]}[name].numpy()
    found = heedful.explain(classifier, TEXT, f"attention-value-norm:heads={heads}", unit="token").scores
    inner = [span is not None and span[0] < span[1] for span in encoded.offsets]
    assert found == pytest.approx(expected[inner], rel=1e-5, abs=1e-6)


def test_more_components_than_tokens_take_several_passes() -> None:
    classifier = with_biases("bert")
    encoded = classifier.encode("film")
    assert len(encoded) < 8
    ids = torch.from_numpy(encoded.input_ids)[None]
    states = classifier.model(ids, output_hidden_states=True).hidden_states[1][0]
    own = classifier.model.bert.encoder.layer[1].attention
    whole = own.self.value(states).detach()
    expected = [(whole[:, h] @ own.output.dense.weight[:, h].T).norm(dim=1) for h in (slice(0, 8), slice(8, 16))]
    _, triangles = look_inside(classifier, encoded).values()
    found = np.linalg.norm(triangles, axis=1).T
    assert found == pytest.approx(torch.stack(expected).detach().numpy(), rel=1e-12)


def test_of_the_papers_classifier_in_closed_form() -> None:
    classifier = zoo.make("paper")
    encoded, model = classifier.encode(TEXT), classifier.model
    vectors = model.embeddings.weight[encoded.input_ids] + model.positions[: len(encoded)]
    values = torch.einsum("hod,td->hto", model.value, vectors).detach() / 3
    weights, triangles = look_inside(classifier, encoded).values()
    assert weights.shape == (3, 1, len(encoded))
    expected = torch.einsum("ht,hto->to", torch.from_numpy(weights[:, 0]), values).norm(dim=1).numpy()
    assert np.linalg.norm(np.einsum("ht,trh->tr", weights[:, 0], triangles), axis=1) == pytest.approx(expected)
    with pytest.raises(SettingError, match="no layer 1"):
        look_inside(classifier, encoded).values(1)


class Bent(nn.Module):
    """Attention whose heads go through something that is not linear before the output projection."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, *args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
        found, weights = self.own(*args, **kwargs)
        return found.tanh(), weights


def test_what_is_no_sum_of_values_is_refused() -> None:
    classifier = zoo.make("deberta-v2")
    layer = classifier.model.deberta.encoder.layer[1].attention
    layer.self = Bent(layer.self)
    assert look_inside(classifier, classifier.encode(TEXT)).values(0)
    with pytest.raises(ModelError, match=r"deberta-v2 does more than to add up values .*: use lime"):
        look_inside(classifier, classifier.encode(TEXT)).values(1)


class Adapted(nn.Module):
    """A linear module with a low-rank addition around it, as adapters have it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base, self.in_features = base, base.in_features
        self.low = nn.Parameter(torch.full((base.in_features, base.out_features), 0.1, dtype=torch.float64))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.base(rows) + rows @ self.low


def test_adapters_around_the_projection_count() -> None:
    adapted, merged = zoo.make("bert"), zoo.make("bert")
    output = adapted.model.bert.encoder.layer[1].attention.output
    output.dense = Adapted(output.dense)
    with torch.no_grad():
        merged.model.bert.encoder.layer[1].attention.output.dense.weight.add_(0.1)
    found, expected = (look_inside(c, c.encode(TEXT)).values()[1] for c in (adapted, merged))
    assert np.abs(found) == pytest.approx(np.abs(expected), rel=1e-9, abs=1e-12)
