"""The numbers of the study: of the full run, and of the quick one, which needs no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from heedful.data import Dataset, Splits, read
from heedful.errors import DataError
from heedful.studies.reading import planted_reviews
from heedful.studies.run import Settings
from heedful.studies.sparse_attention.hypotheses import Hypothesis, hypotheses
from heedful.studies.sparse_attention.recipe import PAPER, Pooled

ALPHAS = (1.0, 1.25, 1.5, 1.75, 2.0)
# the paper's classifier has a query at [CLS], so that the control with the additive scorer is another bag of words
PLACES = (
    (PAPER, "dot"), ("words", "additive"), ("bilstm", "dot"), ("bilstm", "additive"), ("self-attention", "dot"),
    ("self-attention", "additive"),
)  # fmt: skip
_OF_ENCODER: dict[str, dict[str, Any]] = {"self-attention": {"state_size": 64}}  # it costs all pairs of words
SST2, IMDB, PLANTED = "SST-2", "IMDb", "planted"
FILES = {
    SST2: ("sst2/train_sentences.parquet", "sst2/test.parquet"),
    IMDB: ("imdb/train.parquet", "imdb/test.parquet"),
}
HOW = (
    "this study reads the sentences of SST-2 and the reviews of IMDb: give --data FOLDER with "
    + ", ".join(name for pair in FILES.values() for name in pair)
    + " (columns text and label); --quick runs without"
)


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    """How much of everything is measured.

    Attributes:
        recipes: the classifiers: every data set, encoder with its scorer, alpha and training.
        training_texts, test_texts: most that are taken of each data set, drawn at random.
        texts: test texts that every classifier is measured on.
        shapley_texts: how many of them get Shapley values, in the control.
        n_permutations: walked for these where they are sampled.
        matched: largest difference between accuracies at different alphas that counts as none.
        hypotheses: what the report judges.
    """

    recipes: tuple[Pooled, ...]
    training_texts: int
    test_texts: int
    texts: int
    shapley_texts: int
    n_permutations: int
    matched: float
    hypotheses: tuple[Hypothesis, ...]


def recipes(data: tuple[str, ...], alphas: tuple[float, ...], trainings: int, **sizes: Any) -> tuple[Pooled, ...]:
    """Return the recipes of all classifiers; `sizes` are fields of `Pooled`."""
    return tuple(
        replace(Pooled(name, encoder, scorer, alpha, nth), **_OF_ENCODER.get(encoder, {}) | sizes)
        for name in data
        for nth in range(trainings)
        for encoder, scorer in PLACES
        for alpha in alphas
    )


FULL = Numbers(
    recipes=recipes((SST2, PLANTED), ALPHAS, 3) + recipes((IMDB,), ALPHAS, 3, epochs=3),
    training_texts=8000,
    test_texts=2000,
    texts=100,
    shapley_texts=40,
    n_permutations=40,
    matched=0.02,
    hypotheses=hypotheses((SST2, IMDB, PLANTED)),
)
QUICK = replace(
    FULL,
    recipes=recipes(
        (PLANTED,), (1.0, 1.5, 2.0), 2, hidden_size=32, state_size=32, dropout=0.1, max_tokens=64, min_frequency=1,
        epochs=5, learning_rate=1e-2,
    ),
    training_texts=2000,
    test_texts=400,
    texts=60,
    shapley_texts=20,
    n_permutations=20,
    hypotheses=hypotheses((PLANTED,)),
)  # fmt: skip


def data(settings: Numbers, path: Path | None, seed: int) -> Mapping[str, Splits]:
    """The texts: train and test parts, as many as the settings say.

    Raises:
        DataError: a file is missing or is of no use; the message says what is wanted.
    """
    names = dict.fromkeys(one.data for one in settings.recipes)
    reads = any(name in FILES for name in names)
    if path is None and reads:
        raise DataError(HOW)
    if path is not None and not reads:
        raise DataError("--quick brings its own reviews: give --data or --quick, not both")
    made = planted_reviews(settings.training_texts, settings.test_texts, seed)
    return {name: _read(path, FILES[name], settings, seed) if name in FILES else made for name in names}


def _read(path: Path | None, files: tuple[str, str], settings: Numbers, seed: int) -> Splits:
    assert path is not None  # noqa: S101 - `data` has seen to it
    try:
        train, test = (read(path / name) for name in files)
    except DataError as error:
        raise DataError(f"{error}; {HOW}") from None
    if len(train.label_names) != 2 or train.label_names != test.label_names:
        raise DataError(f"{path}: {files[0]} and {files[1]} must have the same two classes")
    return Splits(_some(train, settings.training_texts, seed), None, _some(test, settings.test_texts, seed))


def _some(data: Dataset, n: int, seed: int) -> Dataset:
    if n >= len(data):
        return data
    return data.subset(np.sort(np.random.default_rng(seed).choice(len(data), n, replace=False)))
