"""The built-in model: trained once on planted reviews, then kept in the user's cache."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from heedful.data import Splits, planted
from heedful.errors import InputError
from heedful.models.presets import PRESETS
from heedful.models.training import METRICS, Sizes, train

NAME = "demo"
REVIEW = (
    "We saw it on a Friday evening. "
    "The soundtrack was charming, but the plot was not good and the ending was truly dull."
)
_VERSION = "1"  # raise when the recipe below changes, so that old caches are left alone
_RECIPE = replace(
    PRESETS["default"],
    epochs=5,
    min_steps=0,
    learning_rate=1e-2,
    word_dropout=0.3,
    min_frequency=1,
    truncation_side="right",
)
_SIZES = Sizes(hidden_size=32, key_size=16, value_size=16, heads=4, max_tokens=128)


def cache_folder() -> Path:
    """Where built-in models are kept: $HEEDFUL_CACHE, else $XDG_CACHE_HOME/heedful, else ~/.cache/heedful.

    Raises:
        InputError: none of the three is known.
    """
    if own := os.environ.get("HEEDFUL_CACHE"):
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heedful"
    except RuntimeError:
        raise InputError("there is no home folder to keep the built-in model in: set HEEDFUL_CACHE") from None


def demo_folder(*, progress: bool = False) -> Path:
    """Folder of the built-in model; the first call trains it, in a few seconds, on planted reviews.

    Processes that ask at the same time wait for one of them to train it.

    Raises:
        InputError: the cache folder cannot be written.
    """
    folder = cache_folder() / f"demo-{_VERSION}"
    try:
        if (folder / METRICS).is_file():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not (folder / METRICS).is_file():
                shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
                data = planted.as_dataset(planted.generate(4000, seed=0))
                train(Splits(data, None, None), folder, _RECIPE, sizes=_SIZES, seed=0, progress=progress)
    except OSError as error:
        raise InputError(f"cannot keep the built-in model in {folder.parent}: {error}; set HEEDFUL_CACHE") from error
    return folder
