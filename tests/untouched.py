"""What a call must leave as it found it: everything about a classifier, and the random streams."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from factory import make_classifier
from heedful.classifier import Classifier


class ByIdentity(dict[str, Any]):
    """Compared by which objects it holds."""


def state(classifier: Classifier) -> dict[str, Any]:
    """Everything that a call could leave changed."""
    model = classifier.model
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    python = random.getstate()[1]
    numpy = np.random.get_state()
    tensors = (*model.named_parameters(), *model.named_buffers())
    return {
        "tensors": [(name, tensor.clone(), tensor.dtype, tensor.device) for name, tensor in tensors],
        "gradients": [(p.requires_grad, p.grad) for p in model.parameters()],
        "attributes": [ByIdentity(vars(module)) for module in model.modules()],  # the mode among them
        "contents": [[ByIdentity(one) for one in containers(module)] for module in model.modules()],
        "hooks": [[list(getattr(module, name)) for name in hooks] for module in model.modules()],
        "config": model.config.to_dict(),
        "attention": model.config._attn_implementation,
        "tokenizer": classifier.tokenizer.backend_tokenizer.to_str(),
        "sides": (classifier.tokenizer.truncation_side, classifier.tokenizer.padding_side),
        "random": (torch.get_rng_state(), python, numpy),
        "torch": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads()),
    }


def containers(module: torch.nn.Module) -> list[dict[Any, Any]]:
    """What the dictionaries, lists and sets among a module's attributes hold, hooks of every kind among it."""
    held = [value for value in vars(module).values() if isinstance(value, (dict, list, set))]
    return [one if isinstance(one, dict) else dict(enumerate(one)) for one in held]


def assert_same_state(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Compare two states part by part."""
    for name, value in before.items():
        now, then = plain(after[name]), plain(value)
        if not alike(now, then):
            np.testing.assert_equal(now, then, name)  # which takes its time, and says where


def alike(one: Any, other: Any) -> bool:
    """Tell quickly whether two values are equal; False where that is not certain."""
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and bool((one == other).all())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def plain(value: Any) -> Any:
    """Tensors within lists and tuples as arrays; NumPy knows no bfloat16."""
    if isinstance(value, ByIdentity):
        return {name: id(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(x) for x in value]
    return value.detach().double().numpy() if isinstance(value, torch.Tensor) else value


def restless(make: Callable[..., Classifier]) -> Classifier:
    """A classifier of which nothing is in its usual state: partly in training mode, partly frozen, hooked."""
    classifier = make(**({"word_dropout": 0.5} if make is make_classifier else {"hidden_dropout_prob": 0.5}))
    model = classifier.model.train()
    next(model.children()).eval()
    next(model.parameters()).requires_grad_(requires_grad=False)
    model.register_forward_hook(lambda *_: None)
    classifier.tokenizer.backend_tokenizer.enable_truncation(7, direction="left")
    classifier.tokenizer.backend_tokenizer.enable_padding(length=9)
    random.seed(0)
    random.random()  # noqa: S311 - from here the stream goes on without new words for a while
    return classifier
