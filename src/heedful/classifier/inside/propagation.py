"""Layer-wise relevance propagation through any transformer, by the AttnLRP rules.

Relevance starts as the output and is handed back from every value z to what it was computed from. By these rules
(Achtibat et al., ICML 2024, section 3) it is always value times an altered gradient g, so one backward pass does it:

- linear maps, sums, views: the epsilon rule for epsilon -> 0, R_i = sum_j w_ji x_i / z_j R_j. g is the gradient;
  a bias takes its share and keeps it.
- products of two factors that depend on the text, Q K^T, A V and gates: each factor gets half. g is halved.
- softmax s(x): Taylor's rule R_i = x_i (R_i - s_i sum_j R_j). g is the gradient; its constant keeps a share.
- layer and RMS normalisation: the normaliser counts as a constant, which leaves a linear map.
- activations f with f(0) = 0: R_i = R_j. g is multiplied by f(x) / x instead of f'(x).

No implementation of a layer is replaced and no architecture is named here. The model runs its own forward pass; then
its autograd graph is read from the output to the word vectors, and hooks on the nodes of this one graph alter what they
hand back. So every differentiable operation is seen, whoever wrote it, and one without a rule is refused by name. Two
things a graph does not hold are noted while the model runs, by a torch function mode, which is this thread's alone:
what activations took in, and the constants that were added. Activations in several steps, such as GPT-2's GELU, are
seen as a whole by hooks on those modules, gone again at the end, which other threads' forward passes do not notice.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.overrides import TorchFunctionMode
from transformers import activations

from heedful.errors import ModelError

# Kinds of graph nodes: torch's names without "Backward" and number.
LINEAR = frozenset((
    "AccumulateGrad", "Add", "Alias", "AsStrided", "AvgPool2D", "Cat", "Clone", "ConstantPadNd", "Copy",
    "CopySlices", "Cumsum", "Expand", "Flip", "Gather", "HandOn", "Index", "IndexAdd", "IndexPut", "IndexSelect",
    "LeakyRelu", "MaskedFill", "Mean", "Neg", "Permute", "Relu", "Repeat", "ReshapeAlias", "Roll", "Rsub", "Scatter",
    "Select", "Slice", "Split", "SplitWithSizes", "Squeeze", "Stack", "Sub", "Sum", "T", "ToCopy", "Topk",
    "Transpose", "Unbind", "UnsafeView", "Unsqueeze", "View", "Where",
))  # fmt: skip  # (leaky) ReLU is linear on either side of 0: its gradient is f(x) / x
_PRODUCTS = dict.fromkeys(("Bmm", "Convolution", "Dot", "Linear", "Mm", "Mul", "Mv"), (0, 1))
_PRODUCTS |= {"Addmm": (1, 2), "Baddbmm": (1, 2)}  # which inputs are the factors
_NORMALISERS = frozenset(("Rsqrt", "Sqrt"))
_ACTIVATIONS = frozenset(("Elu", "Gelu", "Mish", "Silu", "Tanh"))

_Gradients = tuple[Tensor | None, ...]
_Hook = Callable[[_Gradients, _Gradients], _Gradients | None]


@dataclass(frozen=True, eq=False)
class Relevance:
    """Where the explained output went.

    Attributes:
        scores: relevance of every number of the inputs, of their shape.
        explained: the output, sum of logits times weights.
        constants: kept by what is added on the way and is not the text: biases, position and type vectors.
        softmax: kept by the constants of the softmax's expansions.
    """

    scores: Tensor
    explained: float
    constants: float
    softmax: float

    @property
    def gap(self) -> float:
        """What of the output is not accounted for: rounding, if every rule was carried out."""
        return self.explained - float(wide(self.scores).sum()) - self.constants - self.softmax


class AttnLRP(TorchFunctionMode):
    """Run a model inside `with AttnLRP(model) as rules`, then ask `rules.relevance(...)`; nothing is left patched.

    Args:
        model: the network.
        name: what errors call it.

    Example:
        >>> x = torch.tensor([[2.0, -1.0]], requires_grad=True)
        >>> model = nn.Linear(2, 1).requires_grad_(False)
        >>> _ = model.weight.copy_(torch.tensor([[3.0, 1.0]])), model.bias.fill_(0.5)
        >>> with AttnLRP(model) as rules:
        ...     y = model(x) * x[:, :1]  # 5.5 times 2
        >>> result = rules.relevance(y, x, torch.ones(1, 1))
        >>> result.scores, result.explained, result.constants
        (tensor([[11.5000, -1.0000]]), 11.0, 0.5)
    """

    def __init__(self, model: nn.Module, name: str = "the model") -> None:
        super().__init__()
        self._model, self._name = model, name
        self._constants: list[tuple[GradientEdge, Tensor]] = []
        self._hooks = ExitStack()

    def __enter__(self) -> AttnLRP:
        thread = threading.get_ident()

        def whole(module: nn.Module, args: tuple[Any, ...], out: object) -> Tensor | None:
            if threading.get_ident() != thread or not isinstance(out, Tensor) or not out.requires_grad:
                return None
            if module.forward(torch.zeros_like(args[0])).any():
                return None  # not through 0: its steps are looked at one by one
            return _handed_on(args[0], out)

        with ExitStack() as stack:
            for module in self._model.modules():
                if type(module).__module__ == activations.__name__:
                    stack.callback(module.register_forward_hook(whole).remove)
            super().__enter__()  # type: ignore[no-untyped-call]
            self._hooks = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._hooks.close()
        super().__exit__(*exception)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func` on weights that are constants; note what it added, and let activations pass relevance on."""
        args, kwargs = _mapped(_fixed, list(args)), _mapped(_fixed, kwargs or {})
        out = func(*args, **kwargs)
        if not isinstance(out, Tensor) or out.grad_fn is None:
            return out
        kind = kind_of(out.grad_fn)
        if kind in _ACTIVATIONS:
            return _handed_on(args[0] if args else kwargs["input"], out)  # of one in place its node stays: refused
        if kind != "Softmax":
            with torch.no_grad():
                added = func(*_mapped(_zeroed, args), **_mapped(_zeroed, kwargs))
            added = added.nan_to_num(0.0, 0.0, 0.0)  # masks: nothing flows there
            if added.any():
                self._constants.append((get_gradient_edge(out), added))
        return out

    def relevance(self, logits: Tensor, inputs: Tensor | Sequence[Tensor], weights: Tensor) -> Relevance:
        """Relevance of `inputs`, leaves that `logits` were computed from inside, for sum(weights * logits).

        The scores of several inputs, alike but for their last axis, are joined along it.

        Raises:
            ModelError: an operation on the way has no rule, or there is no way, or more than rounding is lost on it.
        """
        given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        root, leaves = logits.grad_fn, [get_gradient_edge(leaf) for leaf in given]
        depends = {} if root is None else dependence(root, [leaf.node for leaf in leaves])
        if root is None or not depends[root]:
            raise ModelError(f"{self._name} does not compute its logits from its inputs by differentiable steps")
        added = [(edge, value) for edge, value in self._constants if depends.get(edge.node, False)]
        kept: list[float] = []
        with altered(self._rules(depends, kept)):
            wanted = [*leaves, *(edge for edge, _ in added)]
            all_gradients = torch.autograd.grad(logits, wanted, weights, retain_graph=True)
        gradients, others = all_gradients[: len(leaves)], all_gradients[len(leaves) :]
        shares = [wide(g) * wide(value) for g, (_, value) in zip(others, added, strict=True)]
        outputs = wide(weights) * wide(logits.detach())
        scores = torch.cat([leaf.detach() * g for leaf, g in zip(given, gradients, strict=True)], dim=-1)
        constants = math.fsum(float(share.sum()) for share in shares)
        relevance = Relevance(scores, float(outputs.sum()), constants, math.fsum(kept))
        moved = math.fsum(float(part.abs().sum()) for part in (outputs, scores, *shares)) + abs(relevance.softmax)
        if not abs(relevance.gap) <= max(1e-3, 32 * torch.finfo(logits.dtype).eps) * moved:
            raise ModelError(
                f"lrp loses {relevance.gap:.2g} of {self._name}'s {relevance.explained:.2g} on the way, where its "
                "rules do not cover all that happens: try gradient-x-input, or use lime, which needs outputs only"
            )
        return relevance

    def _rules(self, depends: dict[Node, bool], kept: list[float]) -> list[tuple[Node, _Hook]]:
        """Hooks that alter gradients by the rules; what a softmax keeps is appended to `kept` as they run."""
        rules: list[tuple[Node, _Hook]] = []
        for node, dependent in depends.items():
            kind = kind_of(node)
            if kind in _NORMALISERS:
                rules.append((node, nothing))
            elif not dependent or kind in LINEAR:
                continue
            elif kind == "NativeLayerNorm":
                rules.append((node, _normalised(node)))
            elif kind == "Softmax":
                rules.append((node, _watched(node, kept)))
            else:
                inputs = [source is not None and depends[source] for source, _ in node.next_functions]
                if kind in _PRODUCTS:
                    factors = _PRODUCTS[kind]
                    if all(inputs[i : i + 1] == [True] for i in factors):
                        rules.append((node, _halved(factors)))
                elif kind != "Div" or any(inputs[1:]):
                    raise ModelError(
                        f"lrp has no rule for {kind}, which {self._name} computes: "
                        "try gradient-x-input, or use lime, which needs outputs only"
                    )
        return rules


class _HandOn(torch.autograd.Function):
    """y as a function of x that hands relevance on as it is: the gradient is y / x; where both are 0, none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(torch.where(x == 0, 0, y / x))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (ratio,) = ctx.saved_tensors
        return gradients[0] * ratio, None


def wide(values: Tensor) -> Tensor:
    """In float64: where they are, or on the CPU if they are on a device without, as Apple's."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def _handed_on(x: Tensor, y: Tensor) -> Tensor:
    return _HandOn.apply(x, y.detach())  # type: ignore[no-untyped-call]


def kind_of(node: Node) -> str:
    """Name of what a node undoes; a function written in Python keeps its full name, whatever it is called."""
    function = getattr(node, "_forward_cls", None)
    if function is not None:
        return "HandOn" if function is _HandOn else node.name()
    return re.sub(r"^.*::|^_|Backwards?\d*$", "", node.name())


def dependence(root: Node, leaves: Sequence[Node]) -> dict[Node, bool]:
    """For every node that `root` was computed from, if a leaf has a part in it; normalisers count as constants."""
    depends = dict.fromkeys(leaves, True)
    stack = [root]
    while stack:
        node = stack[-1]
        edges = () if kind_of(node) in _NORMALISERS else node.next_functions
        sources = [source for source, _ in edges if source is not None]
        waiting = [source for source in sources if source not in depends]
        if not waiting:
            depends.setdefault(node, any(depends[source] for source in sources))
            stack.pop()
        stack.extend(waiting)
    return depends


@contextmanager
def altered(rules: list[tuple[Node, _Hook]]) -> Iterator[None]:
    """Hooks on these nodes inside, none afterwards."""
    with ExitStack() as stack:
        for node, hook in rules:
            stack.callback(node.register_hook(hook).remove)
        yield


def nothing(inward: _Gradients, _: _Gradients) -> _Gradients:
    """Hand nothing back, as a constant does."""
    return tuple(None if g is None else torch.zeros_like(g) for g in inward)


def _halved(factors: tuple[int, int]) -> _Hook:
    def hook(inward: _Gradients, _: _Gradients) -> _Gradients:
        return tuple(g / 2 if i in factors and g is not None else g for i, g in enumerate(inward))

    return hook


def _normalised(node: Any) -> _Hook:
    """Gradient of (x - mean(x)) * weight * constant."""

    def hook(inward: _Gradients, outward: _Gradients) -> _Gradients:
        (g,) = outward[:1]
        if g is None:
            return inward
        scaled = (g if node._saved_weight is None else g * node._saved_weight) * node._saved_result2
        over = tuple(range(-len(node._saved_normalized_shape), 0))
        return (scaled - scaled.mean(over, keepdim=True)).to(g.dtype), *inward[1:]

    return hook


def _watched(node: Any, kept: list[float]) -> _Hook:
    """Changes nothing; notes sum_j s_j g_j - sum_i x_i g_i. The g_i add up to 0, so log s serves for x."""

    def hook(inward: _Gradients, outward: _Gradients) -> None:
        after, before = outward[0], inward[0]
        if after is not None and before is not None:
            weights = wide(node._saved_result)
            through = torch.special.xlogy(wide(before), weights)
            kept.append(float((weights * wide(after) - through).sum()))

    return hook


def _mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same arguments of a call with every tensor changed, also in lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_mapped(change, part) for part in value)
    return {key: _mapped(change, part) for key, part in value.items()} if type(value) is dict else value


def _fixed(value: Tensor) -> Tensor:
    return value.detach() if isinstance(value, nn.Parameter) else value


def _zeroed(value: Tensor) -> Tensor:
    return torch.zeros_like(value) if value.requires_grad else value
