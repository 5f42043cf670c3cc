"""The recipe most studies start from: the paper's classifier, trained by a preset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heedful.data import Splits
from heedful.models.presets import Preset
from heedful.models.training import Sizes, train


@dataclass(frozen=True)
class PaperClassifier:
    """A recipe for the paper's classifier.

    Attributes:
        name: what stages call it.
        data: key of the data it is trained on.
        preset: everything that shapes the training run.
        sizes: sizes of the model.
    """

    name: str
    data: str
    preset: Preset
    sizes: Sizes

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train it as `heedful.models.training.train` does."""
        return train(splits, folder, self.preset, sizes=self.sizes, seed=seed, progress=progress)
