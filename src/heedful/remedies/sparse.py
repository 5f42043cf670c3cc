"""Sparse attention: a pooling layer whose weights can be exactly 0, for any encoder.

A text's states h_1 .. h_n are scored, the scores become weights by alpha-entmax, and the states are averaged by them:

    additive   s_t = v . tanh(W h_t + b)      dot   s_t = u . h_t / sqrt(size)
    weights = argmax over p of p . s + H_alpha(p)      pooled = sum_t weights_t h_t

alpha 1 is the softmax, whose weights are all above 0, alpha 2 the sparsemax; between them lies entmax. Sparse weights
say which *states* count. Where the encoder mixes words, as all but a bag of words do, that is not which *words* count:
see `docs/sparse-attention.md`.

Source: entmax, Peters, Niculae and Martins (ACL 2019); in text classifiers, Meister, Lazov, Augenstein and Cotterell
(ACL 2021, arXiv 2106.01087).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from heedful.errors import SettingError
from heedful.models.normalisers import normalise
from heedful.support.names import choose
from heedful.support.settings import check_whole

SCORERS = ("additive", "dot")


class SparseAttention(nn.Module):
    """Pooling of states by attention whose weights can be exactly 0.

    Args:
        size: of a state.
        scorer: "additive" (Bahdanau et al. 2015, with a learned query) or "dot".
        alpha: of entmax, from 1 (softmax) to 2 (sparsemax).
        scorer_size: rows of W, for the additive scorer; None: as many as a state has numbers.

    Raises:
        SettingError: an unknown scorer, alpha outside 1..2, or a size below 1.

    Example: attach it to an encoder of your own.
        >>> import torch
        >>> from torch import nn
        >>> class Reviewer(nn.Module):
        ...     def __init__(self, n_words, size=16, n_classes=2):
        ...         super().__init__()
        ...         self.words = nn.Embedding(n_words, size)
        ...         self.encoder = nn.GRU(size, size, batch_first=True)  # or any other
        ...         self.attention = SparseAttention(size, alpha=2.0)
        ...         self.head = nn.Linear(size, n_classes)
        ...
        ...     def forward(self, ids, attended=None):
        ...         states, _ = self.encoder(self.words(ids))
        ...         pooled, self.weights = self.attention(states, attended)
        ...         return self.head(pooled)
        >>> _ = torch.manual_seed(0)
        >>> model, ids, labels = Reviewer(50), torch.randint(50, (8, 12)), torch.randint(2, (8,))
        >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        >>> for _ in range(20):
        ...     optimizer.zero_grad()
        ...     loss = nn.functional.cross_entropy(model(ids), labels)
        ...     loss.backward()
        ...     optimizer.step()
        >>> bool((model.weights == 0).any()), bool((model.weights.sum(1) - 1).abs().max() < 1e-5)
        (True, True)
    """

    def __init__(
        self, size: int, *, scorer: str = "additive", alpha: float | int = 1.5, scorer_size: int | None = None
    ) -> None:
        super().__init__()
        check_whole("size", size, 1)
        self.scorer, self.alpha = choose(scorer, SCORERS, "scorer"), checked_alpha(alpha)
        inner = size if scorer_size is None else scorer_size
        check_whole("scorer_size", inner, 1)
        self.size = size
        self.mix = nn.Linear(size, inner) if self.scorer == "additive" else None
        self.query = nn.Parameter(torch.empty(size if self.mix is None else inner))
        nn.init.normal_(self.query, std=1 / math.sqrt(len(self.query)))

    def forward(
        self, states: Float[Tensor, "texts tokens size"], attended: Bool[Tensor, "texts tokens"] | None = None
    ) -> tuple[Float[Tensor, "texts size"], Float[Tensor, "texts tokens"]]:
        """Pool states.

        Args:
            states: what an encoder gives.
            attended: which tokens are there; the others, padding, get weight 0. None: all.

        Returns:
            The pooled states, and the weights: none negative, of sum 1; all 0 in a text without any token.
        """
        weights = self.weights(states, attended)
        return torch.einsum("bt,bts->bs", weights, states), weights

    def weights(
        self, states: Float[Tensor, "texts tokens size"], attended: Bool[Tensor, "texts tokens"] | None = None
    ) -> Float[Tensor, "texts tokens"]:
        """Return the weights alone; arguments as for `forward`."""
        scores = self.scores(states)
        if attended is None:
            return self._normalised(scores)
        some = attended.any(1, keepdim=True)
        # a text without any token would give not-a-number
        return self._normalised(scores.masked_fill(~attended & some, -math.inf)) * some.to(scores.dtype)

    def scores(self, states: Float[Tensor, "texts tokens size"]) -> Float[Tensor, "texts tokens"]:
        """Return what the weights are made of: one number a token."""
        if self.mix is None:
            return states @ self.query / math.sqrt(self.size)
        return self.mix(states).tanh() @ self.query

    def _normalised(self, scores: Float[Tensor, "texts tokens"]) -> Float[Tensor, "texts tokens"]:
        return normalise(scores, "softmax" if self.alpha == 1 else "entmax", self.alpha)

    def extra_repr(self) -> str:
        """What `print` shows beside the layers within."""
        return f"size={self.size}, scorer={self.scorer!r}, alpha={self.alpha:g}"


def checked_alpha(alpha: float | int) -> float:
    """Return alpha of entmax as a float.

    Raises:
        SettingError: it does not lie within 1..2.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 1 <= alpha <= 2:
        raise SettingError(f"alpha of entmax goes from 1 (softmax) to 2 (sparsemax), got {alpha!r}")
    return float(alpha)
