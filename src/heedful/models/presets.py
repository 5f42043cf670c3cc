"""Training presets: the paper's configuration, and ours with the same sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from heedful.support.kinds import OneOf
from heedful.support.names import choose
from heedful.support.settings import check_settings, check_whole


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

    Raises:
        SettingError: a value is of another type than its annotation says, or out of its bounds.
    """

    name: str
    epochs: Annotated[int, Ge(1)]
    batch_size: Annotated[int, Ge(1)]
    learning_rate: Annotated[float, Gt(0), Lt(math.inf)]
    min_steps: Annotated[int, Ge(0)] = 0
    weight_decay: Annotated[float, Ge(0), Lt(math.inf)] = 0.01
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.0
    decay: bool = False
    validation_share: Annotated[float, Gt(0), Lt(1)] = 0.2
    patience: Annotated[int, Ge(1)] = 3
    keep: Annotated[str, OneOf(("best", "last"))] = "best"
    min_frequency: Annotated[int, Ge(1)] = 5
    max_vocabulary: Annotated[int, Ge(1)] = 32_000
    truncation_side: Annotated[str, OneOf(("left", "right"))] = "right"
    word_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    position_scale: Annotated[float, Ge(0), Lt(math.inf)] = 1.0
    initializer_range: Annotated[float, Ge(0), Lt(math.inf)] = 1.0
    attend_padding: bool = False

    def __post_init__(self) -> None:
        check_settings(self)

    def changed(self, *, epochs: int | None = None, learning_rate: float | None = None) -> Preset:
        """The same preset with other numbers where they are given; `epochs` then also says that none are added.

        With more epochs training waits longer for a better one, in proportion: the learning rate rises longer, too.

        Raises:
            SettingError: a number of another type, or not above 0.

        Example:
            >>> preset("paper").changed(epochs=1).epochs
            1
        """
        preset = self
        if epochs is not None:
            check_whole("epochs", epochs, 1)
            patience = math.ceil(self.patience * max(1.0, epochs / self.epochs))
            preset = replace(self, epochs=epochs, min_steps=0, patience=patience)
        return preset if learning_rate is None else replace(preset, learning_rate=learning_rate)

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
    return PRESETS[choose(name, list(PRESETS), "preset")]
