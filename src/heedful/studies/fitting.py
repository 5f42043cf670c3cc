"""A training loop for any classifier of transformers, as studies train theirs: AdamW, warmed up, then falling to 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64
from transformers import PreTrainedModel

from heedful.support.progress import track


@runtime_checkable
class Fitting(Protocol):
    """What shapes the loop."""

    @property
    def name(self) -> str:
        """What the progress bar calls the model."""

    @property
    def epochs(self) -> int:
        """Passes over the texts."""

    @property
    def batch_size(self) -> int:
        """Texts a step."""

    @property
    def learning_rate(self) -> float:
        """Of AdamW, reached after a tenth of the steps."""


def fit(
    model: PreTrainedModel,
    texts: tuple[Sequence[list[int]], Int64[np.ndarray, " texts"]],
    how: Fitting,
    rng: np.random.Generator,
    *,
    progress: bool = False,
    after_epoch: Callable[[], object] = lambda: None,
) -> None:
    """Train a model in place: epochs of shuffled batches, each of texts of similar lengths.

    Args:
        model: takes ids, a mask and labels; its random state is torch's.
        texts: token ids of every text, and labels.
        how: epochs, batches and learning rate.
        rng: shuffles.
        progress: show progress on stderr.
        after_epoch: called after every epoch.
    """
    ids, labels = texts
    lengths, size = np.array([len(row) for row in ids]), how.batch_size
    n_steps = how.epochs * -(-len(ids) // size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.learning_rate)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.1 * n_steps), (n_steps - step) / (0.9 * n_steps), 1.0)
    )
    for _ in track(range(how.epochs), f"training {how.name}", shown=progress):
        model.train()
        # within chunks of 32 batches, by length: less padding
        order = rng.permutation(len(ids))
        chunks = [order[start : start + 32 * size] for start in range(0, len(ids), 32 * size)]
        order = np.concatenate([chunk[np.argsort(lengths[chunk], kind="stable")] for chunk in chunks])
        parts = [order[start : start + size] for start in range(0, len(ids), size)]
        for k in rng.permutation(len(parts)).tolist():
            rows = parts[k]
            batch, attended = padded([ids[i] for i in rows], model.config.pad_token_id)
            loss = model(
                input_ids=batch, attention_mask=attended.long(), labels=torch.from_numpy(labels[rows].copy())
            ).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
        after_epoch()


def padded(rows: Sequence[Sequence[int]], padding_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids as one right-padded batch (texts, tokens), and which of its tokens are there.

    Example:
        >>> ids, attended = padded([[5, 6], [7]], 0)
        >>> ids.tolist(), attended.tolist()
        ([[5, 6], [7, 0]], [[True, True], [True, False]])
    """
    lengths = np.array([len(row) for row in rows])
    attended = np.arange(lengths.max()) < lengths[:, None]
    batch = np.full(attended.shape, padding_id, dtype=np.int64)
    batch[attended] = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    return torch.from_numpy(batch), torch.from_numpy(attended)
