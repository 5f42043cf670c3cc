"""The AttnLRP rules one by one, by hand; conservation; refusals; and that nothing is left behind."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import _get_current_function_mode_stack
from transformers.activations import ACT2FN

import zoo
from heedful.classifier.inside.propagation import AttnLRP, Relevance
from heedful.errors import ModelError

Network = Callable[[Tensor], Tensor]
TEXT = "the plot was not good but the acting was very good !"


def relevance(network: Network, x: Tensor, weights: Tensor | None = None) -> Relevance:
    """Of a leaf with these values, for the sum of the outputs unless weights are given."""
    leaf = x.clone().requires_grad_()
    with AttnLRP(network if isinstance(network, nn.Module) else nn.Module()) as rules:
        out = network(leaf)
    return rules.relevance(out, leaf, torch.ones_like(out) if weights is None else weights)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


class Attention(nn.Module):
    """Self-attention without biases; scores go through `normalise`."""

    def __init__(self, seed: int, normalise: Network, size: int = 4) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Parameter(noise(size, size, seed=seed + i)) for i in range(4))
        self.normalise = normalise

    def forward(self, x: Tensor) -> Tensor:
        scores = (x @ self.q) @ (x @ self.k).mT / 2
        return (self.normalise(scores) @ (x @ self.v) @ self.out)[0]


# --- rules


def test_a_linear_layer_shares_by_contributions_and_its_bias_keeps_its_own() -> None:
    layer = nn.Linear(2, 2).double().requires_grad_(False)
    layer.weight.copy_(torch.tensor([[3.0, 1.0], [0.0, 2.0]]))
    layer.bias.copy_(torch.tensor([0.5, -1.0]))
    found = relevance(layer, torch.tensor([[2.0, -1.0]]).double(), torch.tensor([[1.0, 10.0]]))
    # z = (6 - 1 + 0.5, -2 - 1): contributions 6, -1 | 0, -2 times 10
    assert found.scores.tolist() == [[6.0, -21.0]]
    assert (found.explained, found.constants, found.softmax, found.gap) == (-24.5, -9.5, 0.0, 0.0)


def test_factors_of_a_product_get_half_each_and_a_constant_factor_none() -> None:
    x = torch.tensor([[2.0, 3.0, 5.0]])
    assert relevance(lambda x: x[:, 0] * x[:, 1], x).scores.tolist() == [[3.0, 3.0, 0.0]]
    assert relevance(lambda x: x[:, 0] * 7.0, x).scores.tolist() == [[14.0, 0.0, 0.0]]
    assert relevance(lambda x: x * x, x).scores.tolist() == [[4.0, 9.0, 25.0]]


@pytest.mark.parametrize("product", [torch.matmul, torch.bmm, lambda a, b: torch.einsum("bij,bjk->bik", a, b)])
def test_matrix_products_split_every_term(product: Callable[[Tensor, Tensor], Tensor]) -> None:
    x, weights = noise(2, 3, 3), noise(1, 3, 3, seed=1)
    found = relevance(lambda x: product(x[:1], x[1:]), x, weights)
    terms = x[0][:, :, None] * x[1][None] * weights[0][:, None, :]  # i, j, k
    expected = torch.stack([terms.sum(2), terms.sum(0)]) / 2
    assert torch.allclose(found.scores, expected, rtol=1e-12)
    assert relevance(lambda x: product(x[:1], weights), x).constants == 0.0


def test_addmm_with_two_factors_of_the_text_halves_them_and_not_the_summand() -> None:
    x = noise(3, 2, 2)
    found = relevance(lambda x: torch.addmm(x[0], x[1], x[2]), x)
    assert torch.allclose(found.scores[0], x[0])
    assert float(found.scores[1].sum()) == pytest.approx(float(found.scores[2].sum()))
    assert abs(found.gap) < 1e-12


def test_softmax_hands_on_what_taylor_says() -> None:
    x, weights = noise(5), noise(5, seed=1)
    found = relevance(lambda x: x.softmax(0), x, weights)
    s = x.softmax(0)
    arriving = s * weights
    assert torch.allclose(found.scores, x * (arriving - s * arriving.sum()), rtol=1e-12)
    assert found.softmax == pytest.approx(float(arriving.sum() - found.scores.sum()), rel=1e-12)
    assert abs(found.gap) < 1e-14


def test_masked_positions_get_nothing_whatever_the_mask_is_made_of() -> None:
    x, weights = noise(4), noise(4, seed=1)
    hidden = torch.tensor([False, True, False, False])
    lowest = torch.finfo(torch.float64).min
    short = relevance(lambda x: x.softmax(0), x[~hidden], weights[~hidden])
    masks: list[Network] = [
        lambda x: x.masked_fill(hidden, -math.inf),
        lambda x: x + torch.where(hidden, -math.inf, 0.0),
        lambda x: torch.where(hidden, lowest, x),
    ]
    for mask in masks:
        found = relevance(lambda x, mask=mask: mask(x).softmax(0), x, weights)
        assert found.scores[1] == 0
        assert torch.allclose(found.scores[~hidden], short.scores, rtol=1e-12)
        assert (found.constants, abs(found.gap) < 1e-14) == (0.0, True)


ACTIVATIONS = {
    "tanh": torch.tanh,
    "method": Tensor.tanh,
    "relu": functional.relu,
    "in place": lambda x: functional.relu_(x * 1.0),
    "leaky": functional.leaky_relu,
    "gelu": functional.gelu,
    "approximate": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "keyword": lambda x: torch.tanh(input=x),
    "elu": functional.elu,
    "mish": functional.mish,
}
WHOLE = ["gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh", "quick_gelu", "relu2", "gelu_10", "linear"]


@pytest.mark.parametrize("name", [*ACTIVATIONS, *WHOLE])
def test_activations_hand_everything_on(name: str) -> None:
    network = ACT2FN[name] if name in WHOLE else ACTIVATIONS[name]
    x, weights = noise(6) + 0.1, noise(6, seed=1)
    found = relevance(network, x, weights)
    assert torch.allclose(found.scores, network(x) * weights, rtol=1e-12)
    assert (found.constants, abs(found.gap) < 1e-14) == (0.0, True)


def test_activations_at_zero_hand_on_nothing() -> None:
    found = relevance(lambda x: torch.tanh(x @ torch.tensor([[1.0], [1.0]])), torch.tensor([[2.0, -2.0]]))
    assert found.scores.tolist() == [[0.0, 0.0]]


def through_layer_norm(x: Tensor, weights: Tensor, arriving: Tensor) -> Tensor:
    """Centring is linear, the normaliser a constant: shares of (x_j - mean) scaled, written out."""
    size = x.shape[-1]
    scale = weights / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()
    terms = (torch.eye(size).double() - 1 / size) * x[:, None, :] * (scale * arriving)[:, :, None]
    return terms.sum(1)


def written_out(layer: nn.LayerNorm, root: Network) -> Network:
    def network(x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return layer.weight * (centred * root(centred.pow(2).mean(-1, keepdim=True) + 1e-5)) + layer.bias

    return network


def test_layer_normalisation_counts_its_normaliser_as_constant() -> None:
    layer = nn.LayerNorm(4).double().requires_grad_(False)
    layer.weight.copy_(noise(4, seed=2))
    layer.bias.copy_(noise(4, seed=3))
    x, weights = noise(2, 4), noise(2, 4, seed=1)
    expected = through_layer_norm(x, layer.weight, weights)
    for network in (layer, written_out(layer, torch.rsqrt), written_out(layer, lambda v: 1 / v.sqrt())):
        found = relevance(network, x, weights)
        assert torch.allclose(found.scores, expected, rtol=1e-10)
        assert found.constants == pytest.approx(float((weights * layer.bias).sum()), rel=1e-12)
        assert abs(found.gap) < 1e-12
    plain = relevance(nn.LayerNorm(4, elementwise_affine=False).double(), x, weights)
    assert torch.allclose(plain.scores, through_layer_norm(x, torch.ones(4), weights), rtol=1e-10)
    over_two = relevance(nn.LayerNorm((2, 4), elementwise_affine=False).double(), x, weights)
    flat = through_layer_norm(x.reshape(1, 8), torch.ones(8), weights.reshape(1, 8))
    assert torch.allclose(over_two.scores, flat.reshape(2, 4), rtol=1e-10)


def test_rms_normalisation_hands_everything_on() -> None:
    x, weights = noise(2, 4), noise(2, 4, seed=1)
    layer = nn.RMSNorm(4, eps=1e-6).double()
    found = relevance(layer, x, weights)
    assert torch.allclose(found.scores, layer(x).detach() * weights, rtol=1e-12)
    assert abs(found.gap) < 1e-14


def written_into(x: Tensor) -> Tensor:
    whole = torch.zeros(6, dtype=torch.float64)
    whole[1:5] = x
    return whole * 2


@pytest.mark.parametrize(
    "network",
    [
        lambda x: x.topk(2).values * 3,
        lambda x: torch.zeros(6).double().index_add(0, torch.tensor([1, 1, 3, 5]), x),
        lambda x: torch.zeros(6).double().scatter(0, torch.tensor([1, 0, 3, 5]), x),
        lambda x: torch.zeros(6).double().index_put((torch.tensor([1, 0, 3, 5]),), x),
        lambda x: functional.avg_pool2d(x.reshape(1, 2, 2), 2),
        written_into,
    ],
)
def test_choosing_and_placing_hand_on_what_they_are_given(network: Network) -> None:
    x = noise(4).requires_grad_()
    out = network(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    found = relevance(network, x.detach())
    assert torch.allclose(found.scores, (x * gradient).detach(), rtol=1e-12)
    assert found.explained == pytest.approx(out.detach().sum().item(), rel=1e-12)
    assert abs(found.gap) < 1e-14


def test_constants_added_on_the_way_keep_their_share() -> None:
    place, kind = noise(3, seed=1), nn.Parameter(noise(3, seed=2))

    def network(x: Tensor) -> Tensor:
        x = x + place
        x = 2 * (kind + x) - 1
        x += place
        x = torch.add(input=x, other=kind)
        return torch.cat([x, kind])

    x = noise(3)
    found = relevance(network, x)
    assert torch.allclose(found.scores, 2 * x)
    assert found.constants == pytest.approx(float((3 * place + 4 * kind - 1).sum().detach()))
    assert abs(found.gap) < 1e-14


# --- conservation


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_a_linear_network_gives_gradient_times_input(seed: int, n_layers: int) -> None:
    layers = nn.Sequential(*(nn.Linear(4, 4, bias=i % 2 == 1) for i in range(n_layers))).double()
    x = noise(2, 4, seed=seed).requires_grad_()
    (gradient,) = torch.autograd.grad(layers(x).sum(), x)
    found = relevance(layers, x.detach())
    assert torch.equal(found.scores, (x * gradient).detach())
    assert abs(found.gap) < 1e-12


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_linear_attention_without_biases_hands_on_the_whole_output(seed: int) -> None:
    found = relevance(Attention(seed, lambda scores: scores), noise(3, 4, seed=seed + 9))
    # sums of a few hundred products in float64
    assert float(found.scores.sum()) == pytest.approx(found.explained, rel=1e-10, abs=1e-10)
    assert (found.constants, found.softmax) == (0.0, 0.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_attention_conserves_all_but_what_softmax_keeps(seed: int) -> None:
    x = noise(3, 4, seed=seed + 9)
    found = relevance(Attention(seed, lambda scores: scores.softmax(-1)), x)
    assert float(found.scores.sum()) + found.softmax == pytest.approx(found.explained, rel=1e-10, abs=1e-10)
    assert found.constants == 0.0


@pytest.mark.parametrize("name", [name for name in zoo.NAMES if name != "paper"])
def test_every_architecture_is_covered(name: str) -> None:
    classifier = zoo.make(name)
    with torch.no_grad():
        for i, weight in enumerate(classifier.model.parameters()):
            if weight.ndim == 1:
                weight.add_(0.3 * noise(len(weight), seed=i))
    classifier.model.set_attn_implementation("eager")
    ids = torch.tensor(classifier.encode(TEXT).input_ids)
    vectors = classifier.model.get_input_embeddings()(ids).detach().requires_grad_()
    own = classifier.model(inputs_embeds=vectors[None]).logits
    with AttnLRP(classifier.model) as rules:
        logits = classifier.model(inputs_embeds=vectors[None]).logits
    assert torch.equal(own, logits)  # the forward pass is the model's own
    found = rules.relevance(logits, vectors, torch.tensor([[0.0, 1.0, 0.0]]))
    assert found.explained == own[0, 1].item()
    assert found.scores.abs().sum() > 1e-3
    # rotary positions and some softmaxes are in float32, whatever the rest is in
    assert abs(found.gap) < (1e-5 if name in {"modernbert", "llama", "qwen2"} else 1e-12)


# --- refusals


class Mul(torch.autograd.Function):
    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        return x**3

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        return gradient


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (torch.sigmoid, "Sigmoid"),
        (torch.exp, "Exp"),
        (lambda x: x**3, "Pow"),
        (lambda x: 1 / x, "Reciprocal"),
        (lambda x: x[0] / x[1], "Div"),
        (lambda x: x.max(), "Max"),
        (lambda x: functional.silu(x * 1.0, inplace=True), "Silu"),
        (Mul.apply, "MulBackward"),
        (ACT2FN["laplace"], "Erf"),  # not 0 at 0
    ],
)
def test_what_has_no_rule_is_refused_by_name(network: Network, kind: str) -> None:
    with pytest.raises(ModelError, match=f"no rule for {kind}, which the model computes"):
        relevance(network, noise(4) + 3)


def test_what_has_no_rule_may_stand_where_no_relevance_flows() -> None:
    assert relevance(lambda x: x * torch.exp(noise(4)), noise(4)).gap == pytest.approx(0.0, abs=1e-14)


def test_a_root_that_normalises_nothing_is_noticed() -> None:
    with pytest.raises(ModelError, match=r"lrp loses .* on the way"):
        relevance(lambda x: x + torch.sqrt(x), noise(4).abs())


def test_an_output_without_a_way_back_is_refused() -> None:
    for network in (lambda x: x.detach() + 1, torch.sqrt, lambda _: nn.Linear(1, 1)(torch.ones(1))):
        with pytest.raises(ModelError, match="differentiable steps"):
            relevance(network, noise(4).abs())
    with torch.no_grad(), pytest.raises(ModelError, match="differentiable steps"):
        relevance(lambda x: 2 * x, noise(4))


# --- traces


def test_asking_twice_gives_the_same() -> None:
    layers = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), ACT2FN["gelu_new"], nn.Linear(4, 2)).double()
    x = noise(1, 4).requires_grad_()
    with AttnLRP(layers) as rules:
        out = layers(x) * x[:, :2]
        within = rules.relevance(out, x, torch.ones(1, 2))
    afterwards = rules.relevance(out, x, torch.ones(1, 2))
    assert torch.equal(within.scores, afterwards.scores)
    assert within.constants == afterwards.constants


def test_weights_may_be_frozen() -> None:
    network = Attention(0, lambda scores: scores.softmax(-1))
    trained = relevance(network, noise(3, 4))
    frozen = relevance(network.requires_grad_(False), noise(3, 4))
    assert torch.equal(trained.scores, frozen.scores)
    assert trained.softmax == frozen.softmax


def hooks(model: nn.Module) -> list[int]:
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]


class Broken(nn.Module):
    """Fails in the middle, behind an activation in several steps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.activation = nn.Linear(4, 4), ACT2FN["gelu_new"]

    def forward(self, x: Tensor) -> Tensor:
        self.activation(self.first(x))
        raise RuntimeError("in the middle")


def test_nothing_is_left_after_an_exception() -> None:
    model = Broken()
    mine = torch.ones(1, requires_grad=True)
    own = [torch.tanh, functional.softmax, torch.matmul, functional.layer_norm, Tensor.__mul__, Tensor.__add__]
    state = {name: (weight.clone(), weight.requires_grad) for name, weight in model.named_parameters()}
    rules = AttnLRP(model)
    with rules:
        assert hooks(model) == [0, 0, 1]
        assert _get_current_function_mode_stack() == [rules]
    with pytest.raises(RuntimeError, match="in the middle"), rules:
        model(torch.ones(1, 4))
    assert hooks(model) == [0, 0, 0]
    assert _get_current_function_mode_stack() == []
    after = [torch.tanh, functional.softmax, torch.matmul, functional.layer_norm, Tensor.__mul__, Tensor.__add__]
    assert all(a is b for a, b in zip(own, after, strict=True))
    assert torch.tanh(mine).grad_fn.name() == "TanhBackward0"
    for name, weight in model.named_parameters():
        assert torch.equal(weight, state[name][0])
        assert weight.requires_grad == state[name][1]
        assert weight.grad is None


def test_hooks_on_the_graph_go_when_a_rule_fails_in_the_backward_pass() -> None:
    def fail(gradient: Tensor) -> None:
        raise RuntimeError("in the backward pass")

    x = noise(3).requires_grad_()
    with AttnLRP(nn.Module()) as rules:
        inner = x * x
        out = inner * 1.0
    handle = inner.register_hook(fail)
    with pytest.raises(RuntimeError, match="in the backward pass"):
        rules.relevance(out, x, torch.ones(3))
    handle.remove()
    (gradient,) = torch.autograd.grad(out, x, torch.ones(3))
    assert torch.equal(gradient, 2 * x.detach())  # products are no longer halved


def test_other_threads_go_on_as_before() -> None:
    """Another thread takes plain gradients through the same model while this one is in the middle."""
    layers = nn.Sequential(nn.Linear(4, 4), ACT2FN["gelu_new"], nn.Tanh(), nn.LayerNorm(4)).double()

    def gradient() -> Tensor:
        x = noise(1, 4).requires_grad_()
        out = layers(x)
        return torch.autograd.grad(out.softmax(-1)[0, 0], x)[0]

    expected, found = gradient(), []
    x = noise(1, 4).requires_grad_()
    with AttnLRP(layers) as rules:
        hidden = layers[1](layers[0](x))
        thread = threading.Thread(target=lambda: found.append(gradient()))
        thread.start()
        thread.join()
        out = layers[3](layers[2](hidden))
    assert torch.equal(found[0], expected)
    assert torch.equal(rules.relevance(out, x, noise(1, 4)).scores, relevance(layers, noise(1, 4), noise(1, 4)).scores)
