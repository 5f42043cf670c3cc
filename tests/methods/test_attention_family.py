"""Attention methods through layers, on every architecture: the papers' formulas written out, by hand, and laws."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

import heedful
import zoo
from factory import make_bert, make_classifier
from heedful import methods
from heedful.classifier import Classifier
from heedful.errors import ModelError, SettingError
from heedful.methods import attention_paths
from heedful.question import Choices, ask
from untouched import assert_same_state, restless, state

TEXT = "the plot was not good but the acting was very good !"
SPECS = (
    "attention-mean:layer=0", "attention-max:layer=-2", "attention-head:head=1,layer=0", "attention-rollout",
    "attention-flow", "attention-value-norm", "attention-value-norm:heads=mean,layer=0", "attention-x-gradient",
)  # fmt: skip
TRANSFORMERS = tuple(zoo.ARCHITECTURES)


def outputs(classifier: Classifier, target: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Attention weights and their gradients (layers, heads, T, T) of the model itself, and what its logits read."""
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    classifier.model.set_attn_implementation("eager")
    out = classifier.model(ids, output_attentions=True)
    gradients = torch.autograd.grad(out.logits[0, target], out.attentions)
    n_tokens, name = ids.shape[1], classifier.name
    last = n_tokens - 1 if name in ("llama", "qwen2", "gpt2") else 0
    read = np.full(n_tokens, 1 / n_tokens) if name == "modernbert" else np.eye(n_tokens)[last]
    return *(torch.cat(x).detach().double().numpy() for x in (out.attentions, gradients)), read


def scores(classifier: Classifier, method: str, **choices: object) -> np.ndarray:
    """Scores of all tokens that belong to the text."""
    return heedful.explain(classifier, TEXT, method, unit="token", target=0, **choices).scores


def of_the_text(classifier: Classifier, tokens: np.ndarray) -> np.ndarray:
    return tokens[[span is not None and span[0] < span[1] for span in classifier.encode(TEXT).offsets]]


# float32 inside some architectures, a float64 model or not, and two ways through it: some tens of 1e-7
close = dict(rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("layer", [0, -1])
def test_heads_of_any_layer(name: str, layer: int) -> None:
    classifier = zoo.make(name)
    weights, _, read = outputs(classifier)
    rows = read @ weights[layer]
    for method, expected in (("mean", rows.mean(0)), ("max", rows.max(0)), ("head", rows[0])):
        found = scores(classifier, f"attention-{method}:layer={layer}")
        assert found == pytest.approx(of_the_text(classifier, expected), **close)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("residual", [0.5, 0.0, 0.9])
def test_rollout_is_the_product_of_the_layers(name: str, residual: float) -> None:
    """Abnar and Zuidema 2020, Eq. 1, layer by layer from the first."""
    classifier = zoo.make(name)
    weights, _, read = outputs(classifier)
    rollout = np.eye(len(read))
    for layer in weights:
        rollout = (residual * np.eye(len(read)) + (1 - residual) * layer.mean(0)) @ rollout
    assert rollout.sum(1) == pytest.approx(1.0, rel=1e-5)
    found = scores(classifier, f"attention-rollout:residual={residual}")
    assert found == pytest.approx(of_the_text(classifier, read @ rollout), **close)


@pytest.mark.parametrize("name", ["bert", "gpt2", "modernbert"])  # read out at the first, the last, and all tokens
def test_flow_is_the_maximum_flow_of_networkx(name: str) -> None:
    classifier = zoo.make(name)
    weights, _, read = outputs(classifier)
    graph = nx.DiGraph()
    for t, capacity in enumerate(read):
        graph.add_edge("source", (len(weights), t), capacity=round(capacity * 2**50))
    for depth, layer in enumerate(weights):
        for (q, t), capacity in np.ndenumerate(0.5 * np.eye(len(read)) + 0.5 * layer.mean(0)):
            graph.add_edge((depth + 1, q), (depth, t), capacity=round(capacity * 2**50))
    expected = np.array([nx.maximum_flow_value(graph, "source", (0, t)) for t in range(len(read))]) / 2**50
    assert scores(classifier, "attention-flow") == pytest.approx(of_the_text(classifier, expected), **close)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_gradient_times_attention_by_the_rule_written_out(name: str) -> None:
    """Chefer, Gur, Wolf 2021, Eq. 5 and 6; without the identity that R starts from."""
    classifier = zoo.make(name)
    weights, gradients, read = outputs(classifier)
    relevance = np.eye(len(read))
    for a, g in zip(weights, gradients, strict=True):
        relevance = relevance + (a * g).clip(min=0).mean(0) @ relevance
    expected = of_the_text(classifier, read @ (relevance - np.eye(len(read))))
    found = scores(classifier, "attention-x-gradient")
    assert found.max() > 1e-4
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", ["logit", "probability", "logit_difference"])
@pytest.mark.parametrize("settings", [{}, {"attend_padding": True}, {"normaliser": "sparsemax"}], ids=str)
def test_gradient_times_attention_of_the_papers_classifier(kind: str, settings: dict[str, object]) -> None:
    """Its layer written out, and differentiated automatically by the weights."""
    classifier = make_classifier(1, **settings)
    encoded, model = classifier.encode(TEXT), classifier.model
    question = ask(classifier, TEXT, Choices(output=kind, unit="token"))
    with torch.no_grad():
        weights = model(torch.from_numpy(encoded.input_ids)[None], output_attentions=True).attentions[0][0, :, 0]
        vectors = model.embeddings.weight[encoded.input_ids] + model.positions[: len(encoded)]
    weights.requires_grad_()
    pooled = torch.einsum("ht,hod,td->ho", weights, model.value, vectors).mean(0)
    explained = torch.from_numpy(question.output.cotangent(question.logits)) @ model.readout @ pooled
    (gradient,) = torch.autograd.grad(explained, weights)
    expected = (weights * gradient).clamp(min=0).mean(0).detach().numpy()[1:]
    found = heedful.explain(classifier, TEXT, "chefer", output=kind, unit="token").scores
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("method", ["attention-rollout", "attention-flow"])
def test_one_layer_without_residual_is_its_mean_attention(classifier: Classifier, method: str) -> None:
    result = heedful.explain(classifier, TEXT, method)
    assert np.array_equal(result.scores, heedful.explain(classifier, TEXT, "attention-mean").scores)
    assert result.settings["residual"] == 0.0


def indifferent(name: str) -> Classifier:
    """All logits of attention alike: every token attends to all it sees in the same way."""
    classifier = zoo.make(name)
    with torch.no_grad():
        for key, weight in classifier.model.named_parameters():
            if "query" in key or "q_proj" in key:
                weight.zero_()
    return classifier


def test_indifferent_attention_in_closed_form() -> None:
    """In two layers, [CLS] keeps a quarter to itself, and three quarters are spread evenly."""
    classifier = indifferent("bert")
    n_tokens = len(classifier.encode(TEXT))
    assert scores(classifier, "attention-rollout") == pytest.approx(0.75 / n_tokens, rel=1e-6)
    # to a word: from [CLS] by way of itself, the word, and each other token, as much as the narrower of two steps lets
    # through: 1/(2T) first from itself, 1/(2T) to the word itself, 1/(2T) by each of the other T - 2
    assert scores(classifier, "attention-flow") == pytest.approx(0.5, rel=1e-6)


def test_indifferent_attention_of_a_decoder() -> None:
    """Position i, from 0, attends to i + 1 tokens: what the last one has from each through two such layers."""
    classifier = indifferent("llama")
    n_tokens = len(classifier.encode(TEXT))
    uniform = np.tri(n_tokens) / np.arange(1, n_tokens + 1)[:, None]
    step = 0.5 * np.eye(n_tokens) + 0.5 * uniform
    expected = of_the_text(classifier, (step @ step)[-1])
    assert scores(classifier, "attention-rollout") == pytest.approx(expected, rel=1e-5)
    assert (np.diff(expected) < 0)[:-1].all()  # early tokens are within sight of more


def test_value_norm_is_the_length_of_what_is_added() -> None:
    """One token's share, the layer's sum over heads: taken from the layer itself by leaving the token's value out."""
    classifier = zoo.make("bert")
    own = classifier.model.bert.encoder.layer[1].attention
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    found = scores(classifier, "attention-value-norm")
    added: list[torch.Tensor] = []
    left_out = [None]

    def silence(_: object, __: object, value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        if left_out[0] is not None:
            value[0, left_out[0]] = 0.0
        return value

    with torch.no_grad():
        own.self.value.register_forward_hook(silence)
        own.output.dense.register_forward_hook(lambda _, __, out: added.append(out[0, 0]))
        for left_out[0] in (None, *range(1, ids.shape[1] - 1)):
            classifier.model(ids)
    expected = [float((added[0] - without).norm()) for without in added[1:]]
    assert found == pytest.approx(expected, rel=1e-9)


def test_value_norms_of_two_tokens_by_hand() -> None:
    """Two heads with values (3, 0) and (0, 4), each taken by a half, over two heads: sides 3/4 and 1, length 5/4."""
    classifier = make_classifier(texts=("a",), num_attention_heads=2, key_size=1, value_size=2, position_scale=0.0)
    model = classifier.model
    with torch.no_grad():
        for weight in (model.embeddings.weight, model.query, model.value, model.positions):
            weight.zero_()
        model.embeddings.weight[classifier.tokenizer.convert_tokens_to_ids("a"), 0] = 1.0
        model.value[0, 0, 0], model.value[1, 1, 0] = 3.0, 4.0
    assert heedful.explain(classifier, "a", "attention-value-norm").scores == pytest.approx([1.25])
    assert heedful.explain(classifier, "a", "attention-value-norm:heads=mean").scores == pytest.approx([0.875])


def test_order_of_heads_and_length_of_unused_values_do_not_matter() -> None:
    """Swapped heads are the same model; so is one with values twice as long, and output weights half as large."""
    plain, swapped, scaled = (zoo.make("bert") for _ in range(3))
    with torch.no_grad():
        for layer in swapped.model.bert.encoder.layer:
            for part in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
                part.weight.copy_(part.weight.roll(8, 0))
            layer.attention.output.dense.weight.copy_(layer.attention.output.dense.weight.roll(8, 1))
        for layer in scaled.model.bert.encoder.layer:
            layer.attention.self.value.weight.mul_(2.0)
            layer.attention.output.dense.weight.div_(2.0)
    for spec in ("attention-rollout", "attention-flow", "attention-value-norm", "attention-x-gradient"):
        expected = scores(plain, spec)
        assert scores(swapped, spec) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert scores(scaled, spec) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("make", [make_classifier, make_bert], ids=["paper", "bert"])
@pytest.mark.parametrize("spec", SPECS)
def test_leaves_a_model_in_an_unusual_state_in_it(make: Callable[..., Classifier], spec: str) -> None:
    classifier = restless(make)
    method = spec.replace("layer=-2", "layer=-1") if make is make_classifier else spec
    before = state(classifier)
    heedful.explain(classifier, TEXT, method)
    assert_same_state(before, state(classifier))


@pytest.mark.parametrize("spec", ["attention-value-norm", "attention-x-gradient"])
def test_and_after_an_exception_in_the_middle(spec: str) -> None:
    class InterruptionError(Exception):
        pass

    def interrupt(_: object, __: object, out: torch.Tensor) -> None:
        if out.requires_grad:  # not in the forward passes without gradients
            raise InterruptionError

    classifier = restless(make_bert)
    classifier.model.bert.encoder.layer[1].output.dense.register_forward_hook(interrupt)
    before = state(classifier)
    with pytest.raises(InterruptionError):
        heedful.explain(classifier, TEXT, spec)
    assert_same_state(before, state(classifier))


@pytest.mark.parametrize("spec", SPECS)
def test_low_precision_comes_near(spec: str) -> None:
    exact, low = make_bert(initializer_range=0.2), make_bert(initializer_range=0.2)
    low.model.to(torch.bfloat16)
    found, expected = scores(low, spec), scores(exact, spec)
    assert np.abs(found - expected).max() < 0.1 * expected.max()  # 1/128 a number, through two layers


def test_gradients_in_half_precision_are_refused() -> None:
    classifier = make_bert()
    classifier.model.half()
    for spec in ("attention-value-norm", "attention-x-gradient"):
        with pytest.raises(ModelError, match="float16"):
            scores(classifier, spec)


@pytest.mark.parametrize("method", ["attention-mean", "attention-rollout"])
def test_memory_is_not_taken_for_every_layer_at_once(method: str) -> None:
    layers, heads, n_tokens = 4, 16, 302
    classifier = zoo.make("bert", num_hidden_layers=layers, num_attention_heads=heads, max_position_embeddings=n_tokens)
    tracemalloc.start()  # sees numpy's memory, not torch's
    try:
        heedful.explain(classifier, "good " * (n_tokens - 2), method)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < layers * heads * n_tokens**2 * np.float64().itemsize / 2


@pytest.mark.parametrize("name", ["bert", "llama", "paper"])
def test_pairs_of_texts(name: str) -> None:
    classifier = zoo.make(name)
    for spec in ("attention-rollout", "attention-flow", "attention-value-norm", "attention-x-gradient"):
        result = heedful.explain(classifier, ("a dull film", "the end was slow"), spec, unit="word")
        assert result.units == ("a", "dull", "film", "the", "end", "was", "slow")
        assert np.isfinite(result.scores).all()


def test_flow_refuses_what_would_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = zoo.make("bert")
    n_tokens = len(classifier.encode(TEXT))
    monkeypatch.setattr(attention_paths, "_MOST_WORK", 2 * n_tokens**2 * (n_tokens - 2))
    heedful.explain(classifier, TEXT, "attention-flow", unit="token")
    monkeypatch.setattr(attention_paths, "_MOST_WORK", 2 * n_tokens**2 * (n_tokens - 2) - 1)
    with pytest.raises(SettingError, match=r"attention-flow to \d+ tokens through 2 layers takes minutes: use attent"):
        heedful.explain(classifier, TEXT, "attention-flow", unit="token")


@pytest.mark.parametrize("linear", [True, False])
def test_logits_that_do_not_come_from_the_weights_are_refused(linear: bool) -> None:
    classifier = zoo.make("bert")
    own = classifier.model.bert.encoder.layer[0].attention.self
    plain = own.forward

    def copied(*args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
        found, weights = plain(*args, **kwargs)
        return found, None if weights is None else (weights * 1.0 if linear else weights.detach())

    own.forward = copied
    for spec in ("attention-x-gradient", "attention-value-norm:layer=0", "attention-rollout", "attention-flow"):
        with pytest.raises(ModelError, match=r"does not compute its logits from the attention weights it .*: use lime"):
            scores(classifier, spec)
    assert scores(classifier, "attention-mean:layer=0").sum() > 0


def test_a_copy_of_the_weights_in_another_order_will_do() -> None:
    """As XLNet has it: what it returns is not what it computes with, but can be followed back."""
    plain, turned = zoo.make("bert"), zoo.make("bert")
    for layer in turned.model.bert.encoder.layer:
        own = layer.attention.self
        forward = own.forward
        own.forward = lambda *args, forward=forward, **kwargs: tuple(
            x if i == 0 or x is None else x.permute(2, 3, 0, 1).clone().permute(2, 3, 0, 1)
            for i, x in enumerate(forward(*args, **kwargs))
        )
    for spec in ("attention-x-gradient", "attention-value-norm:layer=0", "attention-rollout", "attention-flow"):
        assert scores(turned, spec) == pytest.approx(scores(plain, spec), rel=1e-12)


def alter(classifier: Classifier, name: str, altered: Callable[[Any], object]) -> None:
    """Change what the model, and its base, give when they are asked for attentions."""

    def change(_: object, __: object, kwargs: dict[str, object], out: object) -> None:
        if kwargs.get("output_attentions") and hasattr(out, name):
            setattr(out, name, altered(getattr(out, name)))

    for module in (classifier.model, classifier.model.base_model):
        module.register_forward_hook(change, with_kwargs=True)


@pytest.mark.parametrize("spec", ["attention-mean", "attention-x-gradient"])
@pytest.mark.parametrize(
    ("name", "altered", "message"),
    [
        ("attentions", lambda layers: tuple(a[..., 1:] for a in layers), "does not attend from every token to every"),
        ("attentions", lambda layers: tuple(a[:, 0] for a in layers), "does not attend from every token to every"),
        ("attentions", lambda layers: tuple(a * 1.001 for a in layers), "rows do not sum to 1"),
        ("attentions", lambda layers: tuple(a * np.nan for a in layers), "rows do not sum to 1"),
        ("logits", lambda logits: logits + 0.01, "gives other logits when it is looked into"),
        ("logits", lambda logits: logits * np.nan, "gives other logits when it is looked into"),
    ],
)
def test_weights_that_cannot_be_trusted_are_refused(
    spec: str, name: str, altered: Callable[[Any], object], message: str
) -> None:
    classifier = zoo.make("bert")
    alter(classifier, name, altered)
    with pytest.raises(ModelError, match=message):
        scores(classifier, spec)


@pytest.mark.parametrize("spec", ["attention-mean", "attention-x-gradient"])
@pytest.mark.parametrize("returned", [None, (None, None)])
def test_weights_that_are_not_returned_are_taken_where_they_are_computed(spec: str, returned: object) -> None:
    plain, silent = zoo.make("bert"), zoo.make("bert")
    alter(silent, "attentions", lambda _: returned)
    assert scores(silent, spec) == pytest.approx(scores(plain, spec), rel=1e-12)


@pytest.mark.parametrize("spec", ["attention-mean", "attention-x-gradient"])
@pytest.mark.parametrize("share", [0.0, 0.9, 1.1, np.nan])
def test_and_in_low_precision(spec: str, share: float) -> None:
    classifier = zoo.make("bert")
    classifier.model.to(torch.bfloat16)
    alter(classifier, "attentions", lambda layers: tuple(a * share for a in layers))
    with pytest.raises(ModelError, match="rows do not sum to 1"):
        heedful.explain(classifier, f"{TEXT} {TEXT}", spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("attention-mean:layer=2", "no layer 2: bert has layers 0 to 1"),
        ("attention-value-norm:layer=-3", "no layer -3: bert has layers 0 to 1"),
        ("attention-value-norm:heads=max", "unknown heads 'max': use one of sum, mean"),
        ("attention-rollout:residual=1", "residual must be from 0 to below 1, got 1.0"),
        ("attention-flow:residual=-0.1", "residual must be from 0"),
        ("attention-flow:residual=nan", "residual must be from 0"),
    ],
)
def test_settings_that_cannot_be_used(spec: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        heedful.explain(zoo.make("bert"), TEXT, spec)


def test_head_comes_before_layer() -> None:
    assert methods.AttentionHead(1).settings() == {"head": 1, "layer": -1}
