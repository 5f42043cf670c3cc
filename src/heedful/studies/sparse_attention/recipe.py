"""How the classifiers of the study are trained: an encoder, a scorer, an alpha, a seed; the best epoch is kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from heedful.data import Dataset, Splits
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer
from heedful.models.training import fingerprint, finish, run_folder, seeded
from heedful.remedies.configuration import PooledEncoderConfig
from heedful.remedies.encoders import PooledEncoderForSequenceClassification
from heedful.runs.folder import RunFolder
from heedful.studies.fitting import fit, padded
from heedful.support.progress import quiet_transformers

PAPER = "paper"  # the classifier of "Attention meets post-hoc interpretability", with one head
CONTROL, MIXING = (PAPER, "words"), ("bilstm", "self-attention")
_TOGETHER = 256  # texts of one forward pass


@dataclass(frozen=True)
class Pooled:
    """A recipe for a classifier that pools by sparse attention.

    Attributes:
        data: key of the data.
        encoder: "paper" (its scorer is "dot": a query at [CLS]), or an encoder of `PooledEncoderConfig`.
        scorer, alpha: of the attention.
        nth: which training: the seed is that of the study, and so much more.
        hidden_size, state_size, dropout: of the model; the paper's classifier has no dropout.
        max_tokens: longer texts are cut behind.
        min_frequency: words that are rarer get no vector.
        epochs, batch_size, learning_rate: of the training.
        validation_share: of the training texts, where the data has no validation part.
    """

    data: str
    encoder: str
    scorer: str
    alpha: float
    nth: int = 0
    hidden_size: int = 64
    state_size: int = 128
    dropout: float = 0.3
    max_tokens: int = 128
    min_frequency: int = 2
    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = 2e-3
    validation_share: float = 0.1

    @property
    def name(self) -> str:
        """Of the classifier, its folder, its stage and its table."""
        return f"{self.data}-{self.encoder}-{self.scorer}-{self.alpha:g}-{self.nth}"

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train, keep the epoch with the best validation accuracy, test; after a kill it begins anew.

        Raises:
            SettingError: the folder holds something else.
            InputError: the folder cannot be written.
        """
        identity = {"recipe": asdict(self), "seed": seed + self.nth, "data": fingerprint(splits)}
        run = run_folder(folder, identity)
        if (metrics := run.finished()) is not None:
            return metrics
        with run.claimed() as metrics:
            return metrics if metrics is not None else self._train(splits, run, seed + self.nth, progress=progress)

    def _train(self, splits: Splits, run: RunFolder, seed: int, *, progress: bool) -> dict[str, Any]:
        fitting, validation = splits.train, splits.validation
        if validation is None:
            fitting, validation = splits.train.split(self.validation_share, seed)
        tokenizer = self._tokenizer(fitting)
        with quiet_transformers(), seeded(seed):
            model = self._model(tokenizer, fitting.label_names)
            best = _Best(model, tokenizer, validation)
            ids = _ids(tokenizer, fitting.texts)
            rng = np.random.default_rng(seed)
            fit(model, (ids, fitting.labels), self, rng, progress=progress, after_epoch=best.look)
            model.load_state_dict(best.weights)
            told = {
                "n_train": len(fitting),
                "n_validation": len(validation),
                "history": best.history,
                "test": accuracy(model, tokenizer, splits.test or validation),
            }
            return finish(run, model, tokenizer, told)

    def _tokenizer(self, data: Dataset) -> PreTrainedTokenizerFast:
        tokenizer = build_tokenizer(data.texts, min_frequency=self.min_frequency, max_length=self.max_tokens)
        if self.encoder != PAPER:  # which alone reads at [CLS]: elsewhere its state would stand for the whole text
            tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
                single="$A", pair="$A $B", special_tokens=[]
            )
        return tokenizer

    def _model(self, tokenizer: PreTrainedTokenizerFast, label_names: Sequence[str]) -> PreTrainedModel:
        names = {
            "id2label": dict(enumerate(label_names)),
            "label2id": {name: i for i, name in enumerate(label_names)},
            "pad_token_id": tokenizer.pad_token_id,
        }
        sizes = {"vocab_size": len(tokenizer), "hidden_size": self.hidden_size}
        sizes["max_position_embeddings"] = self.max_tokens
        if self.encoder != PAPER:
            return PooledEncoderForSequenceClassification(
                PooledEncoderConfig(
                    **sizes, **names, encoder=self.encoder, state_size=self.state_size, scorer=self.scorer,
                    alpha=self.alpha, dropout=self.dropout,
                )
            )  # fmt: skip
        soft = {"normaliser": "softmax"}
        normaliser = soft if self.alpha == 1 else {"normaliser": "entmax", "entmax_alpha": self.alpha}
        return AttentionPoolingForSequenceClassification(
            AttentionPoolingConfig(
                **sizes, **names, **normaliser, num_attention_heads=1, key_size=64, value_size=64,
                initializer_range=0.1, position_scale=0.1,
            )
        )  # fmt: skip


class _Best:
    """The weights of the epoch with the best validation accuracy so far; of equal ones the first."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, validation: Dataset) -> None:
        self._model, self._tokenizer, self._validation = model, tokenizer, validation
        self.history: list[float] = []
        self.weights: dict[str, torch.Tensor] = {}

    def look(self) -> None:
        """Look at the model as it is now."""
        reached = accuracy(self._model, self._tokenizer, self._validation)["accuracy"]
        if not self.history or reached > max(self.history):
            self.weights = copy.deepcopy(self._model.state_dict())
        self.history.append(reached)


def accuracy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, data: Dataset) -> dict[str, Any]:
    """Return the number of texts, and the share that a model gets right; it is in evaluation mode from now on."""
    model.eval()
    ids, right = _ids(tokenizer, data.texts), 0
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), _TOGETHER):
        rows = order[start : start + _TOGETHER]
        batch, attended = padded([ids[i] for i in rows], tokenizer.pad_token_id)
        with torch.no_grad():
            logits = model(input_ids=batch, attention_mask=attended.long()).logits
        right += int((logits.argmax(1).numpy() == data.labels[rows]).sum())
    return {"n": len(data), "accuracy": right / len(data)}


def _ids(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids; a text without any known piece is one unknown word."""
    rows: list[list[int]] = tokenizer(list(texts), truncation=True, return_attention_mask=False).input_ids
    return [row or [tokenizer.unk_token_id] for row in rows]
