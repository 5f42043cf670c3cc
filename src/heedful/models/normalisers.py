"""From attention logits to attention weights: softmax, sparsemax, entmax."""

from __future__ import annotations

import torch
from entmax import entmax15, entmax_bisect, sparsemax
from torch import Tensor


def normalise(logits: Tensor, kind: str, alpha: float = 1.5, dim: int = -1) -> Tensor:
    """Weights that are non-negative and sum to 1 along `dim`; a logit of -inf gets weight 0.

    Source: sparsemax, Martins and Astudillo (2016); entmax, Peters, Niculae and Martins (2019).

    Example:
        >>> normalise(torch.tensor([2.0, 0.0]), "sparsemax")
        tensor([1., 0.])
    """
    if kind == "softmax":
        return logits.softmax(dim)
    if kind == "sparsemax" or alpha == 2:
        return sparsemax(logits, dim)
    if alpha == 1.5:
        return entmax15(logits, dim)
    return entmax_bisect(logits, alpha, dim)


def slope(weights: Tensor, kind: str, alpha: float = 1.5) -> Tensor:
    """The vector g with Jacobian diag(g) - g g^T / sum(g) of the normaliser, from its weights.

    For the softmax g is the weights themselves; for alpha-entmax g_i = p_i^(2 - alpha) on the support, 0 off it.
    """
    if kind == "softmax":
        return weights
    exponent = 0.0 if kind == "sparsemax" else 2 - alpha
    return torch.where(weights > 0, weights.clamp_min(torch.finfo(weights.dtype).tiny) ** exponent, 0.0)
