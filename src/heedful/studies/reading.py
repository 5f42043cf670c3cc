"""How studies read data sets: a folder each below the one that is given, drawn down to the sizes of the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heedful.data import Dataset, Splits, planted, read_splits
from heedful.errors import DataError
from heedful.support.files import is_folder


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
    if not is_folder(folder):
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


def planted_reviews(n_train: int, n_test: int, seed: int) -> Splits:
    """Generate planted reviews to train and to test on, the same for the same seed.

    Example:
        >>> splits = planted_reviews(3, 2, seed=0)
        >>> len(splits.train), len(splits.test)
        (3, 2)
    """
    sizes = ((n_train, 2 * seed), (n_test, 2 * seed + 1))
    train, test = (planted.as_dataset(planted.generate(n, part_seed)) for n, part_seed in sizes)
    return Splits(train, None, test)


def drawn(part: Dataset, n: int, seed: int) -> Dataset:
    """Return so many texts of a part, or all, drawn by the seed, in their order.

    Example:
        >>> drawn(Dataset(("a", "b", "c"), np.array([0, 1, 0]), ("no", "yes"), "here"), 5, seed=0).texts
        ('a', 'b', 'c')
    """
    return part.subset(np.sort(np.random.default_rng(seed).permutation(len(part))[:n]))
