"""How many samples LIME and KernelSHAP need until the five largest words are the right ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games import exact
from heedful.games.ratio import RatioGame
from heedful.games.sampled.kernel_regression import kernel_shapley
from heedful.games.sampled.lime.neighbourhood import sample
from heedful.games.sampled.lime.ridge import WeightedMasks
from heedful.question import Choices
from heedful.studies.measuring import (
    Row,
    Track,
    Vector,
    batches,
    groups,
    most,
    report,
    seed_of,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

SIZES = tuple(250 * 2**k for k in range(9))  # 250 to 64,000
TOP = 5
NEAR = 0.05  # words this much smaller than the fifth may stand in for it
WIDTH = 0.25
_ENOUGH = 0.95

Runs = Callable[[RatioGame, Sequence[int], int], list[Vector | None]]


def measure(
    classifier: Classifier,
    texts: Sequence[str],
    sizes: Sequence[int] = SIZES,
    repetitions: int = 2,
    *,
    seed: int = 0,
    track: Track = silent,
) -> pa.Table:
    """Whether the five largest words of runs of LIME and KernelSHAP are those of the limits they sample.

    Of the predicted class's logit, words unknown. LIME, with its default width and penalty, against exact LIME without
    a penalty; KernelSHAP, as `kernel-shap` has it, against exact Shapley values. Runs of LIME with n samples are the
    first n of one longest run; they are independent over texts and repetitions only.

    Args:
        classifier: the paper's classifier with softmax attention.
        texts: what to explain.
        sizes: numbers of samples, ascending.
        repetitions: runs of each method and text.
        seed: of all runs.
        track: progress.

    Returns:
        One row a text, method, repetition and size: text, n_units, method ("lime" or "kernel-shap"), repetition,
        n_samples, right (the five words largest in size are the right ones), near (each of the five is at least 0.95
        times as large, by exact values, as the fifth), overlap (share of the right five found), largest (the largest
        word is right). A run that its method refuses, too short to tell words apart, finds nothing.
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, Choices(masking="unk"), lambda items, _: items, "samples"):
        for number, question in track(batch, "samples"):
            game = question.ratio_game()
            truths = {"lime": exact.lime(game, WIDTH).values, "kernel-shap": exact.shapley(game).values}
            for k, (method, run) in enumerate(METHODS.items()):
                for repetition in range(repetitions):
                    known = {"text": number, "n_units": game.n_units, "method": method, "repetition": repetition}
                    estimates = run(game, sizes, seed_of(seed, number, k, repetition))
                    rows += [
                        known | {"n_samples": n} | _found(scores, truths[method])
                        for n, scores in zip(sizes, estimates, strict=True)
                    ]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """One row a method and number of samples.

    Returns:
        method, n_samples, runs, right, near, overlap, largest (means over runs), texts_right (share of texts in which
        every repetition is right); each with its interval over texts, as repetitions on one text are not independent.
    """
    rows = []
    for key, columns in groups(measured, "method", "n_samples"):
        texts = [columns["text"] == text for text in np.unique(columns["text"])]
        figures = {name: _over_texts(columns[name], texts) for name in ("right", "near", "overlap", "largest")}
        figures["texts_right"] = intervals.share(np.array([columns["right"][text].all() for text in texts]))
        rows.append(key | {"runs": len(columns["text"])} | intervals.columns(figures))
    return report(rows)


def _over_texts(values: np.ndarray, texts: Sequence[np.ndarray]) -> intervals.Estimate:
    """The mean over runs, its interval from each text's own mean."""
    of_texts = intervals.share(np.array([float(values[text].mean()) for text in texts]))
    return replace(of_texts, value=float(values.mean()))


def needed(measured: pa.Table, chance: float = _ENOUGH) -> pa.Table:
    """The number of samples from which on runs succeed with at least this chance, on the grid that was measured.

    Returns:
        One row a method and criterion: method, criterion ("right", "near" or "largest"), chance, n_samples (null: not
        within the largest measured), n_samples_low and n_samples_high (its interval: the number from which on the
        interval of the share reaches up to `chance`, and that from which on it lies above it), within (the largest
        measured), runs (at each number), reached (the share of successes at n_samples, or at the largest measured, with
        its interval over texts).
    """
    rows = []
    for key, columns in groups(summary(measured), "method"):
        order = np.argsort(columns["n_samples"])
        sizes = columns["n_samples"][order]
        for criterion in ("right", "near", "largest"):
            share, low, high = (columns[f"{criterion}{end}"][order] for end in ("", "_low", "_high"))
            first = _for_good(share >= chance)
            at = min(first, len(sizes) - 1)
            # an end that is unknown excludes nothing
            ends = _for_good(~(high < chance)), _for_good(low >= chance)
            least, most = (int(sizes[end]) if end < len(sizes) else None for end in ends)
            reached = {"": share[at], "_low": low[at], "_high": high[at]}
            rows.append(
                key
                | {
                    "criterion": criterion,
                    "chance": chance,
                    "n_samples": int(sizes[first]) if first == at else None,
                    "n_samples_low": least,
                    "n_samples_high": most,
                    "within": int(sizes[-1]),
                    "runs": int(columns["runs"][order][at]),
                }
                | {f"reached{end}": float(value) for end, value in reached.items()}
                | {"reached_n": int(columns[f"{criterion}_n"][order][at])}
            )
    return report(rows)


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure some texts of the corpus."""
    numbers = run.settings
    texts, sizes, runs = run.texts(numbers.samples), numbers.sample_sizes, numbers.sample_runs
    measured = measure(run.classifier(), texts, sizes, runs, seed=run.seed, track=run.track)
    return {"samples": measured, "samples.summary": summary(measured), "needed.summary": needed(measured)}


def _for_good(reached: np.ndarray) -> int:
    """The first place from which on all is reached; behind the last one if it is not there."""
    short = np.flatnonzero(~reached)
    return int(short[-1]) + 1 if len(short) else 0


def _lime(game: RatioGame, sizes: Sequence[int], seed: int) -> list[Vector | None]:
    masks, weights = sample("fast", max(sizes), game.n_units, seed, WIDTH)
    values, everything = game(masks), np.arange(game.n_units)
    return [WeightedMasks(masks[:n], weights[:n], values[:n]).fit(everything, 1.0).coefficients for n in sizes]


def _kernel_shap(game: RatioGame, sizes: Sequence[int], seed: int) -> list[Vector | None]:
    estimates: list[Vector | None] = []
    for n in sizes:
        try:
            estimates.append(kernel_shapley(game, n, seed=seed).values)
        except SettingError:  # too few samples for so many words
            estimates.append(None)
    return estimates


METHODS: dict[str, Runs] = {"lime": _lime, "kernel-shap": _kernel_shap}


def _found(scores: Vector | None, truth: Vector) -> Row:
    if scores is None:
        return {"right": False, "near": False, "overlap": 0.0, "largest": False}
    top, right, size = most(scores, TOP), most(truth, TOP), np.abs(truth)
    return {
        "right": top == right,
        "near": bool(size[list(top)].min() >= (1.0 - NEAR) * size[list(right)].min()),
        "overlap": len(top & right) / len(right),
        "largest": most(scores, 1) == most(truth, 1),
    }
