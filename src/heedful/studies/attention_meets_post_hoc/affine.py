"""LIME as an image of attention: with words ignored, coefficients near kappa alpha_j (c_j - F)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.games import exact
from heedful.games import formulas as asymptotic
from heedful.games.ratio import RatioGame
from heedful.studies.attention_meets_post_hoc.choices import PAPER
from heedful.studies.measuring import (
    Row,
    Track,
    Vector,
    attention_of,
    batches,
    binned,
    compared,
    effective,
    groups,
    mean,
    report,
    shares,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

FORMULAS = ("affine", "corrected", "attention")
_NODES = 400


@lru_cache
def kappa(width: float) -> float:
    """The constant: the integral of omega(u) / u over u in 0..1, the share of words kept.

    omega(u) is proportional to u (1 - u) exp(-(1 - sqrt u)^2 / (2 width^2)) and integrates to 1: see the theory page,
    section 12.

    Example:
        >>> [round(kappa(width), 3) for width in (math.inf, 1.0, 0.25, 0.01)]
        [3.0, 2.81, 1.771, 1.025]
    """
    x, step = np.polynomial.legendre.leggauss(_NODES)
    root = (x + 1) / 2  # u = root^2: smooth in the root, and du = 2 root d(root)
    omega = step * root**3 * (1 - root**2) * np.exp(-0.5 * ((1 - root) / width) ** 2)
    return float(omega @ root**-2 / omega.sum())


def logit_slopes(game: RatioGame) -> Vector:
    """alpha_j (c_j - F), the mean over heads: the derivative of the whole text's score by a unit's attention logit.

    With alpha_j a head's attention on the unit, c_j its value and F the head's score.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 2.0]]), np.array([[3.0, 0.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> logit_slopes(game)  # attention 1/4, 1/2 and 1/4 on values 3, 0 and 1
        array([ 0.5, -0.5])
    """
    alpha = shares(game)
    rest = 1.0 - alpha.sum(1)
    score = (alpha * game.kept.value).sum(1) + rest * game.fixed.value
    return (alpha * (game.kept.value - score[:, None])).mean(0)


def measure(
    classifier: Classifier, texts: Sequence[str], widths: Sequence[float] = (0.25, math.inf), *, track: Track = silent
) -> pa.Table:
    """Three images of attention against the exact limit of LIME with words ignored.

    Of the positive class's logit. The theory behind the first takes what no word owns, [CLS] and attended padding, to
    have next to no attention: its actual share is in the table.

    Returns:
        One row a text, width and formula: text, n_units, n_effective (units that attention is spread over), fixed
        (share of attention that is no word's, mean over heads), width, formula ("affine": kappa alpha_j (c_j - F), mean
        over heads; "corrected": the corrected formula, which knows the fixed part and finite lengths; "attention": the
        affine function a + b alpha_j of mean attention alone that is nearest to the limit, fitted to it), kappa (the
        constant; not-a-number for the others), fitted (the factor that brings the formula nearest to the limit, times
        kappa if there is one: what kappa should have been), error (relative Euclidean), scaled_error (with the fitted
        factor), correlation (Pearson), kendall, sign.

    Raises:
        SettingError: the classifier has no ratio games, or a width is out of range.
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, replace(PAPER, masking="ignore"), track, "affine"):
        games = [question.ratio_game() for _, question in batch]
        for width in widths:
            limits = exact.batch(partial(exact.lime, kernel_width=width), games)
            for (number, _), game, limit in zip(batch, games, limits, strict=True):
                fixed = float(1.0 - shares(game).sum(1).mean())
                spread = effective(attention_of(game))
                known = {"text": number, "n_units": game.n_units, "n_effective": spread, "fixed": fixed}
                known["width"] = float(width)
                rows += [known | row for row in _against(game, limit.values, width)]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """Of all texts, and of quarters by length (n_units), by n_effective and by attention that is no word's (fixed).

    Returns:
        One row a width, formula and part: width, formula, by, least, most (as in `formulas.summary`), texts, kappa,
        fitted (median), fitted_25 and fitted_75 (quartiles), error (median), scaled_error (median), correlation
        (median), kendall (mean), sign (mean); each of these figures but kappa, which is a constant, with its interval
        over texts.
    """
    return report(
        key
        | part
        | {"texts": len(values["text"]), "kappa": mean(values["kappa"])}
        | intervals.columns(
            {
                "fitted": intervals.quantile(values["fitted"]),
                "fitted_25": intervals.quantile(values["fitted"], 0.25),
                "fitted_75": intervals.quantile(values["fitted"], 0.75),
                "error": intervals.quantile(values["error"]),
                "scaled_error": intervals.quantile(values["scaled_error"]),
                "correlation": intervals.quantile(values["correlation"]),
                "kendall": intervals.mean(values["kendall"]),
                "sign": intervals.share(values["sign"]),
            }
        )
        for key, columns in groups(measured, "width", "formula")
        for part, values in binned(columns, "n_units", "n_effective", "fixed")
    )


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure some texts of the corpus."""
    measured = measure(run.classifier(), run.texts(run.settings.affine), track=run.track)
    return {"affine": measured, "affine.summary": summary(measured)}


def _against(game: RatioGame, limit: Vector, width: float) -> list[Row]:
    constant, attention = kappa(width), shares(game).mean(0)
    images = {
        "affine": constant * logit_slopes(game),
        "corrected": asymptotic.lime(game, width),
        "attention": _nearest_affine(attention, limit),
    }
    rows = []
    for name, image in images.items():
        row = compared(image, limit)
        stated = constant if name == "affine" else math.nan
        rows.append(
            {
                "formula": name,
                "kappa": stated,
                "fitted": row["scale"] * (constant if name == "affine" else 1.0),
                "error": row["error"],
                "scaled_error": row["scaled_error"],
                "correlation": _correlation(image, limit),
                "kendall": row["kendall"],
                "sign": row["sign"],
            }
        )
    return rows


def _nearest_affine(attention: Vector, limit: Vector) -> Vector:
    """The affine function of attention that is nearest to the limit."""
    centred, level = attention - attention.mean(), float(limit.mean())
    spread = float(centred @ centred)
    some = spread > 1e-24 * float(attention @ attention)  # not rounding alone
    return level + (float(centred @ limit) / spread if some else 0.0) * centred


def _correlation(one: Vector, other: Vector) -> float:
    x, y = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / size if size > 0 else math.nan
