"""Dataset: texts with labels, their class names, and what a reference says of every token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Int64

from heedful.errors import DataError, SettingError


@dataclass(frozen=True, eq=False)
class Rationale:
    """What a reference says about every token of one text.

    Attributes:
        spans: int64 array (tokens, 2), start and end of each token as characters of the text.
        weights: float64 array (tokens,), how much each token speaks for the text's label: 0 or 1 for one annotator,
            the share of annotators who marked it for several; planted reviews have negative ones for words against.
        roles: "for", "against", "neutral" or "modifier" of every token, where that is known.
    """

    spans: Int64[np.ndarray, "tokens 2"]
    weights: Float64[np.ndarray, " tokens"]
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Texts with labels.

    Attributes:
        texts: the texts, untouched.
        labels: int64 array (texts,), class numbers from 0; read-only.
        label_names: the name of every class.
        source: where the texts come from.
        rationales: one a text (None where a text has none), or None if no text has one.

    Raises:
        DataError: the lengths differ, or a label is not a class number.
    """

    texts: tuple[str, ...]
    labels: Int64[np.ndarray, " texts"]
    label_names: tuple[str, ...]
    source: str
    rationales: tuple[Rationale | None, ...] | None = None

    def __post_init__(self) -> None:
        labels = np.array(self.labels, dtype=np.int64)
        labels.setflags(write=False)
        object.__setattr__(self, "labels", labels)
        sizes = {len(self.texts), len(labels), len(self.texts if self.rationales is None else self.rationales)}
        if len(sizes) > 1:
            raise DataError(f"{self.source}: texts, labels and rationales differ in length")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.label_names):
            raise DataError(f"{self.source}: labels must be class numbers from 0 to {len(self.label_names) - 1}")

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Iterable[int] | Int[np.ndarray, " chosen"]) -> Dataset:
        """Return the texts at `indices`, in that order.

        Example:
            >>> import numpy as np
            >>> three = Dataset(("a", "b", "c"), np.array([0, 1, 0]), ("no", "yes"), "here")
            >>> three.subset([2, 1]).texts
            ('c', 'b')
        """
        chosen = [int(i) for i in indices]
        return Dataset(
            tuple(self.texts[i] for i in chosen),
            self.labels[chosen],
            self.label_names,
            self.source,
            None if self.rationales is None else tuple(self.rationales[i] for i in chosen),
        )

    def split(self, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Return (rest, held out): `fraction` of every class held out, drawn by `seed`; both keep the order.

        A class of at least two texts has one or more on either side; a single text stays in the rest.

        Raises:
            SettingError: `fraction` is not between 0 and 1.

        Example:
            >>> import numpy as np
            >>> ten = Dataset(tuple("abcdefghij"), np.arange(10) % 2, ("even", "odd"), "here")
            >>> rest, held_out = ten.split(0.4)
            >>> len(rest), np.bincount(held_out.labels)
            (6, array([2, 2]))
        """
        if not 0 < fraction < 1:
            raise SettingError(f"the fraction to hold out must lie between 0 and 1, got {fraction}")
        rng = np.random.default_rng(seed)
        held = np.zeros(len(self), dtype=bool)
        for c in range(len(self.label_names)):
            of_class = rng.permutation(np.flatnonzero(self.labels == c))
            size = min(max(round(fraction * len(of_class)), 1), len(of_class) - 1)
            held[of_class[: max(size, 0)]] = True
        return self.subset(np.flatnonzero(~held)), self.subset(np.flatnonzero(held))


@dataclass(frozen=True)
class Splits:
    """The parts of a data set; all have the label names of `train`."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
