"""Attention supervised by rationales: a loss that draws attention to the words people marked.

Source: Zhong, Shao and McKeown, Fine-grained sentiment analysis with faithful attention, 2019; the form is that of
Mathew et al., HateXplain, AAAI 2021: cross entropy of attention with the marks, normalised.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def rationale_loss(attention: Float[Tensor, "texts tokens"], marks: Float[Tensor, "texts tokens"]) -> Float[Tensor, ""]:
    """Return the cross entropy of attention with the marks, a mean over the texts that have any; 0 where none has.

    Args:
        attention: of one head, or of several by their mean: shares of the tokens.
        marks: how strongly each token is marked, none negative: 0 or 1, or the share of annotators; 0 on padding and on
            texts without a rationale.

    Example:
        >>> from torch import nn
        >>> _ = torch.manual_seed(0)
        >>> words, labels = torch.randn(64, 6, 8), torch.arange(64) % 2
        >>> marks = torch.zeros(64, 6)
        >>> marks[:, 2] = 1.0  # people say that the third word is what counts
        >>> words[:, 2, 0] = 4.0  # and attention can tell which word that is
        >>> def trained(weight):
        ...     query, readout = nn.Linear(8, 1), nn.Linear(8, 2)
        ...     optimizer = torch.optim.Adam([*query.parameters(), *readout.parameters()], lr=0.05)
        ...     for _ in range(50):
        ...         attention = query(words).squeeze(2).softmax(1)
        ...         logits = readout(torch.einsum("nt,nth->nh", attention, words))
        ...         loss = nn.functional.cross_entropy(logits, labels) + weight * rationale_loss(attention, marks)
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         optimizer.step()
        ...     return attention[:, 2].mean().item()
        >>> trained(weight=1.0) > 0.8 > trained(weight=0.0)
        True
    """
    total = marks.sum(1)
    marked = total > 0
    if not bool(marked.any()):
        return (attention * 0.0).sum()
    share = marks[marked] / total[marked, None]
    logarithm = torch.log(attention[marked].clamp_min(torch.finfo(attention.dtype).tiny))
    return -(share * logarithm).sum(1).mean()
