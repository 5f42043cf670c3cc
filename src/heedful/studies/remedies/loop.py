"""The training loop of the study: the paper's classifier under any of the trainings, on the same batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

from heedful.data import Dataset, Rationale
from heedful.metrics.mask_probe import pattern, standardised
from heedful.models import AttentionPoolingForSequenceClassification
from heedful.remedies.rationales import rationale_loss
from heedful.remedies.repulsion import HeadRepulsion, Repulsion, frobenius_penalty
from heedful.remedies.shortcuts import instance_weights, random_weights
from heedful.studies.remedies.trainings import RANDOM_FIRST, Training

MARKED = 0.5  # least share of annotators
CLIP = 1.0  # of the gradient's norm
_TOGETHER = 256  # texts of one forward pass


@dataclass(frozen=True)
class Fit:
    """Sizes of the model and length of the training: the same for every row of a data set.

    Attributes:
        hidden_size, key_size, value_size, heads: of the model.
        epochs, batch_size, learning_rate: of AdamW; the rate rises over a tenth of the steps and falls to 0.
        hidden_words: share of the words that are unknown in training, as explanations will make them.
    """

    hidden_size: int = 64
    key_size: int = 32
    value_size: int = 32
    heads: int = 4
    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 3e-3
    hidden_words: float = 0.2


@dataclass(frozen=True, eq=False)
class Words:
    """Texts as the model reads them, padded to one width.

    Attributes:
        ids: token ids, [CLS] first.
        attended: which tokens are there.
        labels: class numbers.
        marks: 1 on tokens that people marked, 0 elsewhere and on texts without a rationale.
    """

    ids: Int64[Tensor, "texts tokens"]
    attended: Bool[Tensor, "texts tokens"]
    labels: Int64[Tensor, " texts"]
    marks: Float[Tensor, "texts tokens"]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Int64[Tensor, " rows"]) -> Words:
        """Return some texts, as wide as the longest of them."""
        width = int(self.attended[rows].sum(1).max())
        return Words(self.ids[rows, :width], self.attended[rows, :width], self.labels[rows], self.marks[rows, :width])


def read_words(tokenizer: object, data: Dataset) -> Words:
    """Return the texts of a data set; a word is marked where its characters lie on a marked token of the rationale."""
    encoded = tokenizer(list(data.texts), truncation=True, return_offsets_mapping=True)  # type: ignore[operator]
    width = max(map(len, encoded.input_ids))
    ids = np.zeros((len(data), width), dtype=np.int64)
    attended, marks = np.zeros(ids.shape, dtype=np.bool_), np.zeros(ids.shape, dtype=np.float32)
    rationales = data.rationales or (None,) * len(data)
    for i, (row, spans) in enumerate(zip(encoded.input_ids, encoded.offset_mapping, strict=True)):
        ids[i, : len(row)], attended[i, : len(row)] = row, True
        rationale = rationales[i]
        if rationale is not None:
            marks[i, : len(row)] = on_marks(rationale, len(data.texts[i]), spans)
    labels = torch.from_numpy(data.labels.copy())
    return Words(torch.from_numpy(ids), torch.from_numpy(attended), labels, torch.from_numpy(marks))


def on_marks(rationale: Rationale, length: int, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Return which spans of a text lie on its marked tokens.

    Example:
        >>> on_marks(Rationale(np.array([[0, 3], [4, 8]]), np.array([0.0, 1.0])), 8, [(0, 0), (0, 3), (4, 8)])
        [False, False, True]
    """
    marked = rationale.weights >= MARKED
    if rationale.roles is not None:
        marked = np.array([role == "for" for role in rationale.roles], dtype=np.bool_)
    there = np.zeros(length, dtype=np.bool_)
    for start, end in rationale.spans[marked].tolist():
        there[start:end] = True
    return [bool(there[start:end].any()) for start, end in spans]


def train(
    model: AttentionPoolingForSequenceClassification,
    words: Words,
    how: tuple[Training, Fit],
    seed: int,
    after_epoch: Callable[[], object] = lambda: None,
) -> None:
    """Train a model in place; batches and hidden words depend on the seed alone, so that all trainings see the same.

    "Random first" takes half of the epochs for either half: as many in all as the others.

    Args:
        model: as it begins.
        words: the training texts.
        how: the training, sizes and steps.
        seed: of batches, hidden words and noise.
        after_epoch: called after every epoch in which the attention may be final.
    """
    training, fit = how
    if training.uniform:
        with torch.no_grad():
            model.query.zero_()  # every score is 0
        model.query.requires_grad_(False)
        model.key.requires_grad_(False)
    if training.order == RANDOM_FIRST:
        half = replace(fit, epochs=fit.epochs // 2)
        _Loop(model, words, training, half, seed).run(random=True)
        for parameter in model.parameters():
            parameter.requires_grad_(parameter is model.query or parameter is model.key)
        rest = replace(fit, epochs=fit.epochs - half.epochs)
        _Loop(model, words, training, rest, seed + 1).run(after_epoch=after_epoch)
    else:
        _Loop(model, words, training, fit, seed).run(after_epoch=after_epoch)
    for parameter in model.parameters():
        parameter.requires_grad_(True)


class _Loop:
    """Epochs of one training over all texts."""

    def __init__(
        self,
        model: AttentionPoolingForSequenceClassification,
        words: Words,
        training: Training,
        fit: Fit,
        seed: int,
    ) -> None:
        self.model, self.words, self.training, self.fit, self.seed = model, words, training, fit, seed
        self.generator = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator().manual_seed(seed)  # of its own: it must not move the batches
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=fit.learning_rate)
        n = fit.epochs * -(-len(words) // fit.batch_size)
        self.rate = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: min((step + 1) / (0.1 * n), (n - step) / (0.9 * n), 1.0)
        )
        self.repel: HeadRepulsion | None = None
        if training.repulsion is not None:
            step_size = fit.learning_rate * len(words) if training.beta else None
            settings = Repulsion(training.repulsion, training.beta, step_size)
            self.repel = HeadRepulsion([[model.query, model.key]], settings, seed)

    def run(self, *, random: bool = False, after_epoch: Callable[[], object] = lambda: None) -> None:
        for epoch in range(self.fit.epochs):
            weights = torch.ones(len(self.words))
            if self.training.weighted:
                self.model.eval()
                weights = text_weights(self.model, self.words, (self.seed + epoch) % 2**32)
            self.model.train()
            order = torch.randperm(len(self.words), generator=self.generator)
            for rows in torch.split(order, self.fit.batch_size):
                self._step(self.words.batch(rows), weights[rows], random=random)
            self.model.eval()
            after_epoch()

    def _step(self, some: Words, weights: Float[Tensor, " texts"], *, random: bool) -> None:
        hidden = torch.rand(some.ids.shape, generator=self.generator) < self.fit.hidden_words
        hidden[:, 0] = False
        hidden &= some.attended
        ids = torch.where(hidden, self.model.config.unk_token_id, some.ids)
        maps = random_maps(some.attended, self.model, self.noise) if random else None
        logits, maps = told(self.model, ids, some.attended, maps)
        losses = functional.cross_entropy(logits, some.labels, reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        if self.training.penalty:
            loss = loss + self.training.penalty * frobenius_penalty(maps)
        if self.training.rationales:  # a word that is hidden cannot be asked for
            loss = loss + self.training.rationales * rationale_loss(maps.mean(1), some.marks * ~hidden)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        if self.repel is not None:
            self.repel()
        self.optimiser.step()
        self.rate.step()


def told(
    model: AttentionPoolingForSequenceClassification,
    ids: Int64[Tensor, "texts tokens"],
    attended: Bool[Tensor, "texts tokens"],
    maps: Float[Tensor, "texts heads tokens"] | None = None,
) -> tuple[Float[Tensor, "texts classes"], Float[Tensor, "texts heads tokens"]]:
    """Return logits and maps: the model's own maps, or with the maps given in their place."""
    if maps is None:
        output = model(input_ids=ids, attention_mask=attended.long(), output_attentions=True)
        return output.logits, output.attentions[0].squeeze(2)
    vectors = model.embeddings(ids) + model.positions[: ids.shape[1]]
    worth = torch.einsum("co,kod,btd->bktc", model.readout, model.value, vectors)
    return torch.einsum("bkt,bktc->bc", maps, worth) / maps.shape[1], maps


def random_maps(
    attended: Bool[Tensor, "texts tokens"], model: AttentionPoolingForSequenceClassification, noise: torch.Generator
) -> Float[Tensor, "texts heads tokens"]:
    """Return a random map a head, uniform among all maps."""
    heads: int = model.config.num_attention_heads
    rows = random_weights(attended.repeat_interleave(heads, 0), None, noise)
    return rows.reshape(len(attended), heads, -1)


@torch.no_grad()
def text_weights(model: AttentionPoolingForSequenceClassification, words: Words, seed: int) -> Float[Tensor, " texts"]:
    """Return P(y) / P(y | m) of every text; m is what `pattern` says of its mean attention, in which there is no word.

    Single positions of soft attention are too small and too many for P(y | m) to be learned from.
    """
    patterns: list[Float64[np.ndarray, " features"]] = []
    for rows in torch.split(torch.arange(len(words)), _TOGETHER):
        some = words.batch(rows)
        _, maps = told(model, some.ids, some.attended)
        lengths = some.attended.sum(1).tolist()
        for one, n in zip(maps.mean(1).double().numpy(), lengths, strict=True):
            patterns.append(pattern(one[1:n] if n > 1 else np.zeros(1)))
    weights = instance_weights(standardised(np.array(patterns)), words.labels.numpy(), seed)
    return torch.from_numpy(weights).float()
