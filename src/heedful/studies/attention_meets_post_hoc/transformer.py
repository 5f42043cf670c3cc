"""A transformer as a recipe: BERT's architecture, trained from scratch on the study's texts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

from heedful.classifier import Classifier
from heedful.data import Dataset, Splits
from heedful.models import build_tokenizer
from heedful.models.training import fingerprint, finish, run_folder
from heedful.runs.folder import RunFolder
from heedful.studies.attention_meets_post_hoc.choices import SAMPLED
from heedful.studies.fitting import fit
from heedful.support.progress import quiet_transformers


@dataclass(frozen=True)
class Transformer:
    """A BERT of transformers, trained from scratch: layers of attention over all positions, read out at [CLS].

    Attributes:
        name: of the variant, and of its folder.
        layers, heads, hidden_size, max_tokens: of the model; its inner layers are twice as wide.
        attention_dropout: in training. To draw it takes half of every step on a CPU; hidden states have dropout anyway.
        epochs, batch_size, learning_rate: of AdamW, warmed up over a tenth of the steps, then falling to 0.
        min_frequency: words that are rarer get no embedding.
        n_train, n_test: texts at most, drawn at random; None: all.
        sources, n_permutations: as for `Pooling`.
    """

    data: ClassVar[str] = "corpus"

    name: str
    layers: int = 2
    heads: int = 4
    hidden_size: int = 64
    max_tokens: int = 128
    attention_dropout: float = 0.0
    epochs: int = 2
    batch_size: int = 64
    learning_rate: float = 5e-4
    min_frequency: int = 5
    n_train: int | None = None
    n_test: int | None = 5000
    sources: tuple[str, ...] = (SAMPLED,)
    n_permutations: int = 20

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train, test, and write model, tokenizer and metrics; after a kill it begins anew.

        Raises:
            SettingError: the folder holds something else.
            InputError: the folder cannot be written.
        """
        run = run_folder(folder, {"variant": asdict(self), "seed": seed, "data": fingerprint(splits)})
        if (metrics := run.finished()) is not None:
            return metrics
        with run.claimed() as metrics:
            return metrics if metrics is not None else self._train(splits, run, seed, progress=progress)

    def _train(self, splits: Splits, run: RunFolder, seed: int, *, progress: bool) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        fitting, test = _some(splits.train, self.n_train, rng), _some(splits.test or splits.train, self.n_test, rng)
        tokenizer = build_tokenizer(
            fitting.texts, min_frequency=self.min_frequency, max_length=self.max_tokens, truncation_side="left"
        )
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=2 * self.hidden_size,
            max_position_embeddings=self.max_tokens,
            attention_probs_dropout_prob=self.attention_dropout,
            pad_token_id=tokenizer.pad_token_id,
            id2label=dict(enumerate(fitting.label_names)),
            label2id={name: i for i, name in enumerate(fitting.label_names)},
        )
        with quiet_transformers(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = BertForSequenceClassification(config)
            ids = tokenizer(list(fitting.texts), truncation=True).input_ids
            fit(model, (ids, fitting.labels), self, rng, progress=progress)
            right = _right(Classifier(model.eval(), tokenizer, self.name), test)
            return finish(run, model, tokenizer, {"test": {"n": len(test), "accuracy": right}})


def _some(data: Dataset, n: int | None, rng: np.random.Generator) -> Dataset:
    return data if n is None or n >= len(data) else data.subset(np.sort(rng.choice(len(data), n, replace=False)))


def _right(classifier: Classifier, data: Dataset) -> float:
    right = 0
    for start in range(0, len(data), 64):
        encoded = [classifier.encode(text).input_ids for text in data.texts[start : start + 64]]
        right += int((classifier.logits(encoded).argmax(1) == data.labels[start : start + 64]).sum())
    return right / len(data)
