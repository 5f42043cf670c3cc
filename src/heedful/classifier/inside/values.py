"""What an attention layer mixes: its heads' value vectors, carried through the layer's output projection.

With weights a of H heads, a layer adds sum_t sum_h a[h, q, t] f_h(t) + b to position q, where f_h(t) = W_h v_h(t) are
the transformed value vectors (Kobayashi et al. 2020; biases of values belong to v, that of the output to b).

No architecture is named here. Attention weights and what is computed from them stay joined in autograd's graph: the
output projection is the first linear module that takes in something that depends on the layer's weights, and since its
input m is linear in them, m[q, h] = sum_t a[h, q, t] v_h(t), the value vectors are the derivatives. So grouped values,
fused projections and biases added later come out right, and the sum itself is checked.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from heedful.classifier.inside.attention import Attending
from heedful.classifier.inside.graph import as_returned, sources_of
from heedful.classifier.inside.refusals import INSTEAD, one_line
from heedful.classifier.inside.trace import Pull, Trace
from heedful.errors import ModelError

_TOKENS_AT_ONCE = 256

Triangles = Float64[np.ndarray, "nodes ranks heads"]


def values_of(step: Attending, trace: Trace, pull: Pull, name: str) -> Triangles:
    """Return triangles R whose columns are as long, and as inclined, as the f_h(t) of one step.

    R[t] comes from the QR decomposition of the vectors f_1(t) ... f_H(t), so |sum_h a_h f_h(t)| = |R[t] a|.

    Raises:
        ModelError: the step's output is not the weighted sum of value vectors.
    """
    weights = [tensor for tensor, _ in step.parts]
    sources = sources_of(weights, trace, name)
    module, given = _behind(sources[0], trace.seen.linear, pull, name)
    values = [_values(part, source, given, pull, name) for part, source in zip(weights, sources, strict=True)]
    _check_sums(torch.cat(weights, dim=-1)[0].detach(), torch.cat(values, dim=1), given, name)
    with one_line(name):
        return _carried(module, torch.cat(values, dim=1))


def _behind(
    weights: GradientEdge, calls: list[tuple[nn.Module, Tensor]], pull: Pull, name: str
) -> tuple[nn.Module, Tensor]:
    """The first linear module whose input depends on these attention weights, and that input (1, tokens, size)."""
    for module, given in calls:
        if given.requires_grad and pull(given.sum(), [weights])[0] is not None:
            return module, given
    raise ModelError(f"{name} shows no linear map behind its attention weights: {INSTEAD}")


def _values(weights: Tensor, source: GradientEdge, given: Tensor, pull: Pull, name: str) -> Tensor:
    """Value vectors (heads, keys, size), as derivatives of the sums weighted by (1, heads, queries, keys).

    The derivative of component c of query q's sum by q's weights is component c of every value: with another c for
    every query, one backward pass gives as many components as there are queries.
    """
    _, heads, n_queries, n_keys = weights.shape
    size = given.shape[-1] // heads
    if given.shape != (1, n_queries, heads * size):
        raise ModelError(f"{name} does not join its heads token by token behind its attention: {INSTEAD}")
    values = weights.new_empty(heads, n_keys, size)
    for start in range(0, size, n_queries):
        components = torch.arange(start, min(start + n_queries, size), device=given.device)
        chosen = torch.zeros_like(given).view(n_queries, heads, size)
        chosen[components - start, :, components] = 1.0
        (gradient,) = pull(given, [source], chosen.view_as(given))
        if gradient is None:
            raise ModelError(f"{name} shows no linear map behind its attention weights: {INSTEAD}")
        values[:, :, components] = as_returned(weights, source, gradient)[0, :, : len(components)].mT
    return values


def _check_sums(weights: Tensor, values: Tensor, given: Tensor, name: str) -> None:
    """Refuse what is not the sum of values (heads, keys, size), weighted by (heads, queries, keys)."""
    sums = (weights @ values).transpose(0, 1).flatten(1)
    allowed = 32 * torch.finfo(given.dtype).eps * float(values.abs().max())
    if not float((sums - given[0].detach()).abs().max()) <= allowed:
        raise ModelError(f"{name} does more than to add up values behind its attention: {INSTEAD}")


@torch.no_grad()
def _carried(module: nn.Module, values: Tensor) -> Triangles:
    """What the linear module makes of each head's values, decomposed token by token."""
    heads, n_tokens, size = values.shape
    triangles = []
    for start in range(0, n_tokens, _TOKENS_AT_ONCE):
        some = values[:, start : start + _TOKENS_AT_ONCE]
        alone = torch.zeros(heads, some.shape[1], heads, size, dtype=values.dtype, device=values.device)
        alone[torch.arange(heads), :, torch.arange(heads)] = some
        made = [module(rows.flatten(1)[None])[0] for rows in alone]
        bias = module(torch.zeros_like(alone[:1, 0].flatten(1)))[0, :, None]
        vectors = torch.stack(made, dim=-1).cpu().double() - bias.cpu()
        triangles.append(triangles_of(vectors))
    return np.concatenate(triangles)


def triangles_of(vectors: Float64[Tensor, "tokens size heads"]) -> Triangles:
    """Return the triangles of QR decompositions, token by token."""
    return torch.linalg.qr(vectors, mode="r").R.numpy()
