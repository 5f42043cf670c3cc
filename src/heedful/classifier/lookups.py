"""Word vectors that are looked up as others than they are, while the ids stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn


@contextmanager
def noise(tables: Iterable[nn.Embedding], places: Bool[np.ndarray, "texts tokens"]) -> Iterator[list[Tensor]]:
    """Add noise to the word vectors at these places; yields a list that is filled as that happens."""
    added: list[Tensor] = []

    def add(_: nn.Module, __: object, vectors: Tensor) -> Tensor:
        here = places.T if vectors.shape[:2] == places.T.shape else places
        if vectors.shape[:2] != here.shape:
            return vectors
        size = float(vectors.float().std()) + 1e-3
        waves = 3 * size * torch.cos(torch.arange(vectors.shape[-1], device=vectors.device)).to(vectors.dtype)
        added.append(waves)
        return vectors + torch.from_numpy(here).to(vectors.device)[..., None] * waves

    with _hooked(tables, add):
        yield added


@contextmanager
def stand_in(tables: Iterable[nn.Embedding], one: int, other: int) -> Iterator[list[Tensor]]:
    """Let one id be looked up as the vector of another; yields a list that is filled as that happens."""
    seen: list[Tensor] = []

    def exchange(table: nn.Module, given: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        places = given[0] == one
        if not places.any():
            return vectors
        seen.append(places)
        return torch.where(places[..., None], table(torch.full_like(given[0], other)), vectors)

    with _hooked(tables, exchange):
        yield seen


@contextmanager
def _hooked(tables: Iterable[nn.Embedding], hook: Callable[..., Tensor]) -> Iterator[None]:
    handles = [table.register_forward_hook(hook) for table in tables]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
