"""Batches sized to a card: how many tokens its free memory holds, by what forward passes of two lengths take.

A pass holds so many bytes a token, and where attention keeps its weights, as "eager" attention does, so many more for
every token that each looks at: a + b L bytes a token in texts of L tokens. Both are fitted to two measured passes, and
rather too large than too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch

SHARE = 0.5  # of the free memory that a batch may take: methods and other processes need some, and fits are rough
MOST = 131_072  # tokens, beyond which a card computes no faster
MEASURED = 2048  # tokens of a measured pass: so many that what does not grow with them counts for little
LONGEST = 512  # tokens of the longer texts that are measured
WORDS = "the film was good and "  # what they are made of


@dataclass(frozen=True)
class Room:
    """How much memory a batch may take, and what its tokens take.

    Attributes:
        n_bytes: for a batch.
        token: bytes a token.
        pair: bytes more for each token of the text that it is in.
    """

    n_bytes: int
    token: float
    pair: float = 0.0

    def tokens(self, length: int) -> int:
        """Return how many tokens a batch of texts of this length may hold: at least one text, at most `MOST` tokens.

        Example:
            >>> room = Room(1_000_000, token=100.0, pair=1.0)
            >>> room.tokens(100), room.tokens(900), room.tokens(2_000), Room(10**12, 1.0).tokens(8)
            (5000, 1000, 2000, 131072)
        """
        a_token = self.token + self.pair * length
        return max(length, min(MOST, int(self.n_bytes / a_token)))


@dataclass(frozen=True)
class Pass:
    """What a forward pass took: texts, tokens of each, and bytes."""

    texts: int
    length: int
    n_bytes: int

    @property
    def a_token(self) -> float:
        """Bytes a token."""
        return self.n_bytes / (self.texts * self.length)


def room_of(free: int, short: Pass, long: Pass) -> Room:
    """Return the room on a card with so many bytes free, by a pass over short texts and one over long ones.

    Example:
        >>> room_of(2_000_000, Pass(4, 100, 4 * 100 * 200), Pass(1, 400, 400 * 500))
        Room(n_bytes=1000000, token=100.0, pair=1.0)
    """
    apart = long.length - short.length
    pair = max(0.0, (long.a_token - short.a_token) / apart) if apart > 0 else 0.0
    token = max(0.0, *(one.a_token - pair * one.length for one in (short, long)))
    return Room(int(SHARE * max(0, free)), max(1.0, token), pair)


@runtime_checkable
class Card(Protocol):
    """A device with memory of its own."""

    def free(self) -> int:
        """Return how many bytes are free."""

    def peak(self, run: Callable[[], object]) -> int:
        """Run something, and return how many bytes it held at most, beside what was held before."""


@dataclass(frozen=True)
class Cuda:
    """A card that CUDA computes on."""

    device: torch.device

    def free(self) -> int:
        """Return how many bytes are free: those of the card, and those that torch holds without need."""
        held = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(torch.cuda.mem_get_info(self.device)[0] + held)

    def peak(self, run: Callable[[], object]) -> int:
        """Run something, and return how many bytes its tensors held at most, beside those that were there before."""
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        run()
        torch.cuda.synchronize(self.device)
        return int(torch.cuda.max_memory_allocated(self.device) - before)


def card_of(device: torch.device) -> Card | None:
    """Return the card that a device is; None for a CPU, and for devices whose memory cannot be asked for."""
    return Cuda(device) if device.type == "cuda" else None


def measured(
    card: Card, words: Callable[[int], np.ndarray], run: Callable[[list[np.ndarray]], object], longest: int
) -> Room:
    """Return the room on a card, by passes of about `MEASURED` tokens over long texts and over some a quarter as long.

    Args:
        card: the card.
        words: makes the ids of a text of at most so many tokens.
        run: runs a pass over texts.
        longest: most tokens of a text; at most `LONGEST` are taken.
    """
    passes = []
    for limit in (max(1, min(longest, LONGEST) // 4), min(longest, LONGEST)):
        ids = words(limit)
        batch = [ids] * max(1, MEASURED // len(ids))
        run(batch)  # the first pass makes room that later ones use too
        passes.append(Pass(len(batch), len(ids), card.peak(partial(run, batch))))
    return room_of(card.free(), *passes)
