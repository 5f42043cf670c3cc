"""LIME's neighbourhood of a text: which units to remove, and how much each sample weighs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import SettingError
from heedful.games.exact.enumeration import subsets
from heedful.games.sampled.lime.compiled import remove_units

Masks = Bool[np.ndarray, "n units"]
Weights = Float64[np.ndarray, " n"]


SAMPLERS = ("fast", "lime", "adjusted")


def sample(sampler: str, n_samples: int, n_units: int, seed: int, kernel_width: float) -> tuple[Masks, Weights]:
    """Masks by one of `SAMPLERS`, and the weights of the fit: lime's kernel, for "adjusted" over its sizes' chances.

    Example:
        >>> sample("fast", 1, 3, seed=0, kernel_width=0.25)
        (array([[ True,  True,  True]]), array([1.]))
    """
    if sampler == "adjusted":
        return draw_by_gain(n_samples, n_units, seed, kernel_width)
    masks = (draw if sampler == "fast" else draw_as_lime)(n_samples, n_units, seed)
    return masks, weigh(masks, kernel_width)


def draw(n_samples: int, n_units: int, seed: int) -> Masks:
    """Keep/remove masks from LIME's distribution; the first row keeps everything.

    LIME removes s units, s uniform on 1..d, the units uniform given s.

    Example:
        >>> draw(3, 4, seed=0).shape
        (3, 4)
    """
    generator = np.random.default_rng(seed)
    return _remove(generator.integers(1, n_units + 1, n_samples - 1), n_units, generator)


def draw_as_lime(n_samples: int, n_units: int, seed: int) -> Masks:
    """The very masks that lime 0.2.0.1 draws with `random_state=seed`: same generator, same calls, same order.

    Raises:
        SettingError: the seed is not below 2**32, as that generator needs.
    """
    if seed >= 2**32:
        raise SettingError(f"lime's own masks need a seed below {2**32}, got {seed}")
    generator = np.random.RandomState(seed)
    masks = np.ones((n_samples, n_units), dtype=bool)
    for row, size in enumerate(generator.randint(1, n_units + 1, n_samples - 1), start=1):
        masks[row, generator.choice(n_units, size, replace=False)] = False
    return masks


def draw_by_gain(n_samples: int, n_units: int, seed: int, kernel_width: float) -> tuple[Masks, Weights]:
    """Independent masks for the same weighted fit from fewer samples, and their weights; the first keeps everything.

    Sizes s are drawn as often as the fit gains from them for their cost in kept tokens, with chances
    q(s) ~ pi(s) sqrt(s / (d - s + 1)), and weigh pi(s) / (d q(s)), so that weighted sums keep their expectations.

    Raises:
        SettingError: the width is so small that no mask has any weight.

    Example:
        >>> masks, weights = draw_by_gain(5, 4, seed=0, kernel_width=0.25)
        >>> masks.shape, float(weights[0])
        ((5, 4), 1.0)
    """
    generator = np.random.default_rng(seed)
    size = np.arange(1, n_units + 1)
    sample_weight = _kernel((n_units - size) / n_units, kernel_width)
    chance = sample_weight * np.sqrt(size / (n_units - size + 1))
    if chance.sum() < 1e-200:  # below, shares of it are not exact
        raise SettingError(f"kernel_width {kernel_width} leaves masks of {n_units} units no weight: use a larger one")
    chance /= chance.sum()
    drawn = generator.choice(n_units, n_samples - 1, p=chance)
    masks = _remove(size[drawn], n_units, generator)
    return masks, np.append(1.0, sample_weight[drawn] / (n_units * chance[drawn]))


def draw_all(n_samples: int, n_units: int, kernel_width: float) -> tuple[Masks, Weights]:
    """Every mask once, with the weight that n_samples of `draw` give it in expectation; the first keeps everything.

    Example:
        >>> masks, weights = draw_all(5, 2, kernel_width=np.inf)
        >>> masks.tolist(), weights
        ([[True, True], [False, True], [True, False], [False, False]], array([1., 1., 1., 2.]))
    """
    masks = np.ascontiguousarray(subsets(n_units)[::-1])
    equals = np.array([math.comb(n_units, size) for size in range(n_units + 1)])[masks.sum(axis=1)]
    weights = weigh(masks, kernel_width) * (n_samples - 1) / (n_units * equals)
    weights[0] = 1.0
    return masks, weights


def weigh(masks: Masks, kernel_width: float) -> Weights:
    """LIME's sample weights exp(-D^2 / (2 nu^2)), D = 1 - sqrt(share of units kept): the cosine distance to all ones.

    `kernel_width` is nu; lime's default of 25 on distances times 100 is 0.25. Infinity weighs all samples alike.
    Source: Mardaoui and Garreau 2021, equation 3.

    Example:
        >>> weigh(np.array([[True, True], [True, False]]), 0.25).round(6)
        array([1.     , 0.50344])
    """
    kept = masks.view(np.uint8).sum(axis=1, dtype=np.uint32)  # six times as fast as counting booleans
    return _kernel(kept / masks.shape[1], kernel_width)


def _remove(sizes: Int64[np.ndarray, " removals"], n_units: int, generator: np.random.Generator) -> Masks:
    """A mask that keeps everything, then for each of the sizes one with so many units removed."""
    masks = np.ones((len(sizes) + 1, n_units), dtype=bool)
    swaps = np.minimum(sizes, n_units - sizes).sum()
    remove_units(sizes, generator.integers(2**32, size=swaps, dtype=np.uint32), masks[1:])
    return masks


def _kernel(share_kept: Weights, kernel_width: float) -> Weights:
    return np.exp(-0.5 * ((1.0 - np.sqrt(share_kept)) / kernel_width) ** 2)
