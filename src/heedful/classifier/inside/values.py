"""What an attention layer mixes: its heads' value vectors, carried through the layer's output projection.

With weights a of H heads, a layer adds sum_t sum_h a[h, q, t] f_h(t) + b to position q, where f_h(t) = W_h v_h(t) are
the transformed value vectors (Kobayashi et al. 2020; biases of values belong to v, that of the output to b).

No architecture is named here. Attention weights and what is computed from them stay joined in autograd's graph: the
output projection is the first linear module that takes in something that depends on the layer's weights, and since its
input m is linear in them, m[q, h] = sum_t a[h, q, t] v_h(t), the value vectors are the derivatives. So grouped values,
fused projections and biases added later come out right, and the sum itself is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from heedful.classifier import inside
from heedful.classifier.classifier import Classifier
from heedful.errors import ModelError
from heedful.text.encoding import Encoded

_TOKENS_AT_ONCE = 256

Weights = Float64[np.ndarray, "heads queries tokens"]
Triangles = Float64[np.ndarray, "tokens ranks heads"]


def mixed(classifier: Classifier, encoded: Encoded, layer: int = -1) -> tuple[Weights, Triangles]:
    """Attention weights of a layer, and triangles R whose columns are as long, and as inclined, as the f_h(t).

    R[t] comes from the QR decomposition of the vectors f_1(t) ... f_H(t), so |sum_h a_h f_h(t)| = |R[t] a|.

    Of the paper's classifier, v_h(t) = W_v e_t, and f_h(t) = v_h(t) / H: the mean over heads is its output projection.

    Raises:
        ModelError: the layer's output is not the weighted sum of value vectors, or see `inside.attended`.
        SettingError: there is no such layer.
    """
    paper = classifier.paper_model
    if paper is not None:
        weights = inside.attentions(classifier, encoded)
        inside.check_layer(classifier, layer, len(weights))
        maps = paper.value.detach().cpu().double().numpy() / len(paper.value)
        vectors = np.einsum("hod,td->toh", maps, inside.input_vectors(classifier, encoded))
        return weights[layer], _triangles(torch.from_numpy(vectors))
    with (
        classifier.undisturbed(),  # before the hooks: another thread's texts are not for them
        _linear_calls(classifier.model) as calls,
        inside.attended(classifier, encoded) as (_, layers),
    ):
        inside.check_layer(classifier, layer, len(layers))
        module, given = _behind(layers[layer], calls, classifier.name)
        values = _values(layers[layer], given, classifier.name)
        return layers[layer][0].detach().cpu().double().numpy(), _carried(module, values)


@contextmanager
def _linear_calls(model: nn.Module) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Every linear module that runs inside, with what it takes in; adapters and the like before what they wrap."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        if given:
            calls.append((module, given[0]))

    linear = [module for module in model.modules() if isinstance(module, Conv1D) or hasattr(module, "in_features")]
    hooks = [module.register_forward_pre_hook(note) for module in linear]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _behind(weights: Tensor, calls: list[tuple[nn.Module, Tensor]], name: str) -> tuple[nn.Module, Tensor]:
    """The first linear module whose input depends on these attention weights, and that input (1, tokens, size)."""
    for module, given in calls:
        if given.requires_grad:
            (found,) = torch.autograd.grad(given.sum(), weights, retain_graph=True, allow_unused=True)
            if found is not None:
                return module, given
    raise ModelError(f"{name} shows no linear map behind its attention weights: use attention-rollout")


def _values(weights: Tensor, given: Tensor, name: str) -> Tensor:
    """Value vectors (heads, tokens, size), as derivatives of the sums weighted by (1, heads, tokens, tokens).

    The derivative of component c of query q's sum by q's weights is component c of every value: with another c for
    every query, one backward pass gives as many components as there are tokens.
    """
    _, heads, n_tokens, _ = weights.shape
    size = given.shape[-1] // heads
    if given.shape != (1, n_tokens, heads * size):
        raise ModelError(f"{name} does not join its heads token by token behind its attention: use attention-rollout")
    values = weights.new_empty(heads, n_tokens, size)
    for start in range(0, size, n_tokens):
        components = torch.arange(start, min(start + n_tokens, size), device=given.device)
        chosen = torch.zeros_like(given).view(n_tokens, heads, size)
        chosen[components - start, :, components] = 1.0
        (found,) = torch.autograd.grad(given, weights, chosen.view_as(given), retain_graph=True)
        values[:, :, components] = found[0, :, : len(components)].mT
    sums = (weights[0].detach() @ values).transpose(0, 1).flatten(1)
    allowed = 32 * torch.finfo(given.dtype).eps * float(values.abs().max())
    if not float((sums - given[0].detach()).abs().max()) <= allowed:
        raise ModelError(f"{name} does more than to add up values behind its attention: use attention-rollout")
    return values


@torch.no_grad()
def _carried(module: nn.Module, values: Tensor) -> Triangles:
    """See `mixed`: what the linear module makes of each head's values, decomposed token by token."""
    heads, n_tokens, size = values.shape
    triangles = []
    for start in range(0, n_tokens, _TOKENS_AT_ONCE):
        some = values[:, start : start + _TOKENS_AT_ONCE]
        alone = torch.zeros(heads, some.shape[1], heads, size, dtype=values.dtype, device=values.device)
        alone[torch.arange(heads), :, torch.arange(heads)] = some
        made = [module(rows.flatten(1)[None])[0] for rows in alone]
        bias = module(torch.zeros_like(alone[:1, 0].flatten(1)))[0, :, None]
        vectors = torch.stack(made, dim=-1).cpu().double() - bias.cpu()
        triangles.append(_triangles(vectors))
    return np.concatenate(triangles)


def _triangles(vectors: Float64[Tensor, "tokens size heads"]) -> Triangles:
    return torch.linalg.qr(vectors, mode="r").R.numpy()
