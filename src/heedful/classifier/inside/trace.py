"""One forward pass of a text in autograd's graph, with what questions about the inside of the model refer to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from heedful.classifier.inside.propagation import dependence

# gradients of sum(weights * outputs) by each input, None where nothing depends on it; see `Inside.pull`
Pull = Callable[..., tuple[Tensor | None, ...]]


@dataclass(frozen=True, eq=False)
class Place:
    """Where in a model something was computed: the name of a list of layers, and a number in it, in order of use."""

    layers: str
    number: int


@dataclass(eq=False)
class Watched:
    """What was seen of a forward pass.

    Attributes:
        outputs: what the model's base and every model within it gave, the base first, then inner ones from the last.
        last: what the base hands to the classifier's head (1, positions, size); None if there is no such step.
        emitted: every 4-dimensional tensor that a module gave beside its output, as attention weights are, and where.
        n_layers: how many layers of each list of layers ran.
        linear: every linear module that ran, with what it took in; adapters and the like before what they wrap.
    """

    outputs: list[object] = field(default_factory=list)
    last: Tensor | None = None
    emitted: list[tuple[Tensor, Place]] = field(default_factory=list)
    n_layers: Counter[str] = field(default_factory=Counter)
    linear: list[tuple[nn.Module, Tensor]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Trace:
    """A forward pass of one text, all of it in one graph.

    Attributes:
        logits: of shape (classes,).
        leaves: the text's word vectors (tokens, size), one tensor a table of words.
        shifts: how far behind their own places the words of the text were looked up, look-up by look-up.
        output: what the model gave.
        seen: what was seen under way.
    """

    logits: Float[Tensor, " classes"]
    leaves: tuple[Tensor, ...]
    shifts: tuple[int, ...]
    output: object
    seen: Watched

    @property
    def last(self) -> Tensor | None:
        """What the last layer gave (1, positions, size): what a head reads, or else the last of the hidden states."""
        states = getattr(self.output, "hidden_states", None)
        last = self.seen.last if self.seen.last is not None or not states else states[-1]
        return last if last is not None and last.ndim == 3 and last.requires_grad else None

    @cached_property
    def depends(self) -> dict[Node, bool]:
        """For every node that the logits were computed from, whether it depends on the words."""
        root = self.logits.grad_fn
        return {} if root is None else dependence(root, [get_gradient_edge(leaf).node for leaf in self.leaves])


@contextmanager
def watching(model: PreTrainedModel) -> Iterator[Watched]:
    """See what this thread's forward pass does inside; nothing is changed, and no hook is left."""
    seen, thread = Watched(), threading.get_ident()
    current = [Place("", 0)]

    def enter(layers: str) -> Callable[..., None]:
        def note(*_: object) -> None:
            if threading.get_ident() == thread:
                current[0] = Place(layers, seen.n_layers[layers])
                seen.n_layers[layers] += 1

        return note

    def emit(_: nn.Module, __: object, out: object) -> None:
        if threading.get_ident() == thread and isinstance(out, tuple):
            seen.emitted.extend((x, current[0]) for x in out[1:] if isinstance(x, Tensor) and x.ndim == 4)

    def take(module: nn.Module, args: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread and args and isinstance(args[0], Tensor):
            seen.linear.append((module, args[0]))

    def finish(module: nn.Module, _: object, out: object) -> None:
        if threading.get_ident() != thread:
            return
        seen.outputs.insert(0, out)
        if module is model.base_model and module is not model:
            first = out[0] if isinstance(out, (tuple, dict)) and len(out) else out  # outputs with names are dicts
            seen.last = first if isinstance(first, Tensor) else None

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, nn.ModuleList) and not any(part.isdigit() for part in name.split(".")):
                for layer in module:
                    hooks.callback(layer.register_forward_pre_hook(enter(name)).remove)
            if isinstance(module, Conv1D) or hasattr(module, "in_features"):
                hooks.callback(module.register_forward_pre_hook(take).remove)
            if isinstance(module, PreTrainedModel):
                hooks.callback(module.register_forward_hook(finish).remove)
            hooks.callback(module.register_forward_hook(emit).remove)
        yield seen


def numbered(weights: Tensor, seen: Watched) -> Place | None:
    """Where in the model these attention weights were computed; None if no module gave them beside its output."""
    return next((place for tensor, place in seen.emitted if tensor is weights), None)


def first_of(output: Any, names: tuple[str, ...]) -> dict[str, list[Tensor]]:
    """Fields of an output that hold tensors, by name; fields that hold none are left out."""
    fields = {name: [x for x in getattr(output, name, None) or () if isinstance(x, Tensor)] for name in names}
    return {name: tensors for name, tensors in fields.items() if tensors}
