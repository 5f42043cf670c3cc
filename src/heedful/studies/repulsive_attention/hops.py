"""Structured self-attention: a bi-LSTM, and several hops of attention over its states; and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from heedful.remedies.repulsion import HeadRepulsion, Repulsion, frobenius_penalty

OPTIMISERS = ("adam", "sgd")
CLIP = 0.5  # of the gradient's norm, as in the authors' code


@dataclass(frozen=True)
class Arm:
    """How heads are trained.

    Attributes:
        name: what the report calls it.
        weight: of the repulsion, as a share of the smoothed gradient of the loss; None: gradients stay as they are.
        beta: of SPOS; 0 is SVGD.
        penalty: weight of the Frobenius penalty.
    """

    name: str
    weight: float | None = None
    beta: float = 0.0
    penalty: float = 0.0


@dataclass(frozen=True)
class Fit:
    """Sizes of the model, and how long it is trained.

    Attributes:
        size: of word vectors; states: of the LSTM, each way; units: within the attention; hops: heads of attention.
        steps, batch_size: the same for every arm.
        adam, sgd: learning rates.
    """

    size: int = 64
    states: int = 32
    units: int = 32
    hops: int = 10
    steps: int = 500
    batch_size: int = 64
    adam: float = 3e-3
    sgd: float = 1.0


@dataclass(frozen=True, eq=False)
class Words:
    """Texts as word numbers, padded to one width.

    Attributes:
        ids: word numbers; attended: which are words; labels: class numbers.
    """

    ids: Int64[Tensor, "texts tokens"]
    attended: Bool[Tensor, "texts tokens"]
    labels: Int64[Tensor, " texts"]


class Hops(nn.Module):
    """Source: Lin et al., A structured self-attentive sentence embedding, ICLR 2017, equations 5 to 7.

    Args:
        vocabulary: number of words.
        classes: number of labels.
        fit: sizes.
    """

    def __init__(self, vocabulary: int, classes: int, fit: Fit) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, fit.size, padding_idx=0)
        self.states = nn.LSTM(fit.size, fit.states, batch_first=True, bidirectional=True)
        self.inner = nn.Linear(2 * fit.states, fit.units, bias=False)
        self.hops = nn.Parameter(torch.randn(fit.hops, fit.units) / fit.units**0.5)  # a row a head: the particles
        self.hidden, self.answer = nn.Linear(2 * fit.states * fit.hops, 64), nn.Linear(64, classes)

    def forward(
        self, ids: Int64[Tensor, "texts tokens"], attended: Bool[Tensor, "texts tokens"]
    ) -> tuple[Float[Tensor, "texts classes"], Float[Tensor, "texts hops tokens"]]:
        """Logits, and the attention of every hop on every token."""
        states, _ = self.states(self.words(ids))
        scores = torch.tanh(self.inner(states)) @ self.hops.T
        maps = scores.masked_fill(~attended[..., None], -torch.inf).softmax(1).mT
        return self.answer(torch.relu(self.hidden((maps @ states).flatten(1)))), maps


def train(model: Hops, words: Words, arm: Arm, optimiser: str, fit: Fit, seed: int) -> None:
    """Train so many steps of one arm; batches depend on the seed alone, so that arms see the same.

    The loss is a mean over texts. SPOS samples from exp(-n loss): its noise is that of a step n times as large.
    """
    rate = fit.adam if optimiser == "adam" else fit.sgd
    made = torch.optim.Adam if optimiser == "adam" else torch.optim.SGD
    steps = made(model.parameters(), lr=rate)
    repel = None
    if arm.weight is not None:
        step_size = rate * len(words.labels) if arm.beta else None
        repel = HeadRepulsion([[model.hops]], Repulsion(arm.weight, arm.beta, step_size), seed)
    generator = torch.Generator().manual_seed(seed)
    for rows in _batches(words, fit, generator):
        width = int(words.attended[rows].sum(1).max())
        logits, maps = model(words.ids[rows, :width], words.attended[rows, :width])
        loss = functional.cross_entropy(logits, words.labels[rows])
        if arm.penalty:
            loss = loss + arm.penalty * frobenius_penalty(maps)
        steps.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        if repel is not None:
            repel()
        steps.step()


def _batches(words: Words, fit: Fit, generator: torch.Generator) -> list[Tensor]:
    rows: list[Tensor] = []
    while len(rows) < fit.steps:
        rows += torch.split(torch.randperm(len(words.labels), generator=generator), fit.batch_size)
    return rows[: fit.steps]


@torch.no_grad()
def looked(model: Hops, words: Words) -> tuple[Int64[np.ndarray, " texts"], list[Float[Tensor, "hops tokens"]]]:
    """Return the class told of every text, and its maps, each of the text's own length."""
    told, maps = [], list[Tensor]()
    for start in range(0, len(words.labels), 256):
        rows = slice(start, start + 256)
        width = int(words.attended[rows].sum(1).max())
        logits, some = model(words.ids[rows, :width], words.attended[rows, :width])
        told.append(logits.argmax(1))
        maps += [one[:, :n] for one, n in zip(some, words.attended[rows].sum(1).tolist(), strict=True)]
    return torch.cat(told).numpy(), maps
