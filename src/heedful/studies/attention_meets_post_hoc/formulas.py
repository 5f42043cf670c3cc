"""LIME by formula against its exact limit on every text, and sampled LIME split into bias and noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from heedful.classifier import Classifier
from heedful.games import exact
from heedful.games import formulas as asymptotic
from heedful.games.ratio import RatioGame
from heedful.methods import Lime
from heedful.metrics import kendall_tau_b, sign_agreement
from heedful.question import Question
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
    seed_of,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.studies.verdicts import CONFIRMED, REFUTED, judge
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

FORMULAS: dict[str, Callable[[RatioGame, float], Vector]] = {
    "coded": lambda game, _: asymptotic.paper_lime(game),
    "corrected": asymptotic.lime,
}
MASKINGS = ("delete", "unk")
WIDTH = 0.25  # lime's default


def measure(
    classifier: Classifier, texts: Sequence[str], widths: Sequence[float] = (WIDTH, math.inf), *, track: Track = silent
) -> pa.Table:
    """The formula of the paper's code, and the corrected one, against the exact limit of LIME with unknown words.

    Of the positive class's logit. The coded formula knows no kernel width: it is for infinity, and its authors set it
    beside LIME's default, 0.25. It is compared with the limits at all widths.

    Returns:
        One row a text, width and formula: text (number), n_units, n_effective (units that attention is spread over, see
        `effective`), width, formula ("coded" or "corrected"), and the columns of `compared`: l2, error, scale,
        scaled_error, kendall, sign.

    Raises:
        SettingError: the classifier has no ratio games, or a width is out of range.

    Example:
        >>> import heedful
        >>> result = measure(heedful.load("demo"), ["The plot was dull, but the actors were good."], [0.25])
        >>> result.num_rows, result.column_names[:5]
        (2, ['text', 'n_units', 'n_effective', 'width', 'formula'])
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, PAPER, track, "formulas"):
        games = [question.ratio_game() for _, question in batch]
        spread = [effective(attention_of(game)) for game in games]
        for width in widths:
            limits = exact.batch(partial(exact.lime, kernel_width=width), games)
            rows += [
                {"text": number, "n_units": game.n_units, "n_effective": n_effective, "width": float(width)}
                | {"formula": name}
                | compared(formula(game, width), limit.values)
                for (number, _), game, n_effective, limit in zip(batch, games, spread, limits, strict=True)
                for name, formula in FORMULAS.items()
            ]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """Of all texts, and of quarters of them by length (n_units) and by how peaked attention is (n_effective).

    Returns:
        One row a width, formula and part: width, formula, by ("all", "n_units" or "n_effective"), least and most (of
        that number in the part; null for all), texts, l2 (mean), error (median), error_mean, error_90 (below it in
        90 % of texts), scale (median), scaled_error (median), kendall (mean), sign (mean); each of these figures with
        its interval over texts, as `heedful.support.intervals.columns` has it.
    """
    return report(
        key
        | part
        | {"texts": len(values["text"])}
        | intervals.columns(
            {
                "l2": intervals.mean(values["l2"]),
                "error": intervals.quantile(values["error"]),
                "error_mean": intervals.mean(values["error"]),
                "error_90": intervals.quantile(values["error"], 0.9),
                "scale": intervals.quantile(values["scale"]),
                "scaled_error": intervals.quantile(values["scaled_error"]),
                "kendall": intervals.mean(values["kendall"]),
                "sign": intervals.share(values["sign"]),
            }
        )
        for key, columns in groups(measured, "width", "formula")
        for part, values in binned(columns, "n_units", "n_effective")
    )


def sampled(
    classifier: Classifier,
    texts: Sequence[str],
    repetitions: int = 5,
    n_samples: int = 5000,
    *,
    seed: int = 0,
    track: Track = silent,
) -> pa.Table:
    """Runs of LIME with words deleted, and with words unknown, against limits and formulas: bias and noise.

    By `heedful.methods.Lime`, which gives the lime package's own numbers on the package's own masks; here its masks are
    of the same distribution, from a faster generator. If r runs have
    mean m and variance v (the sum over units, unbiased), their squared distance from scores s is on average
    |m - s|^2 - v / r + v: the first two terms estimate the squared bias without being inflated by noise, the last one
    is the noise of a single run. All are relative to |m|^2.

    Args:
        classifier: the paper's classifier with softmax attention.
        texts: what to explain: the positive class's logit.
        repetitions: runs of each masking, at least 2.
        n_samples: of every run.
        seed: of all runs.
        track: progress.

    Returns:
        One row a text, masking and reference: text, n_units, masking ("delete" as the authors' code does, or "unk" as
        in the theorem), reference ("limit": exact, infinitely many samples; "limit with ridge": of so many samples and
        LIME's penalty; "coded", "corrected": the formulas; all of them with unknown words and width 0.25), bias2
        (negative where noise hides the bias), noise2, own_bias2 (the squared bias as a share of the reference's own
        square: the same unit for both maskings), kendall and sign (agreement of the mean of the runs with the
        reference), noise_kendall (mean agreement of two runs). In a text of up to 12 word types runs have no noise:
        `Lime` evaluates every mask.
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, PAPER, lambda items, _: items, "lime"):
        for number, question in track(batch, "lime"):
            references = _references(question.ratio_game(), n_samples)
            for k, masking in enumerate(MASKINGS):
                asked = replace(question, masking=masking)
                seeds = [seed_of(seed, number, k, run) for run in range(repetitions)]
                runs = np.stack([_run(asked, n_samples, run_seed) for run_seed in seeds])
                known = {"text": number, "n_units": runs.shape[1], "masking": masking}
                rows += [known | row for row in _split(runs, references)]
    return table(rows)


def sampled_summary(measured: pa.Table) -> pa.Table:
    """One row a masking and reference.

    Returns:
        masking, reference, texts, bias and noise (roots of the mean relative squares over texts: squared, they add up
        to that of a single run's distance, `error`), error, median_bias, median_noise, kendall, sign, noise_kendall
        (means); each of these figures with its interval over texts.
    """
    rows = []
    for key, columns in groups(measured, "masking", "reference"):
        bias2, noise2 = intervals.mean(columns["bias2"]), intervals.mean(columns["noise2"])
        both = replace(intervals.mean(columns["bias2"] + columns["noise2"]), value=bias2.value + noise2.value)
        figures = {
            "bias": bias2.map(_root),
            "noise": noise2.map(_root),
            "error": both.map(_root),
            "median_bias": intervals.quantile(columns["bias2"]).map(_root),
            "median_noise": intervals.quantile(columns["noise2"]).map(_root),
            "kendall": intervals.mean(columns["kendall"]),
            "sign": intervals.share(columns["sign"]),
            "noise_kendall": intervals.mean(columns["noise_kendall"]),
        }
        rows.append(key | {"texts": len(columns["text"])} | intervals.columns(figures))
    return report(rows)


def matches(measured: pa.Table) -> pa.Table:
    """Which perturbation each formula is nearer to.

    Returns:
        One row a formula: formula, texts, delete and unk (root mean square bias against each, as a share of the
        formula's own norm), better ("delete" or "unk", by these), unk_nearer (share of texts in which the bias against
        "unk" is the smaller); shares with their intervals over texts; nearer (the masking that it is nearer to in most
        texts, or "not settled").
    """
    rows = []
    for key, columns in groups(measured, "reference"):
        if key["reference"] not in FORMULAS:
            continue
        delete, unk = (columns["own_bias2"][columns["masking"] == masking] for masking in MASKINGS)
        size = {"delete": intervals.mean(delete).map(_root), "unk": intervals.mean(unk).map(_root)}
        nearer = intervals.share(unk < delete)
        verdict = judge(nearer.low, nearer.high, least=0.5)
        rows.append(
            {"formula": key["reference"], "texts": len(unk)}
            | {"better": "unk" if size["unk"].value < size["delete"].value else "delete"}
            | intervals.columns(size | {"unk_nearer": nearer})
            | {"nearer": {CONFIRMED: "unk", REFUTED: "delete"}.get(verdict, verdict)}
        )
    return report(rows)


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure the formulas on texts of the corpus."""
    measured = measure(run.classifier(), run.texts(run.settings.formulas), track=run.track)
    return {"formulas": measured, "formulas.summary": summary(measured)}


def sampled_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Run LIME on some texts of the corpus."""
    numbers = run.settings
    texts, runs = run.texts(numbers.sampled), numbers.sampled_runs
    measured = sampled(run.classifier(), texts, runs, numbers.lime_samples, seed=run.seed, track=run.track)
    return {
        "sampled": measured,
        "sampled.summary": sampled_summary(measured),
        "matches.summary": matches(measured),
    }


def _root(square: float) -> float:
    """The root of a mean square that sampling may have brought below 0."""
    return math.sqrt(max(square, 0.0))


def _references(game: RatioGame, n_samples: int) -> dict[str, Vector]:
    return {
        "limit": exact.lime(game, WIDTH).values,
        "limit with ridge": exact.lime(game, WIDTH, n_samples=n_samples).values,
    } | {name: formula(game, WIDTH) for name, formula in FORMULAS.items()}


def _run(question: Question, n_samples: int, seed: int) -> Vector:
    return Lime(n_samples, WIDTH).answer(replace(question, seed=seed)).scores


def _split(runs: Float64[np.ndarray, "runs units"], references: dict[str, Vector]) -> list[Row]:
    """Bias and noise of the runs against every reference; see `sampled`."""
    centre, variance = runs.mean(0), float(runs.var(0, ddof=1).sum())
    size2 = float(centre @ centre) or math.nan
    pairs = [kendall_tau_b(runs[i], runs[j]) for i in range(len(runs)) for j in range(i)]
    rows: list[Row] = []
    for name, scores in references.items():
        bias2 = float(((centre - scores) ** 2).sum()) - variance / len(runs)
        rows.append(
            {
                "reference": name,
                "bias2": bias2 / size2,
                "noise2": variance / size2,
                "own_bias2": bias2 / (float(scores @ scores) or math.nan),
                "kendall": kendall_tau_b(centre, scores),
                "sign": sign_agreement(centre, scores),
                "noise_kendall": mean(np.array(pairs)),
            }
        )
    return rows
