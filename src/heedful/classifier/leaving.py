"""A model that leaves as it came: what changes in its modules and configurations meanwhile is put back."""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from operator import is_not
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from heedful.support.locks import alone

_CONTAINERS = (dict, list, set, deque, tuple)
_PASSED = {bool, int, float, str, type(None), nn.Parameter}  # most values: told quickly
_COPIED = 2**20  # numbers of a buffer that is copied: tables and counters, but not the weights of a quantised model


@contextmanager
def unchanged(model: nn.Module) -> Iterator[list[nn.Module]]:
    """Put the model back as it was when done, also after an exception; keep other threads out until then.

    Put back are all attributes of every module and configuration, and the contents of those that are dictionaries,
    lists, queues or sets, at any depth: submodules, parameters, hooks of every kind and the mode among them. Numbers
    are put back in buffers and other tensors, not in weights; random streams where only the model can have moved them.

    Models that share a module or a configuration share the lock. It keeps out threads that come this way, not one that
    calls the model itself. Yields all modules.
    """
    with alone(*_parts(model)):
        parts = _parts(model)
        modules = [part for part in parts if isinstance(part, nn.Module)]
        contents, empty, tensors = _containers(parts)
        buffers = [_Buffer(one) for one in tensors]
        children = {id(module._modules) for module in modules}
        streams = _Streams(modules)
        try:
            yield modules
        finally:
            built = any(_differs(holder, before) for holder, before in contents if id(holder) in children)
            for holder, before in contents:
                _restore(holder, before)
            for filled in filter(None, empty):
                filled.clear()
            for buffer in buffers:
                buffer.restore()
            streams.restore(built=built)


def replace_inference_tensors(model: nn.Module) -> None:
    """Put ordinary copies in place of weights that were made in inference mode, which gradients cannot be taken with.

    To be called inside `unchanged`, which puts the weights back.
    """
    for module in model.modules():
        held: tuple[dict[str, Any], ...] = module._parameters, module._buffers
        for tensors in held:
            for name, value in tensors.items():
                if value is not None and value.is_inference():
                    copy = value.detach().clone()
                    tensors[name] = nn.Parameter(copy, value.requires_grad) if isinstance(value, nn.Parameter) else copy


def _parts(model: nn.Module) -> list[Any]:
    """The model, all modules inside, and their configurations."""
    parts: dict[int, Any] = {id(model): model}
    waiting: list[Any] = [model]
    for one in waiting:  # which grows
        if isinstance(one, nn.Module):
            held = [*one._modules.values(), vars(one).get("config")]
        else:
            held = [value for value in vars(one).values() if isinstance(value, PreTrainedConfig)]
        for value in held:
            if id(value) not in parts and isinstance(value, (nn.Module, PreTrainedConfig)):
                parts[id(value)] = value
                waiting.append(value)
    return waiting


def _containers(parts: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any], list[Tensor]]:
    """Containers among the parts' attributes, each with a copy; those that are empty; and tensors that are no weights.

    The attributes themselves are such a container, and containers may hold others.
    """
    full: dict[int, tuple[Any, Any]] = {}
    empty: dict[int, Any] = {}
    tensors: dict[int, Tensor] = {}
    waiting: list[Any] = [vars(part) for part in parts]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            tensors[id(one)] = one
        elif not one:
            empty[id(one)] = one
        elif id(one) not in full:
            kind = type(one) if type(one) in _CONTAINERS else next(k for k in _CONTAINERS if isinstance(one, k))
            full[id(one)] = one, kind(one)
            values = one.values() if isinstance(one, dict) else one
            waiting += [
                value
                for value in values
                if type(value) not in _PASSED and (isinstance(value, _CONTAINERS) or _is_plain(value))
            ]
    # a tuple holds what it held, whatever its members do
    contents = [(one, copy) for one, copy in full.values() if not isinstance(one, tuple)]
    return contents, [one for one in empty.values() if not isinstance(one, tuple)], list(tensors.values())


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and not isinstance(value, nn.Parameter)


def _differs(now: Any, before: Any) -> bool:
    """Whether a container holds other objects than before, or in another order."""
    if len(now) != len(before) or any(map(is_not, now, before)):
        return True
    return isinstance(now, dict) and any(map(is_not, now.values(), before.values()))


def _restore(now: Any, before: Any) -> None:
    """Make a container hold what it held; a dictionary never holds less meanwhile."""
    if not _differs(now, before):
        return
    if isinstance(now, list):
        now[:] = before
        return
    if isinstance(now, deque):
        now.clear()
        now.extend(before)
        return
    if isinstance(now, dict):
        for key, value in before.items():  # a Counter's update would add
            now[key] = value
    else:
        now.update(before)
    for added in [key for key in now if key not in before]:
        now.pop(added) if isinstance(now, dict) else now.discard(added)
    if isinstance(now, dict) and any(map(is_not, now, before)):  # hooks run in their order
        for key in before:
            now[key] = now.pop(key)


class _Buffer:
    """The numbers in a buffer, or in another tensor that a module holds."""

    def __init__(self, buffer: Tensor) -> None:
        self._buffer, self._copy = buffer, None
        self._version = None if buffer.is_inference() else buffer._version
        if buffer.numel() <= _COPIED and not buffer.is_meta:
            self._copy = buffer.detach().clone()

    def restore(self) -> None:
        """Make it hold them again, if it was written to."""
        if self._copy is None or (self._version is not None and self._version == self._buffer._version):
            return
        with torch.inference_mode(self._buffer.is_inference()), torch.no_grad():
            self._buffer.copy_(self._copy)


class _Streams:
    """The caller's streams of random numbers, where it can be told that the model drew from them.

    Other threads may draw from them too, and must not get the same numbers twice. So torch's is put back only where the
    model built modules of its own, whose weights are drawn before they are replaced, and NumPy's only if the model's
    source draws from it. BigBird does both.
    """

    def __init__(self, modules: list[nn.Module]) -> None:
        draws = any(_draws_from_numpy(name) for name in {type(module).__module__ for module in modules})
        self._torch, self._numpy = torch.get_rng_state(), np.random.get_state() if draws else None  # noqa: NPY002

    def restore(self, *, built: bool) -> None:
        """Put them back; `built` tells that modules were built meanwhile."""
        if built:
            torch.set_rng_state(self._torch)
        if self._numpy is not None:
            np.random.set_state(self._numpy)  # noqa: NPY002


@cache
def _draws_from_numpy(module_name: str) -> bool:
    try:
        return "np.random." in inspect.getsource(sys.modules[module_name])
    except (KeyError, OSError, TypeError):  # typed in, or without its source
        return False
