"""How studies read data sets: a folder each below the one that is given, drawn down to the sizes of the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heedful.data import Dataset, Splits, read_splits
from heedful.errors import DataError


def read_folder(path: Path, name: str, advice: str, *, validated: bool = False) -> Splits:
    """Read the data set in a folder below a path.

    Args:
        path: what `--data` names.
        name: of the folder there.
        advice: what the study reads, for messages.
        validated: whether a validation part is needed beside train and test.

    Raises:
        DataError: there is no such folder, it cannot be read, or a part is missing; the message ends with the advice.
    """
    folder = path / name
    if not folder.is_dir():
        raise DataError(f"{path}: no folder {name} there; {advice}")
    try:
        splits = read_splits(folder)
    except DataError as error:
        raise DataError(f"{error}; {advice}") from None
    if validated and splits.validation is None:
        raise DataError(f"{folder}: no validation part; {advice}")
    if splits.test is None:
        raise DataError(f"{folder}: no test part; {advice}")
    return splits


def drawn(part: Dataset, n: int, seed: int) -> Dataset:
    """Return so many texts of a part, or all, drawn by the seed, in their order.

    Example:
        >>> drawn(Dataset(("a", "b", "c"), np.array([0, 1, 0]), ("no", "yes"), "here"), 5, seed=0).texts
        ('a', 'b', 'c')
    """
    return part.subset(np.sort(np.random.default_rng(seed).permutation(len(part))[:n]))
