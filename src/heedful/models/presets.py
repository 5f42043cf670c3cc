"""Training presets: the paper's configuration, and ours with the same sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from heedful.errors import SettingError


@dataclass(frozen=True)
class Preset:
    """Everything that shapes a training run but the data and the seed.

    Attributes:
        name: the preset's name.
        epochs, batch_size, learning_rate, weight_decay: of AdamW.
        min_steps: small data sets get more epochs, up to eight times as many, to take at least so many steps.
        warmup: share of the steps with a rising learning rate.
        decay: whether the learning rate then falls to 0 (linearly) or stays.
        validation_share: share of the training texts held out where the data has no validation split.
        patience: stop after so many epochs without a better validation accuracy; grows with the epochs.
        keep: "best", the epoch with the best validation accuracy, or "last": all epochs are trained.
        min_frequency, max_vocabulary: which words get an embedding.
        truncation_side: which end of a long text is cut.
        word_dropout, position_scale, initializer_range, attend_padding: see `AttentionPoolingConfig`.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    min_steps: int = 0
    weight_decay: float = 0.01
    warmup: float = 0.0
    decay: bool = False
    validation_share: float = 0.2
    patience: int = 3
    keep: str = "best"
    min_frequency: int = 5
    max_vocabulary: int = 32_000
    truncation_side: str = "right"
    word_dropout: float = 0.0
    position_scale: float = 1.0
    initializer_range: float = 1.0
    attend_padding: bool = False

    def changed(self, *, epochs: int | None = None, learning_rate: float | None = None) -> Preset:
        """The same preset with other numbers where they are given; `epochs` then also says that none are added.

        Raises:
            SettingError: a number is not positive.

        Example:
            >>> preset("paper").changed(epochs=1).epochs
            1
        """
        changes: dict[str, int | float] = {}
        if epochs is not None:
            changes |= {"epochs": epochs, "min_steps": 0}
        if learning_rate is not None:
            changes |= {"learning_rate": learning_rate}
        for name, value in changes.items():
            if name != "min_steps" and not 0 < value < math.inf:
                raise SettingError(f"{name} must be positive, got {value}")
        return replace(self, **changes)  # type: ignore[arg-type]

    def lengthened(self, n_train: int) -> Preset:
        """The same preset with epochs and patience for `min_steps` on `n_train` texts."""
        factor = self.min_steps / (self.epochs * math.ceil(n_train / self.batch_size))
        factor = min(max(factor, 1.0), 8.0)
        return replace(self, epochs=math.ceil(self.epochs * factor), patience=math.ceil(self.patience * factor))


PRESETS = {
    preset.name: preset
    for preset in (
        # The authors' run: AdamW at 1e-4, batches of 16, 10 epochs, a fifth of the training reviews held out, unit
        # normal word vectors, padding with the unknown word and attending to it.
        Preset("paper", epochs=10, batch_size=16, learning_rate=1e-4, patience=10, attend_padding=True),
        # The same sizes. Reviews end with their verdict, so the beginning is cut; hidden words regularise and teach
        # the model the removals that explanations will make.
        Preset(
            "default",
            epochs=6,
            batch_size=64,
            learning_rate=1e-3,
            min_steps=1500,
            weight_decay=0.0,
            warmup=0.1,
            decay=True,
            validation_share=0.1,
            patience=2,
            truncation_side="left",
            word_dropout=0.5,
            position_scale=0.3,
            initializer_range=0.05,
        ),
    )
}


def preset(name: str) -> Preset:
    """A preset by name.

    Raises:
        SettingError: there is no such preset.

    Example:
        >>> preset("paper").batch_size
        16
    """
    if name not in PRESETS:
        raise SettingError(f"unknown preset {name!r}: use one of {', '.join(PRESETS)}")
    return PRESETS[name]
