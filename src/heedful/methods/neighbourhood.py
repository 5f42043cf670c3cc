"""LIME's neighbourhood of a text: which units to remove, and how much each sample weighs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

Masks = Bool[np.ndarray, "n units"]


def draw(n_samples: int, n_units: int, seed: int) -> Masks:
    """Keep/remove masks from LIME's distribution; the first row keeps everything.

    LIME removes s units, s uniform on 1..d, the units uniform given s. Removing every unit independently with one
    probability a row, itself uniform on [0, 1], makes s uniform on 0..d and the units uniform given s; rows with
    s = 0 are drawn again. That needs no permutation a row.

    Example:
        >>> draw(3, 4, seed=0).shape
        (3, 4)
    """
    generator = np.random.default_rng(seed)
    masks = np.ones((n_samples, n_units), dtype=bool)
    rows = np.arange(1, n_samples)
    while len(rows):
        shape = (len(rows), n_units)
        masks[rows] = generator.random(shape, np.float32) >= generator.random((len(rows), 1), np.float32)
        rows = rows[masks[rows].all(axis=1)]
    return masks


def draw_as_lime(n_samples: int, n_units: int, seed: int) -> Masks:
    """The very masks that lime 0.2.0.1 draws with `random_state=seed`: same generator, same calls, same order."""
    generator = np.random.RandomState(seed)
    masks = np.ones((n_samples, n_units), dtype=bool)
    for row, size in enumerate(generator.randint(1, n_units + 1, n_samples - 1), start=1):
        masks[row, generator.choice(n_units, size, replace=False)] = False
    return masks


def weigh(masks: Masks, kernel_width: float) -> Float64[np.ndarray, " n"]:
    """LIME's sample weights exp(-D^2 / (2 nu^2)), D = 1 - sqrt(share of units kept): the cosine distance to all ones.

    `kernel_width` is nu; lime's default of 25 on distances times 100 is 0.25. Infinity weighs all samples alike.
    Source: Mardaoui and Garreau 2021, equation 3.

    Example:
        >>> weigh(np.array([[True, True], [True, False]]), 0.25).round(6)
        array([1.     , 0.50344])
    """
    distance = 1.0 - np.sqrt(masks.mean(axis=1))
    return np.exp(-0.5 * (distance / kernel_width) ** 2)
