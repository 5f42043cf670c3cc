"""Models inside the wrappers that torch puts around them."""

from __future__ import annotations

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(model: object) -> object:
    """Return what a wrapper for several devices, or of `torch.compile`, computes with; anything else as it is.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> unwrapped(DataParallel(layer)) is layer
        True
    """
    while isinstance(model, nn.Module):
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.module
        elif (compiled := model._modules.get("_orig_mod")) is not None:
            model = compiled
        else:
            break
    return model
