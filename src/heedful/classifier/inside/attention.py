"""Attention weights of a forward pass: every layer's, checked, and as steps from the last layer down to the words.

Positions are numbered as nodes. A model with one stack of layers has one node a token. An encoder-decoder has two,
those of the decoder first: its logits are read there. The decoder's own inputs are the text's tokens one position
further on, so a token has a node in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from heedful.classifier.inside.refusals import INSTEAD
from heedful.classifier.inside.trace import Trace, first_of, numbered
from heedful.errors import ModelError, SettingError

_ENCODER_DECODER = ("cross_attentions", "decoder_attentions", "encoder_attentions")

Weights = Float64[np.ndarray, "heads queries nodes"]


@dataclass(frozen=True, eq=False)
class Attending:
    """One step in which positions attend to positions.

    Attributes:
        parts: attention weights (1, heads, queries, keys), with the node of the first key; parts of one softmax.
        queries: node of the first query.
        layer: index of the layer in its stack, as the model numbers them.
    """

    parts: tuple[tuple[Tensor, int], ...]
    queries: int
    layer: int

    def weights(self, n_nodes: int) -> Weights:
        """Weights (heads, queries, nodes) in float64; nodes that are not attended to have 0."""
        return self.spread([tensor for tensor, _ in self.parts], n_nodes)

    def spread(self, values: list[Tensor], n_nodes: int) -> Weights:
        """Values of the shapes of the parts, over all nodes."""
        arrays = [tensor[0].detach().cpu().double().numpy() for tensor in values]
        if len(arrays) == 1 and arrays[0].shape[2] == n_nodes:
            return arrays[0]
        whole = np.zeros((*arrays[0].shape[:2], n_nodes))
        for array, (_, first) in zip(arrays, self.parts, strict=True):
            whole[:, :, first : first + array.shape[2]] = array
        return whole

    def by_node(self, keys: Float64[np.ndarray, "keys ..."], n_nodes: int) -> Float64[np.ndarray, "nodes ..."]:
        """Numbers of the keys, one part behind the other, as numbers of the nodes; 0 for those not attended to."""
        whole = np.zeros((n_nodes, *keys.shape[1:]))
        nodes = [first + i for tensor, first in self.parts for i in range(tensor.shape[3])]
        whole[nodes] = keys
        return whole


@dataclass(frozen=True, eq=False)
class Attention:
    """All steps of a forward pass, in order.

    Attributes:
        steps: from the first layer to the last; in a decoder's layer self-attention before cross-attention.
        n_layers: layers of the stack that the logits are read from, those without attention weights included.
        token: for every node, the token that stands there; -1 for a decoder's start token.
        name: what errors call the classifier.
    """

    steps: tuple[Attending, ...]
    n_layers: int
    token: Int64[np.ndarray, " nodes"]
    name: str

    @property
    def with_weights(self) -> list[int]:
        """Layers, of the stack that the logits are read from, that have attention weights."""
        return sorted({step.layer for step in self.steps if step.queries == 0})

    def of_layer(self, layer: int) -> Attending:
        """The last step of a layer: its self-attention, in a decoder with an encoder its cross-attention.

        Raises:
            SettingError: there is no such layer, or it has no attention weights.
        """
        check_layer(self.name, layer, self.n_layers)
        wanted, there = layer % self.n_layers, self.with_weights
        if wanted not in there:
            raise SettingError(
                f"layer {layer} of {self.name} has no attention weights: choose a layer that has, of "
                + ", ".join(map(str, there))
            )
        return [step for step in self.steps if step.queries == 0 and step.layer == wanted][-1]


def on_tokens(
    nodes: Float64[np.ndarray, "*rows nodes"], token: Int64[np.ndarray, " nodes"]
) -> Float64[np.ndarray, "*rows tokens"]:
    """Numbers of nodes added up to numbers of tokens; `token` is that of every node, or -1."""
    n_tokens = int(token.max()) + 1
    if len(token) == n_tokens:
        return nodes
    whole = np.zeros((*nodes.shape[:-1], n_tokens))
    for node in np.flatnonzero(token >= 0):
        whole[..., token[node]] += nodes[..., node]
    return whole


def attention_of(trace: Trace, n_tokens: int, name: str) -> Attention:
    """The attention weights of a traced forward pass, checked.

    Raises:
        ModelError: the model gives no attention weights a head, query and token, their rows do not sum to 1, or it
            gives those of some layers only and nothing says of which.
    """
    fields = [field for output in trace.seen.outputs if (field := first_of(output, (*_ENCODER_DECODER, "attentions")))]
    both = next((field for field in fields if set(_ENCODER_DECODER) <= set(field)), None)
    if both is None:
        returned = fields[0].get("attentions", []) if fields else _emitted(trace, n_tokens)
        steps, n_layers = _stack(trace, returned, (0, 0), n_tokens, name)
        token = np.arange(n_tokens)
    else:
        steps, n_layers = _two_stacks(trace, both, n_tokens, name)
        shift = trace.shifts[-1] if len(trace.shifts) > 1 else n_tokens
        behind = np.arange(n_tokens) - shift
        token = np.concatenate([np.where(behind >= 0, behind, -1), np.arange(n_tokens)])
    for step in steps:
        _check_sums(step, n_tokens, name)
    return Attention(tuple(steps), n_layers, token, name)


def _emitted(trace: Trace, n_tokens: int) -> list[Tensor]:
    """What looks like attention weights of all tokens among what modules gave, for models that do not collect it."""
    shaped = [tensor for tensor, _ in trace.seen.emitted if tensor.shape[2:] == (n_tokens, n_tokens)]
    once = {id(tensor): tensor for tensor in shaped if tensor.is_floating_point()}
    return [tensor for tensor in once.values() if float((tensor.detach().sum(-1) - 1.0).abs().max()) < 0.01]


def _stack(
    trace: Trace, tensors: list[Tensor], nodes: tuple[int, int], n_tokens: int, name: str
) -> tuple[list[Attending], int]:
    """Steps of one kind in one stack, numbered as the model's layers, and the number of these."""
    if not tensors:
        raise ModelError(f"{name} returns no attention weights: {INSTEAD}")
    if any(tensor.ndim != 4 or tensor.shape[2:] != (n_tokens, n_tokens) for tensor in tensors):
        raise ModelError(
            f"{name} does not attend from every token to every token, so it has no such weights: {INSTEAD}"
        )
    places = [numbered(tensor, trace.seen) for tensor in tensors]
    known = [place for place in places if place is not None and place.layers]
    if len(known) == len(tensors) and len({place.layers for place in known}) == 1:
        numbers, n_layers = [place.number for place in known], trace.seen.n_layers[known[0].layers]
    else:
        numbers, n_layers = list(range(len(tensors))), len(tensors)
        if trace.seen.n_layers and n_layers not in trace.seen.n_layers.values():
            raise ModelError(f"{name} returns attention weights of some layers, and nothing says of which: {INSTEAD}")
    queries, keys = nodes
    return [Attending(((t, keys),), queries, i) for t, i in zip(tensors, numbers, strict=True)], n_layers


def _two_stacks(trace: Trace, fields: dict[str, list[Tensor]], n_tokens: int, name: str) -> tuple[list[Attending], int]:
    """Steps of an encoder, then of a decoder, and the number of the decoder's layers."""
    encoder, _ = _stack(trace, fields.get("encoder_attentions", []), (n_tokens, n_tokens), n_tokens, name)
    inner, n_layers = _stack(trace, fields.get("decoder_attentions", []), (0, 0), n_tokens, name)
    cross, _ = _stack(trace, fields["cross_attentions"], (0, n_tokens), n_tokens, name)
    if float((_row_sums(inner[0]) - 1.0).abs().max()) > 0.1:  # one softmax over the keys of both, as in T5Gemma 2
        pairs = zip(inner, cross, strict=True)
        decoder = [Attending((*one.parts, *other.parts), 0, one.layer) for one, other in pairs]
    else:
        decoder = sorted((*inner, *cross), key=lambda step: step.layer)  # stable: self before cross
    return [*encoder, *decoder], n_layers


def _row_sums(step: Attending) -> Tensor:
    """Sums over keys; they take many additions, so in float32 or better."""
    return torch.stack(
        [t.detach().sum(-1, dtype=torch.promote_types(t.dtype, torch.float32)) for t, _ in step.parts]
    ).sum(0)


def _check_sums(step: Attending, n_tokens: int, name: str) -> None:
    # roundings are shares of each weight, so a row's add up to shares of 1; sums take n steps
    single = torch.finfo(torch.float32).eps
    allowed = 4 * max(torch.finfo(step.parts[0][0].dtype).eps, single) + 8 * n_tokens * single
    if not float((_row_sums(step) - 1.0).abs().max()) <= allowed:
        raise ModelError(f"{name} gives attention weights whose rows do not sum to 1: {INSTEAD}")


def check_layer(name: str, layer: int, n_layers: int) -> None:
    """Raise SettingError unless there is such a layer; negative ones count from the last."""
    if not -n_layers <= layer < n_layers:
        raise SettingError(f"no layer {layer}: {name} has layers 0 to {n_layers - 1}")
