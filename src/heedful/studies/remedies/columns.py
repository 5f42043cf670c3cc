"""The columns of the table, each a grid: a row a training, a column a test text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float64, Int64

from heedful.auditing.figures import PerText
from heedful.auditing.verdict import LEVELS, judge
from heedful.metrics import kendall_tau_b
from heedful.metrics.mask_probe import FOLDS, balanced, pattern, standardised, told_rightly
from heedful.studies.remedies.crossed import Grid

ACCURACY, TAU, LEAK, PLAUSIBLE, STABLE, AGAINST = (
    "accuracy", "tau_sizes", "leak", "plausible", "stable", "mass_against"
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: of its figure in the tables.
        title: in the report.
        unit: "share" or "number".
        least, most: between which it lies, and its interval.
        compared: whether rows are tested against plain training.
    """

    name: str
    title: str
    unit: str
    least: float = 0.0
    most: float = 1.0
    compared: bool = True


COLUMNS = (
    Column(ACCURACY, "accuracy", "share"),
    Column(TAU, "tau-b with sizes of Shapley values", "number", least=-1.0),
    Column("tau_effects", "tau-b with Shapley values", "number", least=-1.0),
    Column("sign", "signs that agree", "share"),
    Column(AGAINST, "attention on words against", "share"),
    Column(LEAK, "told by the mask, beyond chance", "share", least=-1.0),
    Column(PLAUSIBLE, "plausibility of attention", "number"),
    Column("plausible_exact", "plausibility of Shapley values", "number", compared=False),
    Column("flip", "flips without the top word", "share"),
    Column("flip_more", "flips beyond other words", "share", least=-1.0),
    Column(STABLE, "same map from another seed", "number", least=-1.0),
)
PER_TEXT = tuple(one.name for one in COLUMNS if one.name not in (ACCURACY, LEAK, STABLE))

Maps = Sequence[Sequence[Float64[np.ndarray, " _"]]]  # of every seed and text


def grid(columns: Mapping[str, np.ndarray], name: str) -> Grid:
    """Return a column of a table as a grid, of rows that are grouped by training, in the order of texts."""
    values: Grid = columns[name].astype(np.float64).reshape(len(np.unique(columns["nth"])), -1)
    return values


def stability(maps: Maps) -> Grid:
    """Return of every seed and text the mean tau-b of its map with the maps of the other seeds; with one seed nothing.

    Example:
        >>> one, other = np.array([0.1, 0.2, 0.7]), np.array([0.7, 0.2, 0.1])
        >>> stability([[one], [one], [other]]).tolist()
        [[0.0], [0.0], [-1.0]]
    """
    n, texts = len(maps), len(maps[0])
    taus = np.full((n, n, texts), math.nan)
    for a, b in combinations(range(n), 2):
        taus[a, b] = taus[b, a] = [kendall_tau_b(x, y) for x, y in zip(maps[a], maps[b], strict=True)]
    known = ~np.isnan(taus)
    return np.where(known.any(1), np.nansum(taus, 1) / np.maximum(known.sum(1), 1), math.nan)


def leak(
    maps: Sequence[Float64[np.ndarray, " _"]], predicted: Int64[np.ndarray, " texts"], state: int
) -> Float64[np.ndarray, " texts"]:
    """Return numbers whose mean is the balanced accuracy with which the predicted class is told, less that by chance.

    It is told from what `pattern` says of each map, in which there is no word, by logistic regression in five folds.
    Not-a-number where a class is predicted of fewer texts than there are folds, or one class of all.
    """
    _, answers = np.unique(predicted, return_inverse=True)
    often = np.bincount(answers)
    if len(often) < 2 or often.min() < FOLDS:
        return np.full(len(answers), math.nan)
    features = standardised(np.array([pattern(one) for one in maps]))
    result: np.ndarray = balanced(told_rightly(features, answers, state), answers) - 1 / len(often)
    return result


def levels(columns: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return how many trainings the audit's rule finds faithful, a map, misleading or undecided, each by itself."""
    names = list(PerText.__dataclass_fields__)
    counts = dict.fromkeys(LEVELS, 0)
    for nth in np.unique(columns["nth"]):
        rows = columns["nth"] == nth
        counts[judge(PerText(**{name: columns[name][rows].astype(np.float64) for name in names})).level] += 1
    return counts
