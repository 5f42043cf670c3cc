"""One forward pass of a batch of token ids, by a model that is as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from transformers import PreTrainedModel

from heedful.classifier.leaving import unchanged
from heedful.errors import ModelError
from heedful.support.progress import hushed_transformers
from heedful.support.stopping import pause

# what models raise where they cannot take something
FAILURES = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError)
_IMPOSSIBLE = -1  # no token has this id


def device_of(model: PreTrainedModel) -> torch.device:
    """Return the device that the model computes on: weights that accelerate keeps elsewhere are moved there."""
    if model.device.type != "meta":
        return model.device
    return torch.device(getattr(getattr(model, "_hf_hook", None), "execution_device", None) or "cpu")


def random_state(device: torch.device) -> Tensor:
    """Return the state of the stream of random numbers that models on this device draw from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def restore_random_state(before: Tensor, device: torch.device) -> None:
    """Put that stream back, if it has moved."""
    if not torch.equal(before, random_state(device)):
        torch.cuda.set_rng_state(before, device) if device.type == "cuda" else torch.set_rng_state(before)


@contextmanager
def undisturbed(model: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode inside, for this thread alone; everything as it was afterwards: see `unchanged`.

    A model without a padding id takes an impossible one inside: else it would refuse more than one text at a time.
    Results have names inside, also where the configuration wants tuples: some models would fail on their own.
    Decoders fill no cache of keys and values inside: nothing is read from it. What was compiled in place runs as it is
    written, as every length of text would be compiled anew. Warnings of transformers are silent.
    """
    with hushed_transformers(), unchanged(model) as modules:
        config = model.config.get_text_config()
        settings: list[tuple[Any, str, Any]] = [(model.config, "return_dict", True)]
        if getattr(config, "use_cache", False):
            settings.append((config, "use_cache", False))
        if config.pad_token_id is None:
            settings.append((config, "pad_token_id", _IMPOSSIBLE))
        settings += [(each, "_compiled_call_impl", None) for each in modules if each._compiled_call_impl is not None]
        for holder, name, value in settings:
            setattr(holder, name, value)
        if any(each.training for each in modules):
            model.eval()
        yield


def forward(
    model: PreTrainedModel,
    rows: tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None, Sequence[np.ndarray] | None],
    filler: int,
    labels: Sequence[str],
    name: str,
) -> Float64[np.ndarray, "texts classes"]:
    """Return logits of ids, of the tokens attended to (None: all) and of token types (None: none), as one padded batch.

    Raises:
        ModelError: the model gives no logits of texts and classes, or of other classes than `labels`.
    """
    pause()
    ids, attended, type_ids = rows
    batch = {"input_ids": _padded(ids, filler)}
    batch["attention_mask"] = _padded([np.ones(len(row)) for row in ids] if attended is None else attended, 0)
    if type_ids is not None:
        batch["token_type_ids"] = _padded(type_ids, 0)
    with undisturbed(model), torch.no_grad():
        device = device_of(model)
        out = model(**{name: values.to(device) for name, values in batch.items()})
    logits = getattr(out, "logits", None)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(ids):
        raise ModelError(f"{name} gives no logits of texts and classes; load it as a sequence classifier")
    if logits.shape[1] != len(labels):
        raise ModelError(
            f"{name} gives {logits.shape[1]} logits a text, but its configuration names {len(labels)} classes: "
            "set model.config.id2label, one name a logit"
        )
    return logits.detach().cpu().double().numpy()


def _padded(rows: Sequence[np.ndarray], filler: int) -> Tensor:
    """Rows of whole numbers as one tensor, filled up on the right: where positions are counted from."""
    table = np.full((len(rows), max(len(row) for row in rows)), filler, dtype=np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return torch.from_numpy(table)
