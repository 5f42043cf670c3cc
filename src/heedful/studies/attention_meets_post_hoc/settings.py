"""The numbers of the study: of the full run, on IMDb, and of the quick one, on planted reviews."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heedful.data import Splits, read_splits
from heedful.errors import DataError
from heedful.models.builtin import REVIEW
from heedful.models.presets import PRESETS
from heedful.models.training import Sizes
from heedful.studies.attention_meets_post_hoc import variants
from heedful.studies.attention_meets_post_hoc.claims import claims
from heedful.studies.reading import planted_reviews
from heedful.studies.recipes import PaperClassifier
from heedful.studies.run import Settings
from heedful.studies.verdicts import Claim

SENTENCE = "attention based explanations are popular but questionable"  # Figure 1 of the paper
HOW = (
    "this study reads the IMDb reviews: give --data FOLDER, with aclImdb as unpacked from "
    "https://ai.stanford.edu/~amaas/data/sentiment, or with train.parquet and test.parquet of the hub's "
    "stanfordnlp/imdb; --quick runs without"
)

_PLANTED = PaperClassifier(
    "planted",
    "planted",
    replace(
        PRESETS["default"],
        epochs=5,
        min_steps=0,
        learning_rate=1e-2,
        word_dropout=0.3,
        min_frequency=1,
        truncation_side="right",
    ),
    Sizes(hidden_size=32, key_size=16, value_size=16, heads=4, max_tokens=128),
)


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    """How much of everything is measured; None: all test texts.

    Attributes:
        recipes: "paper", the authors' configuration, and "planted", for the control.
        built_in: the corpus is planted reviews, too.
        sentence: of Figures 1, 3 and 5.
        review_units: least and most word types of the review of Figure 4.
        review_runs: runs of LIME in Figure 4.
        gradients: texts for the closed form against autograd.
        formulas: texts for LIME by formula against its exact limit.
        sampled: texts for sampled LIME.
        sampled_runs: runs a text and masking.
        lime_samples: masked texts of every run of LIME.
        affine: texts for LIME as an image of attention.
        widths: texts for LIME against Shapley.
        kernel_widths: at which.
        samples: texts for how many samples are needed.
        sample_sizes: numbers of samples tried.
        sample_runs: runs a text and method.
        attention: texts for attention against Shapley.
        seeds: trainings behind the headline, of this seed and the next ones.
        seed_texts: texts for attention against Shapley in each of them.
        variants: other classifiers, the first one the standard they are compared with.
        variant_texts: texts for each of them where Shapley values are exact.
        sampled_variant_texts: texts where they are sampled.
        margins: by figure, the difference to the standard from which on a variant changes the answer.
        most_noise: mean standard error of sampled Shapley values, as a share of the largest, with which such a
            difference is still judged.
        claims: what the report confirms or refutes.
        control: planted reviews to explain.
        training_reviews: planted reviews to train on.
    """

    recipes: tuple[PaperClassifier, ...]
    built_in: bool
    sentence: str
    review_units: tuple[int, int]
    review_runs: int
    gradients: int | None
    formulas: int | None
    sampled: int
    sampled_runs: int
    lime_samples: int
    affine: int | None
    widths: int
    kernel_widths: tuple[float, ...]
    samples: int
    sample_sizes: tuple[int, ...]
    sample_runs: int
    attention: int | None
    seeds: int
    seed_texts: int
    variants: tuple[variants.Variant, ...]
    variant_texts: int
    sampled_variant_texts: int
    margins: tuple[tuple[str, float], ...]
    most_noise: float
    claims: tuple[Claim, ...]
    control: int
    training_reviews: int


FULL = Numbers(
    recipes=(PaperClassifier("paper", "corpus", PRESETS["paper"], Sizes()), _PLANTED),
    built_in=False,
    sentence=SENTENCE,
    review_units=(100, 140),
    review_runs=50,
    gradients=None,
    formulas=None,
    sampled=500,
    sampled_runs=5,
    lime_samples=5000,
    affine=2000,
    widths=1000,
    kernel_widths=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, math.inf),
    samples=300,
    sample_sizes=tuple(250 * 2**k for k in range(9)),
    sample_runs=1,  # a second run on the same text tells less than a run on another
    attention=None,
    seeds=3,
    seed_texts=10_000,
    variants=variants.FULL,
    variant_texts=1000,
    sampled_variant_texts=100,
    margins=(("kendall_size", 0.05), ("kendall", 0.05), ("against", 0.05)),
    most_noise=0.1,
    claims=claims(4000),
    control=1000,
    training_reviews=4000,
)

QUICK = replace(
    FULL,
    recipes=(
        PaperClassifier(
            "paper",
            "corpus",
            replace(
                PRESETS["paper"], epochs=5, batch_size=32, learning_rate=3e-3, min_frequency=1, initializer_range=0.1
            ),
            Sizes(hidden_size=32, key_size=16, value_size=16, heads=6, max_tokens=64),
        ),
        _PLANTED,
    ),
    built_in=True,
    sentence=REVIEW.split(". ")[1],
    review_units=(20, 60),
    review_runs=10,
    gradients=200,
    formulas=200,
    sampled=10,
    sampled_runs=3,
    lime_samples=1000,
    affine=200,
    widths=50,
    kernel_widths=(0.05, 0.25, 1.0, math.inf),
    samples=10,
    sample_sizes=(250, 500, 1000),
    sample_runs=2,
    attention=200,
    seed_texts=100,
    variants=variants.QUICK,
    variant_texts=200,
    sampled_variant_texts=10,
    claims=claims(1000),
    control=200,
    training_reviews=2000,
)


def data(settings: Numbers, path: Path | None, seed: int) -> Mapping[str, Splits]:
    """The corpus and the planted reviews: train and test parts of other seeds.

    Raises:
        DataError: there is no corpus, or it has no test part; the message says how to get it.
    """
    if settings.built_in and path is not None:
        raise DataError("--quick brings its own reviews: give --data or --quick, not both")
    if not settings.built_in and path is None:
        raise DataError(HOW)
    reviews = planted_reviews(settings.training_reviews, settings.control, seed)
    if path is None:
        return {"corpus": reviews, "planted": reviews}
    try:
        splits = read_splits(path)
    except DataError as error:
        raise DataError(f"{error}; {HOW}") from None
    if splits.test is None or len(splits.train.label_names) != 2:
        raise DataError(f"{path}: no train and test parts with two classes; {HOW}")
    return {"corpus": splits, "planted": reviews}
