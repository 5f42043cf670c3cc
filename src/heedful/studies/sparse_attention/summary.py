"""All classifiers together: every text's mean over trainings, and over texts the means with their intervals.

A text measured in three trainings is one observation, its mean over them: the same texts are no new ones in another
training. How far trainings differ stands beside, as the least and the most of their means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int

from heedful.studies.measuring import Row, groups, mean, report
from heedful.studies.run import Run
from heedful.studies.sparse_attention.cells import IMPORTANCES
from heedful.studies.sparse_attention.recipe import CONTROL, MIXING
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.sparse_attention.settings import Numbers

ALL = "all"
MEANS = (
    "support", "on_words", "attention_entropy", "input_entropy", "left_out_entropy", "input_state",
    *IMPORTANCES, *(f"{name}_support" for name in IMPORTANCES), "flip_most", "flip_other", "flip_attended",
    "shapley_error",
)  # fmt: skip
SPREAD = ("input", "state", "left_out", "input_state")  # whose means are given training by training

Cells = list[tuple[Row, dict[str, np.ndarray]]]
Grid = Float64[np.ndarray, "classifiers texts"]


def by_classifier(tables: Iterable[pa.Table]) -> pa.Table:
    """One row a data set, encoder, scorer and alpha.

    Returns:
        data, encoder, scorer, alpha, trainings, n_test; accuracy (mean over trainings), accuracy_least, accuracy_most;
        texts; all of `MEANS` with their intervals over texts; tau_limit with its own (see `tau_limits`); of those in
        `SPREAD` also NAME_least and NAME_most of the trainings' means.
    """
    rows: list[Row] = []
    for key, columns in groups(pa.concat_tables(tables), "data", "encoder", "scorer", "alpha"):
        right = [float(columns["accuracy"][columns["nth"] == nth][0]) for nth in np.unique(columns["nth"])]
        spread = {
            f"{name}_{end}": pick([mean(columns[name][columns["nth"] == nth]) for nth in np.unique(columns["nth"])])
            for name in SPREAD
            for end, pick in (("least", min), ("most", max))
        }
        limits = columns | {"tau_limit": tau_limits(columns["support"], columns["n_words"])}
        rows.append(
            key
            | {"trainings": len(right), "n_test": int(columns["n_test"][0]), "accuracy": float(np.mean(right))}
            | {"accuracy_least": min(right), "accuracy_most": max(right), "texts": len(np.unique(columns["text"]))}
            | intervals.columns({name: intervals.mean(of_texts(limits, name)) for name in (*MEANS, "tau_limit")})
            | spread
        )
    return report(rows)


def tau_limits(support: Int[np.ndarray, " texts"], n_words: Int[np.ndarray, " texts"]) -> Float64[np.ndarray, " texts"]:
    """Return the largest tau-b that attention can have with scores without ties.

    The words of weight 0 are one tie: of n (n - 1) / 2 pairs of words, those of two such words cannot agree.

    Args:
        support: how many words have a weight above 0, text by text.
        n_words: how many words there are.

    Returns:
        The limits; NaN for one word, which has no pairs.

    Examples:
        >>> tau_limits(np.array([2, 1]), np.array([3, 3])).round(3).tolist()
        [1.0, 0.816]
    """
    tied = n_words - support
    pairs = np.where(n_words > 1, n_words * (n_words - 1.0), np.nan)
    return np.sqrt(1 - tied * (tied - 1.0) / pairs)


def of_texts(columns: Mapping[str, np.ndarray], name: str) -> Float64[np.ndarray, " texts"]:
    """Each text's mean over the rows about it, of those where it is defined."""
    texts = columns["text"]
    return np.array([mean(columns[name][texts == text].astype(np.float64)) for text in np.unique(texts)])


def contrasts(tables: Sequence[pa.Table], matched: float) -> pa.Table:
    """What the hypotheses are about, of every encoder and scorer, and of encoders and scorers together.

    Each is computed text by text, from its means over trainings, and then averaged over the classifiers of the row and
    over texts, with its interval over texts.

    Args:
        tables: of all classifiers.
        matched: largest difference in accuracy between alphas that counts as none.

    Returns:
        data, encoder ("mixing", "control" or one), scorer ("all" or one), texts; input_state: tau-b of the gradients by
        inputs and by states, mean over alphas; input_slope, state_slope, left_out_slope: by how much full-list tau-b
        with attention rises as alpha rises by 1 (least squares over all alphas); support_ratio, entropy_change: support
        at the largest alpha as a share of that at the smallest, and the relative change of the entropy of input
        importance; list_gap: tau-b with gradients by inputs over the support alone less that over all words, at the
        largest alpha; gap: the largest difference between alphas' accuracies, matched: whether it is within bounds.
    """
    rows: list[Row] = []
    for key, columns in groups(pa.concat_tables(tables), "data"):
        cells = list(_split(columns))
        encoders = list(dict.fromkeys(where["encoder"] for where, _ in cells))
        scopes: list[tuple[str, str]] = [("mixing", ALL), ("control", ALL)]
        scopes += [(name, ALL) for name in encoders if name in MIXING]
        scopes += dict.fromkeys((where["encoder"], where["scorer"]) for where, _ in cells)
        for encoder, scorer in scopes:
            members = {"mixing": MIXING, "control": CONTROL}.get(encoder, (encoder,))
            chosen = [
                (where, some)
                for where, some in cells
                if where["encoder"] in members and scorer in (ALL, where["scorer"])
            ]
            if chosen:
                rows.append(key | {"encoder": encoder, "scorer": scorer} | _contrast(chosen, matched))
    return report(rows)


def _split(columns: dict[str, np.ndarray]) -> Iterable[tuple[Row, dict[str, np.ndarray]]]:
    names = list(zip(*(columns[name].tolist() for name in ("encoder", "scorer")), strict=True))
    for encoder, scorer in dict.fromkeys(names):
        rows = np.array([name == (encoder, scorer) for name in names])
        yield {"encoder": encoder, "scorer": scorer}, {name: column[rows] for name, column in columns.items()}


def _contrast(chosen: Cells, matched: float) -> Row:
    alphas = np.unique(chosen[0][1]["alpha"])
    texts = np.unique(np.concatenate([columns["text"] for _, columns in chosen]))

    def grid(columns: dict[str, np.ndarray], name: str) -> Float64[np.ndarray, "alphas texts"]:
        """Every alpha's mean over trainings, text by text."""
        return np.array(
            [
                [
                    mean(columns[name][(columns["alpha"] == alpha) & (columns["text"] == text)].astype(np.float64))
                    for text in texts
                ]
                for alpha in alphas
            ]
        )

    def over_classifiers(of: Callable[[dict[str, np.ndarray]], np.ndarray]) -> intervals.Estimate:
        each = np.array([of(columns) for _, columns in chosen])
        return intervals.mean(np.array([mean(each[:, i]) for i in range(each.shape[1])]))

    def change(columns: dict[str, np.ndarray]) -> np.ndarray:
        entropy = grid(columns, "input_entropy")
        return entropy[-1] / entropy[0] - 1

    def ratio(columns: dict[str, np.ndarray]) -> np.ndarray:
        support = grid(columns, "support")
        return support[-1] / support[0]

    def slope(name: str) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        return lambda columns: slopes(alphas, grid(columns, name))

    gap = max(_gap(columns) for _, columns in chosen)
    return {
        "texts": len(texts),
        **intervals.columns(
            {
                "input_state": over_classifiers(
                    lambda columns: np.array([mean(column) for column in grid(columns, "input_state").T])
                ),
                **{f"{name}_slope": over_classifiers(slope(name)) for name in ("input", "state", "left_out")},
                "support_ratio": over_classifiers(ratio),
                "entropy_change": over_classifiers(change),
                "list_gap": over_classifiers(
                    lambda columns: grid(columns, "input_support")[-1] - grid(columns, "input")[-1]
                ),
            }
        ),
        "gap": gap,
        "matched": bool(gap <= matched),
    }


def _gap(columns: dict[str, np.ndarray]) -> float:
    """The largest difference between alphas' accuracies, each the mean over trainings."""
    alpha, nth = columns["alpha"], columns["nth"]
    means = [
        np.mean([columns["accuracy"][(alpha == a) & (nth == k)][0] for k in np.unique(nth)]) for a in np.unique(alpha)
    ]
    return float(max(means) - min(means))


def slopes(
    alphas: Float64[np.ndarray, " alphas"], values: Float64[np.ndarray, "alphas texts"]
) -> Float64[np.ndarray, " texts"]:
    """Slopes of least squares in alpha, text by text; not-a-number where a value is.

    Example:
        >>> slopes(np.array([1.0, 1.5, 2.0]), np.array([[0.5], [0.4], [0.3]])).round(9)
        array([-0.2])
    """
    centred = alphas - alphas.mean()
    result: np.ndarray = centred @ values / (centred @ centred)
    return result


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Put the classifiers' tables together."""
    tables = [run.table(recipe.name) for recipe in run.settings.recipes]
    return {
        "classifiers.summary": by_classifier(tables),
        "contrasts.summary": contrasts(tables, run.settings.matched),
    }
