"""Where in autograd's graph attention weights are computed, and where they meet the values they weigh."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from heedful.classifier.inside.propagation import LINEAR, kind_of
from heedful.classifier.inside.refusals import INSTEAD
from heedful.classifier.inside.trace import Trace
from heedful.errors import ModelError


def sources_of(tensors: Sequence[Tensor], trace: Trace, name: str) -> list[GradientEdge]:
    """Return the place in the graph of the logits where attention weights, as they were returned, were computed.

    Some models return a transposed copy, which nothing is computed from: then the place of what was copied.

    Raises:
        ModelError: the logits are not computed from these weights.
    """
    used, edges = trace.depends, list[GradientEdge]()
    for tensor in tensors:
        edge = get_gradient_edge(tensor) if tensor.requires_grad else None
        while edge is not None and edge.node not in used:
            below = [GradientEdge(node, i) for node, i in edge.node.next_functions if node is not None]
            edge = below[0] if len(below) == 1 and kind_of(edge.node) in LINEAR else None
        if edge is None:
            raise ModelError(f"{name} does not compute its logits from the attention weights it returns: {INSTEAD}")
        edges.append(edge)
    return edges


def as_returned(weights: Tensor, source: GradientEdge, gradient: Tensor) -> Tensor:
    """Return a gradient by attention weights in the order of dimensions in which they were returned."""
    if source.node is weights.grad_fn:
        return gradient
    probe = torch.zeros_like(weights, requires_grad=True)
    (back,) = torch.autograd.grad(weights, [source], probe, create_graph=True)  # linear in the probe
    return torch.autograd.grad(back, probe, gradient)[0]


def products_of(sources: Sequence[GradientEdge], trace: Trace) -> list[Node]:
    """Return the products of attention weights and values: the first nodes behind the weights with a second factor."""
    depends = trace.depends
    readers: dict[Node, list[tuple[Node, int]]] = {}
    for node in depends:
        for source, i in node.next_functions:
            if source is not None:
                readers.setdefault(source, []).append((node, i))
    cuts = list[Node]()
    waiting = [node for edge in sources for node, i in readers.get(edge.node, []) if i == edge.output_nr]
    while waiting:
        node = waiting.pop()
        if sum(source is not None and depends.get(source, False) for source, _ in node.next_functions) > 1:
            cuts.append(node)
        else:
            waiting.extend(reader for reader, _ in readers.get(node, []))
    return cuts
