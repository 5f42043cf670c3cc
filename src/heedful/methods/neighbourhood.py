"""LIME's neighbourhood of a text: which units to remove, and how much each sample weighs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from heedful.methods.kernels import remove_units

Masks = Bool[np.ndarray, "n units"]


def draw(n_samples: int, n_units: int, seed: int) -> Masks:
    """Keep/remove masks from LIME's distribution; the first row keeps everything.

    LIME removes s units, s uniform on 1..d, the units uniform given s.

    Example:
        >>> draw(3, 4, seed=0).shape
        (3, 4)
    """
    generator = np.random.default_rng(seed)
    masks = np.ones((n_samples, n_units), dtype=bool)
    sizes = generator.integers(1, n_units + 1, n_samples - 1)
    swaps = np.minimum(sizes, n_units - sizes).sum()
    remove_units(sizes, generator.integers(2**32, size=swaps, dtype=np.uint32), masks[1:])
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
    kept = masks.view(np.uint8).sum(axis=1, dtype=np.uint32)  # six times as fast as counting booleans
    distance = 1.0 - np.sqrt(kept / masks.shape[1])
    return np.exp(-0.5 * (distance / kernel_width) ** 2)
