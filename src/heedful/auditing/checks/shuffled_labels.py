"""A classifier of the same configuration, trained on labels that say nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from heedful import models
from heedful.classifier import Classifier
from heedful.classifier.load import load
from heedful.data import Dataset, Splits
from heedful.errors import DataError, SettingError
from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.presets import PRESETS, Preset

_TEXTS = 2000
_EPOCHS = 10
_RATE = 1e-2  # ten times the usual one: noise has to be learned by heart


def shuffled(classifier: Classifier, data: Dataset, seed: int) -> tuple[Classifier, float]:
    """Train the paper's classifier, configured as this one, on texts whose labels have changed places at random.

    At most 2,000 texts, 10 epochs; no words are hidden in training, which would keep it from learning noise by heart.

    Args:
        classifier: one of the paper's kind.
        data: labelled texts.
        seed: of the order of labels, and of training.

    Returns:
        The classifier, and its accuracy on these labels.

    Raises:
        SettingError: another kind of model; or it does not fit into memory, or diverged.
        DataError: its classes are not those of the data, or the texts are too few.

    Source: Adebayo et al., Sanity checks for saliency maps, 2018, section 4.
    """
    model = classifier.paper_model
    if model is None:
        raise SettingError(f"{classifier.name} is not of the paper's kind, the only one that is trained here")
    if set(data.label_names) != set(classifier.labels):
        raise DataError(f"{data.source} has other classes than {classifier.name}")
    if not len(data):
        raise DataError(f"{data.source} has no texts to train on")
    rng = np.random.default_rng(seed)
    some = data.subset(np.sort(rng.permutation(len(data))[:_TEXTS]))
    noise = Dataset(some.texts, rng.permutation(some.labels), some.label_names, some.source)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        told = models.training.train(  # loaded only now: the Trainer takes a second to import
            Splits(noise, noise.subset(range(1)), noise),
            out,
            _preset(model.config, classifier.tokenizer.truncation_side),
            sizes=_sizes(model.config),
            seed=seed,
        )
        made = load(out)
    return made, float(told["test"]["accuracy"])


def _sizes(config: AttentionPoolingConfig) -> Any:
    return models.training.Sizes(
        hidden_size=config.hidden_size,
        key_size=config.key_size,
        value_size=config.value_size,
        heads=config.num_attention_heads,
        max_tokens=config.max_position_embeddings,
        normaliser=config.normaliser,
        entmax_alpha=config.entmax_alpha,
    )


def _preset(config: AttentionPoolingConfig, truncation_side: str) -> Preset:
    return replace(
        PRESETS["default"],
        name="shuffled labels",
        epochs=_EPOCHS,
        min_steps=0,
        learning_rate=_RATE,
        keep="last",
        min_frequency=1,
        max_vocabulary=config.vocab_size,
        truncation_side=truncation_side,
        position_scale=config.position_scale,
        initializer_range=config.initializer_range,
        attend_padding=config.attend_padding,
        word_dropout=0.0,
    )
