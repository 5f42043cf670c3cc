"""Attention followed through all layers: steps from where the logits are read down to the words.

That says something only where nothing but attention mixes positions. Whether it does is tried: with the products of
weights and values cut out of autograd's graph, a position of the last layer must not depend on another position's word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from heedful.classifier.inside.attention import Attending, Attention, on_tokens
from heedful.classifier.inside.graph import as_returned, products_of, sources_of
from heedful.classifier.inside.propagation import altered, nothing, wide
from heedful.classifier.inside.refusals import INSTEAD
from heedful.classifier.inside.trace import Pull, Trace
from heedful.errors import ModelError

Row = Float64[np.ndarray, " nodes"]
Step = Float64[np.ndarray, "nodes nodes"]


@dataclass(frozen=True, eq=False)
class Paths:
    """Steps from where the logits are read down to the words, for methods that follow attention through all layers.

    Attributes:
        start: how far each node of the last layer is read, adding up to 1.
        steps: matrices from the last layer's to the first's; rows of nodes that do not attend in a step are 0.
        token: the token of each node, or -1.
        residual: whether a position also keeps something of itself in each step, by a residual connection.
    """

    start: Row
    steps: tuple[Step, ...]
    token: Int64[np.ndarray, " nodes"]
    residual: bool = True

    @property
    def joins_nodes(self) -> bool:
        """True if some token has more than one node."""
        return len(self.token) > int(self.token.max()) + 1

    def on_tokens(self, nodes: Float64[np.ndarray, "*rows nodes"]) -> Float64[np.ndarray, "*rows tokens"]:
        """Numbers of nodes added up to numbers of tokens."""
        return on_tokens(nodes, self.token)


def with_residual(step: Step, residual: float) -> Step:
    """A step in which nodes that attend keep a share of themselves, and all others keep themselves whole."""
    attends = step.any(axis=1, keepdims=True)
    return np.where(attends, residual * np.eye(len(step)) + (1 - residual) * step, np.eye(len(step)))


def mean_steps(attention: Attention, trace: Trace, pull: Pull) -> tuple[Step, ...]:
    """Return the mean over heads of the attention weights, from the last step to the first.

    Raises:
        ModelError: words are mixed in other ways than by these weights.
    """
    check_all_mixing(attention, trace, pull)
    n_nodes = len(attention.token)
    return tuple(_placed(step.weights(n_nodes).mean(axis=0), step, n_nodes) for step in reversed(attention.steps))


def relevance_steps(
    attention: Attention, trace: Trace, pull: Pull, cotangent: Float[Tensor, " classes"]
) -> tuple[Step, ...]:
    """Return the mean over heads of the positive part of weights times gradients of `cotangent . logits`.

    Raises:
        ModelError: the logits are not computed from these weights, or words are mixed in other ways too.
    """
    tensors = [tensor for step in attention.steps for tensor, _ in step.parts]
    sources = sources_of(tensors, trace, attention.name)
    gradients = pull((trace.logits * cotangent).sum(), sources)
    positive = [
        (wide(weights.detach()) * wide(as_returned(weights, source, gradient))).clamp(min=0)
        for weights, source, gradient in zip(tensors, sources, gradients, strict=True)
        if gradient is not None
    ]
    if len(positive) < len(tensors):
        raise ModelError(
            f"{attention.name} does not compute its logits from the attention weights it returns: {INSTEAD}"
        )
    check_all_mixing(attention, trace, pull)
    n_nodes, left = len(attention.token), iter(positive)
    each = [step.spread([next(left) for _ in step.parts], n_nodes).mean(axis=0) for step in attention.steps]
    return tuple(
        _placed(rows, step, n_nodes) for rows, step in zip(reversed(each), reversed(attention.steps), strict=True)
    )


def _placed(rows: Float64[np.ndarray, "queries nodes"], step: Attending, n_nodes: int) -> Step:
    """Rows of the nodes that attend in a step; those of all others are 0."""
    if len(rows) == n_nodes:
        return rows
    whole = np.zeros((n_nodes, n_nodes))
    whole[step.queries : step.queries + len(rows)] = rows
    return whole


def check_all_mixing(attention: Attention, trace: Trace, pull: Pull) -> None:
    """Raise ModelError if positions are mixed in other ways than by the attention weights."""
    last = trace.last
    if last is None:
        raise ModelError(f"{attention.name} does not give its last layer: {INSTEAD}")
    tensors = [tensor for step in attention.steps for tensor, _ in step.parts]
    direction = torch.cos(torch.arange(last.shape[-1], device=last.device)).to(last.dtype)  # one that no norm takes out
    with altered([(node, nothing) for node in products_of(sources_of(tensors, trace, attention.name), trace)]):
        gradients = pull((last[0, -1] * direction).sum(), trace.leaves)
    there = {last.shape[1] - 1 - shift for shift in trace.shifts}
    others = [t for t in range(len(trace.leaves[0])) if t not in there]
    if any(gradient is not None and bool(gradient[others].any()) for gradient in gradients):
        without = sorted(set(range(attention.n_layers)) - set(attention.with_weights))
        where = f" (layers without any: {', '.join(map(str, without))})" if without else ""
        raise ModelError(
            f"{attention.name} mixes words in other ways than by the attention weights it gives{where}, "
            f"so these cannot be followed from layer to layer: {INSTEAD}"
        )
