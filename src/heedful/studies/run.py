"""What a stage of a study works with: settings, texts, trained classifiers, earlier tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.classifier.pretrained import from_pretrained
from heedful.data import Dataset, Splits
from heedful.errors import DataError, SettingError
from heedful.runs.tables import Tables
from heedful.support.progress import track

Item = TypeVar("Item")


@runtime_checkable
class Recipe(Protocol):
    """How a classifier of a study is trained: a frozen dataclass, whose fields say all there is to say about it."""

    @property
    def name(self) -> str:
        """What stages call the classifier."""

    @property
    def data(self) -> str:
        """Key of the data it is trained on."""

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train into a folder, unless that is done; go on there after a kill.

        Args:
            splits: the data.
            folder: for the model, its tokenizer and `metrics.json`: a folder that `from_pretrained` loads.
            seed: of everything random.
            progress: show progress on stderr.

        Returns:
            What stands in `metrics.json`; among it `test` with `n` and `accuracy`, if there is a test part.

        Raises:
            SettingError: the folder holds a model of another recipe, other data or another seed.
        """


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every study's settings hold; a study adds its own numbers.

    Attributes:
        recipes: the classifiers there are.
    """

    recipes: tuple[Recipe, ...]


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, eq=False)
class Run(Generic[S]):
    """What a stage works with.

    Attributes:
        settings: the study's numbers.
        folder: where everything goes: `models`, `tables`, `figures` and the report.
        seed: seed of everything random.
        data: the texts, by key; "corpus" is the one the study is about.
        progress: whether to show progress on stderr.
    """

    settings: S
    folder: Path
    seed: int
    data: Mapping[str, Splits]
    progress: bool = False
    _loaded: dict[str, Classifier] = field(default_factory=dict)

    @property
    def tables(self) -> Tables:
        """Tables of the stages that have run."""
        return Tables(self.folder / "tables")

    def table(self, name: str) -> pa.Table:
        """Read a table of an earlier stage."""
        return self.tables[name]

    def classifier(self, name: str = "paper") -> Classifier:
        """Load a classifier by the name of its recipe; train it where it has not been yet."""
        if name not in self._loaded:
            self.training(name)
            self._loaded[name] = from_pretrained(self.folder / "models" / name, name=name)
        return self._loaded[name]

    def training(self, name: str) -> dict[str, Any]:
        """Train the classifier of a recipe, unless that is done; return what stands in its `metrics.json`.

        Raises:
            SettingError: there is no such recipe, or the folder holds a model of another one.
        """
        recipe = self.recipe(name)
        folder = self.folder / "models" / name
        return recipe.train(self.data[recipe.data], folder, self.seed, progress=self.progress)

    def recipe(self, name: str) -> Recipe:
        """Return a recipe by name.

        Raises:
            SettingError: there is no such recipe.
        """
        recipe = next((recipe for recipe in self.settings.recipes if recipe.name == name), None)
        if recipe is None:
            known = ", ".join(recipe.name for recipe in self.settings.recipes)
            raise SettingError(f"no recipe for a classifier {name!r}: there are {known}")
        return recipe

    def texts(self, n: int | None = None, *, data: str = "corpus") -> tuple[str, ...]:
        """Return test texts: all, or n drawn by the seed, in the order of the data set.

        Raises:
            DataError: the data has no test part.
        """
        test = self._test(data)
        return tuple(test.texts[i] for i in self.sample(n, data=data))

    def sample(self, n: int | None = None, *, data: str = "corpus") -> list[int]:
        """Return the places of `texts` in the test part."""
        chosen = np.random.default_rng(self.seed).permutation(len(self._test(data)))[:n]
        chosen.sort()
        places: list[int] = chosen.tolist()
        return places

    def _test(self, data: str) -> Dataset:
        test = self.data[data].test
        if test is None:
            raise DataError(f"{self.data[data].train.source}: the study needs a test part beside train")
        return test

    def track(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """Iterate with a progress bar."""
        return track(items if isinstance(items, Sequence) else list(items), what, shown=self.progress)
