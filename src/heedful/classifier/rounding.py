"""When two rows of logits count as the same: equal but for rounding, measured by what an explanation is made of."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64
from torch import nn


def precision(model: nn.Module) -> float:
    """Return the relative rounding of one number, by the coarsest kind of number among the model's weights."""
    kinds = {weight.dtype for weight in model.parameters() if weight.is_floating_point()}
    return max((float(torch.finfo(kind).eps) for kind in kinds), default=float(torch.finfo(torch.float32).eps))


def same(
    one: Float64[np.ndarray, "*rows classes"],
    other: Float64[np.ndarray, "*rows classes"],
    eps: float,
    scale: float,
) -> bool:
    """Return whether logits are equal but for rounding; False where any is NaN.

    Two things round. The last addition rounds the logit as it stands, by shares of its size. The steps before it round
    what varies between texts, and a deep network adds up some thousand such roundings; where a model takes its softmax
    in float32, those are roundings of float32 whatever the rest is in. So a constant added to the logits changes
    nothing but its own rounding: it is not what is explained.

    Args:
        one: logits.
        other: the same, computed in another way.
        eps: relative rounding of one number.
        scale: how far logits lie apart from text to text.

    Example:
        >>> logits = np.array([0.3, -0.1])
        >>> same(logits, logits + 1e-12, 2e-16, 1.0), same(logits + 1e3, logits + 1e3 + 0.01, 2e-16, 1.0)
        (True, False)
    """
    stored = 4 * eps * np.maximum(np.abs(one), np.abs(other))
    return bool(np.all(np.abs(one - other) <= stored + min(max(1e-5, 4096 * eps), 0.25) * scale))
