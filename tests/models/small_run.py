"""A run of training that takes half a second: its data, its settings, what it leaves behind."""

import json
from dataclasses import replace

import numpy as np
from safetensors.numpy import load_file

from heedful.data import Dataset, Splits
from heedful.models.presets import PRESETS
from heedful.models.training import Sizes

FILES = ["config.json", "metrics.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
FILLERS = [
    "film",
    "plot",
    "actor",
    "scene",
    "music",
    "story",
    "camera",
    "ending",
    "the",
    "was",
    "a",
    "very",
    "and",
    "it",
]
SIGNALS = (["awful", "dull", "weak", "bad"], ["great", "lovely", "superb", "good"], ["red", "blue"], ["cat", "dog"])
NAMES = ("negative", "positive", "colour", "animal")

SIZES = Sizes(hidden_size=8, key_size=4, value_size=4, heads=2, max_tokens=16)
# gets every validation text right after a few of its eight epochs, and then waits for two without improvement
RECIPE = replace(
    PRESETS["default"], epochs=8, min_steps=0, batch_size=32, learning_rate=0.1, min_frequency=1, word_dropout=0.3,
    validation_share=0.2, initializer_range=0.5,
)  # fmt: skip


def texts(n, seed, n_classes=2):
    """Some fillers, and one word that tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    lines = []
    for label in labels:
        words = [*rng.choice(FILLERS, rng.integers(4, 12)), rng.choice(SIGNALS[label])]
        lines.append(" ".join(rng.permutation(words)))
    return Dataset(tuple(lines), labels, NAMES[:n_classes], "synthetic")


SPLITS = Splits(texts(240, 0), None, texts(60, 5))


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text("utf-8"))


def weights(folder):
    return load_file(folder / "model.safetensors")


def assert_same_run(folder, other):
    one, two = metrics_of(folder), metrics_of(other)
    for key in ("history", "validation", "test", "n_train", "n_validation", "vocabulary", "preset"):
        assert one[key] == two[key], key
    np.testing.assert_equal(weights(folder), weights(other))
    assert [path.name for path in sorted(folder.iterdir())] == FILES
