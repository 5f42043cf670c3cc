"""The built-in model: trained once on planted reviews, then kept in the user's cache."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

from heedful.data import Splits, planted
from heedful.errors import InputError
from heedful.models.presets import PRESETS
from heedful.models.training import Sizes, train
from heedful.runs.lock import locked
from heedful.support.files import write_whole

NAME = "demo"
REVIEW = (
    "We saw it on a Friday evening. "
    "The soundtrack was charming, but the plot was not good and the ending was truly dull."
)
_SUMS = "checksums.json"
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
    """Return where built-in models are kept: $HEEDFUL_CACHE, else $XDG_CACHE_HOME/heedful, else ~/.cache/heedful.

    Raises:
        InputError: none of the three is known.
    """
    if given := os.environ.get("HEEDFUL_CACHE"):
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heedful"
    except RuntimeError:
        raise InputError("there is no home folder to keep the built-in model in: set HEEDFUL_CACHE") from None


def demo_folder(*, progress: bool = False) -> Path:
    """Return the folder of the built-in model; the first call trains it, in a few seconds, on planted reviews.

    Processes that ask at the same time wait for one of them to train it. A folder in which anything is missing or
    other than it was written is made anew.

    Raises:
        InputError: the cache folder cannot be written, and holds no whole model.
    """
    folder = cache_folder() / f"demo-{_VERSION}"
    try:
        if _is_whole(folder):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(".lock"), wait=True):
            if not _is_whole(folder):  # by now another process may have trained it
                _remove(folder)
                data = planted.as_dataset(planted.generate(4000, seed=0))
                train(Splits(data, None, None), folder, _RECIPE, sizes=_SIZES, seed=0, progress=progress)
                write_whole(folder / _SUMS, json.dumps(_sums(folder), indent=2) + "\n")
    except (OSError, ValueError) as error:  # an InputError of training among them
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot keep the built-in model in {folder.parent}: {reason}; set HEEDFUL_CACHE") from error
    return folder


def _is_whole(folder: Path) -> bool:
    """Tell whether all files are as they were written; the sums of a model come last."""
    try:
        sums = json.loads((folder / _SUMS).read_text("utf-8"))
        return bool(sums) and sums == _sums(folder)
    except (OSError, ValueError, RecursionError):
        return False


def _sums(folder: Path) -> dict[str, str]:
    """Checksums of the files of a model, by name."""
    files = sorted(path for path in folder.iterdir() if path.name != _SUMS and not path.name.startswith("."))
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def _remove(path: Path) -> None:
    """Delete whatever is there, be it a folder or anything else."""
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)
