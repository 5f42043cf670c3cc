"""Copies of a classifier: with random weights, from the output down, or with logits that are always the same."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from heedful.classifier import Classifier
from heedful.classifier.forward import FAILURES
from heedful.classifier.function import FunctionModel
from heedful.classifier.next_word import NextWordModel
from heedful.errors import ModelError, first_line

ALL = "all weights"
HEAD = "head"
NEXT_TO_NOTHING = 2.0**-40  # not zero: a gradient still shows where the logits are read from


@dataclass(frozen=True)
class Stage:
    """What becomes random at one step of the cascade, beside all that was before.

    Attributes:
        name: all that is random by now.
        parameters: names of those that become random.
    """

    name: str
    parameters: tuple[str, ...]


def stages(classifier: Classifier) -> tuple[Stage, ...]:
    """Return the steps from the output down: at most four, of which the last leaves no weight as it was.

    Of the paper's classifier readout, values, keys and queries, word vectors; of others the head with all behind the
    last layer, the upper half of the layers, the lower half, and the rest.

    Raises:
        ModelError: a function has no weights, or the model does not tell its head from what it reads.

    Example:
        >>> import heedful
        >>> [stage.name for stage in stages(heedful.load("demo"))]
        ['head', 'head and values', 'head, values and attention', 'all weights']
    """
    _check(classifier)
    if classifier.paper_model is not None:
        return (
            Stage(HEAD, ("readout",)),
            Stage("head and values", ("value",)),
            Stage("head, values and attention", ("query", "key")),
            Stage(ALL, ("embeddings.weight",)),
        )
    base = classifier.model.base_model
    layers = _layers(base)
    upper, lower = layers[len(layers) // 2 :], layers[: len(layers) // 2]
    steps = {HEAD: [*_head(classifier), *_behind(base)], "head and upper half of the layers": _parameters(upper)}
    steps |= {"head and all layers": _parameters(lower), ALL: [*classifier.model.parameters()]}
    names = {id(weights): name for name, weights in classifier.model.named_parameters()}
    cascade = list[Stage]()
    for stage, parameters in steps.items():
        new = dict.fromkeys(names.pop(id(weights)) for weights in dict.fromkeys(parameters) if id(weights) in names)
        if new or stage == ALL:
            cascade.append(Stage(stage, tuple(new)))
    if not cascade[-1].parameters:  # the layers are all there is
        cascade[-2:] = [Stage(ALL, cascade[-2].parameters)]
    return tuple(cascade)


def cascade(classifier: Classifier, seed: int) -> Iterator[tuple[str, Classifier]]:
    """Yield what is random by now, and a classifier of which that is: one copy, which changes from step to step.

    The numbers of every parameter change places at random, so that each keeps its scale. The caller's model is left
    as it is. Of a language model whose head is its table of words, the copy has a head of its own.

    Raises:
        ModelError: as `stages`; or the model cannot be copied, or its weights not be shuffled.

    Source: Adebayo et al., Sanity checks for saliency maps, 2018, section 3.
    """
    _check(classifier)
    changed, rng = _copied(classifier), np.random.default_rng(seed)
    for stage in stages(changed):
        parameters = dict(changed.model.named_parameters())
        for name in stage.parameters:
            try:
                _shuffle(parameters[name], rng)
            except (*FAILURES, MemoryError) as error:
                raise ModelError(f"the weights of {classifier.name} cannot be shuffled: {first_line(error)}") from error
        yield stage.name, replace(changed)


def constant(classifier: Classifier) -> Classifier:
    """Return a copy whose logits are the same for every text, within rounding: its head hardly reads anything.

    The weights of the head are divided by 2**40.

    Raises:
        ModelError: as `stages`; or the model cannot be copied.

    Example:
        >>> import heedful
        >>> flat = constant(heedful.load("demo"))
        >>> bool(np.ptp([flat.predict(text).logits for text in ("Superb!", "Dull.")]) < 1e-9)
        True
    """
    _check(classifier)
    changed = _copied(classifier)
    model = changed.paper_model
    with torch.no_grad():
        for weights in [model.readout] if model is not None else _head(changed):
            weights.mul_(NEXT_TO_NOTHING)  # biases too: beside them, so small differences would be lost in rounding
    return changed


def _check(classifier: Classifier) -> None:
    if isinstance(classifier.model, FunctionModel):
        raise ModelError(f"{classifier.name} is a function, which has no weights to change")
    if getattr(classifier.model.config, "quantization_config", None) is not None:
        raise ModelError(f"{classifier.name} is quantised, so its weights cannot be changed: load it in float32")
    weights = [*classifier.model.parameters()]
    if not weights or not all(one.is_floating_point() and not one.is_meta for one in weights):
        raise ModelError(f"{classifier.name} keeps weights as other than plain numbers: load it whole and in float32")


def _copied(classifier: Classifier) -> Classifier:
    """A copy, whose head, of a language model, is no table of words at once."""
    gc.collect()  # an earlier copy may be part of a circle
    try:
        model: PreTrainedModel = copy.deepcopy(classifier.model)
        if isinstance(model, NextWordModel):
            _untie(model.lm)
    except (*FAILURES, MemoryError) as error:
        raise ModelError(f"{classifier.name} cannot be copied: {first_line(error)}") from error
    return replace(classifier, model=model)


def _untie(model: PreTrainedModel) -> None:
    """Give the head a weight of its own where it is the table of words."""
    head, words = model.get_output_embeddings(), model.get_input_embeddings()
    tied: Any = getattr(words, "weight", None)
    if isinstance(head, nn.Module) and getattr(head, "weight", None) is tied and tied is not None:
        head.weight = nn.Parameter(tied.detach().clone(), requires_grad=tied.requires_grad)


@torch.no_grad()
def _shuffle(weights: nn.Parameter, rng: np.random.Generator) -> None:
    """Put the numbers into a random order, on the CPU: the order takes more memory than the numbers."""
    order = torch.from_numpy(rng.permutation(weights.numel()))
    weights.copy_(weights.flatten().cpu()[order].reshape(weights.shape))


def _head(classifier: Classifier) -> list[nn.Parameter]:
    """Parameters outside the model's base, which read the classes off it."""
    base = classifier.model.base_model
    within = {id(one) for one in base.parameters()}
    head = [one for one in classifier.model.parameters() if id(one) not in within]
    if not head or base is classifier.model:
        raise ModelError(f"{classifier.name} does not tell its head from what the head reads")
    return head


def _behind(base: nn.Module) -> list[nn.Parameter]:
    """Parameters of the base that come after all layers, such as a pooler or a last normalisation."""
    children = [*base.children()]
    last = max((i for i, child in enumerate(children) if _layers(child)), default=len(children))
    return _parameters(children[last + 1 :])


def _layers(module: nn.Module) -> list[nn.Module]:
    """Entries of the outermost lists of modules, in the order in which the model names them."""
    lists = [one for one in module.modules() if isinstance(one, nn.ModuleList)]
    inner = {id(one) for outer in lists for one in outer.modules() if one is not outer}
    return [layer for one in lists if id(one) not in inner for layer in one if [*layer.parameters()]]


def _parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [weights for module in modules for weights in module.parameters()]
