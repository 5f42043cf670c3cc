"""The paper's statements, and ours, as claims with bounds: set after the first run of the study, before any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from heedful.studies.attention_meets_post_hoc.gradients import PLACES
from heedful.studies.attention_meets_post_hoc.seeds import OUTPUT
from heedful.studies.measuring import report
from heedful.studies.run import Run
from heedful.studies.verdicts import Claim, judged

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

ROUNDING = 1e-10  # of the largest component, in double precision
ORDER = 0.5  # tau-b: three pairs of words in four are in the same order
SIGN = 0.9  # share of words with the same sign
SIZE = 0.1  # relative error, in half of the texts
MOST = 0.5  # of the texts
RARE = 0.05  # of the texts
ENOUGH = 0.95  # of the runs


def claims(n_samples: int) -> tuple[Claim, ...]:
    """Return all claims; `n_samples` is the number that may be called a few thousand."""
    formulas = (("coded", "the paper's coded formula"), ("corrected", "the corrected formula"))
    return (
        *_gradient(),
        *(claim for name, words in formulas for claim in _formula(name, words)),
        Claim(
            "the coded formula is about words made unknown, not deleted: it is nearer to LIME with those in most texts",
            "matches.summary", (("formula", "coded"),), "unk_nearer", "share", least=MOST,
        ),
        _affine("affine", "LIME is an image of attention and of what words are worth: its median error is small"),
        _affine("attention", "LIME is an affine image of attention alone: its median error is small"),
        _width("kendall", "exact LIME and exact Shapley values order the words alike: tau-b", "number", ORDER),
        _width("same5", "they have the same top five words in most texts", "share", MOST),
        *(_samples(method, n_samples) for method in ("lime", "kernel-shap")),
        *_attention(),
    )  # fmt: skip


def _gradient() -> tuple[Claim, ...]:
    words, first, as_printed = PLACES
    statements = {
        words: "the gradient by a word's vector has the paper's closed form: largest difference",
        as_printed: "the same formula holds at `[CLS]`, whose vector moves the query, too",
        first: "with the term by which the query moves it holds there",
    }
    return tuple(
        Claim(statement, "gradients.summary", (("place", place),), "relative", "power", most=ROUNDING)
        for place, statement in statements.items()
    )


def _formula(name: str, words: str) -> tuple[Claim, ...]:
    where = (("formula", name), ("width", 0.25), ("by", "all"))
    return (
        Claim(f"{words} has the signs of LIME's coefficients", "formulas.summary", where, "sign", "share", least=SIGN),
        Claim(f"{words} has their order: tau-b", "formulas.summary", where, "kendall", least=ORDER),
        Claim(f"{words} has their sizes: median error", "formulas.summary", where, "error", "share", most=SIZE),
    )


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Judge the claims by the tables of the other stages."""
    return {"claims.summary": report(judged(run.settings.claims, run.tables))}


def _affine(image: str, statement: str) -> Claim:
    where = (("formula", image), ("width", 0.25), ("by", "all"))
    return Claim(statement, "affine.summary", where, "error", "share", most=SIZE)


def _width(figure: str, statement: str, unit: str, least: float) -> Claim:
    return Claim(statement, "widths.summary", (("width", 0.25),), figure, unit, least=least)


def _samples(method: str, n: int) -> Claim:
    statement = f"{n:,} samples settle the top five words of `{method}`: share of runs that are right"
    return Claim(statement, "samples.summary", (("method", method), ("n_samples", n)), "right", "share", least=ENOUGH)


def _attention() -> tuple[Claim, ...]:
    """Of one training, with many texts; and of several, with the trainings as observations."""
    figures = {
        "kendall_size": ("attention orders the words as the sizes of exact Shapley values do: tau-b", "number", ORDER),
        "kendall": ("attention orders the words as exact Shapley values themselves do: tau-b", "number", ORDER),
        "against": ("the most attended word hardly ever speaks against the prediction: share of texts", "share", None),
    }
    where = (("output", OUTPUT), ("by", "all"))
    claims = []
    for figure, (statement, unit, least) in figures.items():
        bounds = {"most": RARE} if least is None else {"least": least}
        claims += [
            Claim(statement, "attention.summary", where, figure, unit, **bounds),
            Claim(
                "the same, on average over trainings",
                "seeds.overall.summary",
                (("figure", figure),),
                "mean",
                unit,
                **bounds,
            ),
        ]
    return tuple(claims)
