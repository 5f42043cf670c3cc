"""How a classifier of the study is trained: data, training, seed; the best epoch on validation texts is kept."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from heedful.data import Dataset, Splits
from heedful.errors import DataError
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer
from heedful.models.training import fingerprint, finish, run_folder, seeded
from heedful.runs.folder import RunFolder
from heedful.studies.remedies.loop import Fit, Words, read_words, told, train
from heedful.studies.remedies.trainings import Training
from heedful.support.progress import quiet_transformers

_TOGETHER = 256  # texts of one forward pass


@dataclass(frozen=True)
class Trained:
    """A recipe for one training of the paper's classifier.

    Attributes:
        data: key of the data.
        training: how its attention is trained.
        nth: which training: the seed is that of the study, and so much more. All trainings of one seed begin alike.
        tokens: how many of a text are read, [CLS] among them; of longer ones the end.
        fit: sizes and steps.
        min_frequency: words that are rarer get no vector.
    """

    data: str
    training: Training
    nth: int
    tokens: int
    fit: Fit
    min_frequency: int = 2

    @property
    def name(self) -> str:
        """Of the classifier and its folder."""
        return f"{self.data}-{self.training.name}-{self.nth}"

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train, keep the epoch with the best validation accuracy, test; after a kill it begins anew.

        Raises:
            SettingError: the folder holds something else.
            InputError: the folder cannot be written.
            DataError: there is no validation part.
        """
        # what the report calls it is no part of how it is trained
        identity = asdict(replace(self, training=replace(self.training, title="")))
        run = run_folder(folder, {"recipe": identity, "seed": seed + self.nth, "data": fingerprint(splits)})
        if (metrics := run.finished()) is not None:
            return metrics
        with run.claimed() as metrics:
            return metrics if metrics is not None else self._train(splits, run, seed + self.nth)

    def _train(self, splits: Splits, run: RunFolder, seed: int) -> dict[str, Any]:
        if splits.validation is None:
            raise DataError(f"{splits.train.source}: the study needs a validation part, on which settings are chosen")
        tokenizer = build_tokenizer(
            splits.train.texts, min_frequency=self.min_frequency, max_length=self.tokens, truncation_side="left"
        )
        with quiet_transformers(), seeded(seed):
            model = AttentionPoolingForSequenceClassification(self._config(tokenizer, splits.train)).eval()
            best = _Best(model, read_words(tokenizer, splits.validation))
            train(model, read_words(tokenizer, splits.train), (self.training, self.fit), seed, best.look)
            model.load_state_dict(best.weights)
            told = {
                "n_train": len(splits.train),
                "n_validation": len(splits.validation),
                "history": best.history,
                "validation": {"n": len(splits.validation), "accuracy": max(best.history)},
            }
            return finish(run, model, tokenizer, told)

    def _config(self, tokenizer: PreTrainedTokenizerFast, data: Dataset) -> AttentionPoolingConfig:
        sparse: dict[str, Any] = {"normaliser": "entmax", "entmax_alpha": self.training.alpha}
        return AttentionPoolingConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.fit.hidden_size,
            key_size=self.fit.key_size,
            value_size=self.fit.value_size,
            num_attention_heads=self.fit.heads,
            max_position_embeddings=self.tokens,
            initializer_range=0.1,
            position_scale=0.1,
            pad_token_id=tokenizer.pad_token_id,
            unk_token_id=tokenizer.unk_token_id,
            cls_token_id=tokenizer.cls_token_id,
            mask_token_id=tokenizer.mask_token_id,
            id2label=dict(enumerate(data.label_names)),
            label2id={name: i for i, name in enumerate(data.label_names)},
            **(sparse if self.training.alpha > 1 else {}),
        )


class _Best:
    """The weights of the epoch with the best validation accuracy so far; of equal ones the first."""

    def __init__(self, model: AttentionPoolingForSequenceClassification, validation: Words) -> None:
        self._model, self._validation = model, validation
        self.history: list[float] = []
        self.weights: dict[str, Tensor] = {}

    def look(self) -> None:
        """Look at the model as it is now."""
        reached = float(right(self._model, self._validation).double().mean())
        if not self.history or reached > max(self.history):
            self.weights = copy.deepcopy(self._model.state_dict())
        self.history.append(reached)


@torch.no_grad()
def right(model: AttentionPoolingForSequenceClassification, words: Words) -> Bool[Tensor, " texts"]:
    """Return which texts the model gives their label."""
    parts = []
    for rows in torch.split(torch.arange(len(words)), _TOGETHER):
        some = words.batch(rows)
        parts.append(told(model, some.ids, some.attended)[0].argmax(1) == some.labels)
    return torch.cat(parts)
