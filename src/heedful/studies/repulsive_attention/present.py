"""Planted texts whose label needs four words at once: whether all of them are there, or one is missing."""

from __future__ import annotations

import numpy as np

from heedful.data import Dataset

KEYS = ("north", "south", "east", "west")
FILLERS = tuple(f"word{i}" for i in range(30))
LENGTH = 20


def generate(n: int, seed: int) -> Dataset:
    """Return n texts: half of them hold all four words, half of them three and no fourth, at places drawn at random.

    Example:
        >>> data = generate(4, 0)
        >>> [sum(word in text.split() for word in KEYS) for text in data.texts], data.labels.tolist()
        ([3, 4, 3, 4], [0, 1, 0, 1])
    """
    draw = np.random.default_rng(seed)
    texts, labels = [], np.arange(n, dtype=np.int64) % 2
    for label in labels:
        words = draw.choice(FILLERS, LENGTH)
        places = draw.permutation(LENGTH)[: len(KEYS)]
        missing = draw.integers(len(KEYS)) if label == 0 else -1
        for i, (place, key) in enumerate(zip(places, KEYS, strict=True)):
            if i != missing:
                words[place] = key
        texts.append(" ".join(words))
    return Dataset(tuple(texts), labels, ("one missing", "all four"), "planted texts of four words")
