"""Attention against exact Shapley values: order, signs, and whether the most attended word speaks against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.games import RatioGame, exact
from heedful.metrics import kendall_tau_b, top_k_overlap
from heedful.question import Choices, Question
from heedful.studies.measuring import (
    Row,
    Track,
    Vector,
    attention_of,
    batches,
    binned,
    effective,
    groups,
    report,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

OUTPUTS = ("logit", "logit_difference")


def measure(
    classifier: Classifier, texts: Sequence[str], outputs: Sequence[str] = OUTPUTS, *, track: Track = silent
) -> pa.Table:
    """`attention-mean` against exact Shapley values phi of the predicted class, words unknown.

    Args:
        classifier: the paper's classifier with softmax attention.
        texts: what to explain.
        outputs: what phi is of: the class's "logit", as in the paper, or its "logit_difference" to the other class's,
            which decides the prediction.
        track: progress.

    Returns:
        One row a text and output: text, n_units, output, and the columns of `contrasted`.

    Raises:
        SettingError: the classifier has no ratio games.

    Example:
        >>> import heedful
        >>> result = measure(heedful.load("demo"), ["The plot was dull, but the actors were good."], ["logit"])
        >>> result.num_rows, result.column_names[:4]
        (1, ['text', 'n_units', 'output', 'n_effective'])
    """
    rows: list[Row] = []
    for batch in batches(classifier, texts, Choices(masking="unk"), track, "attention"):
        games = [_game(question, outputs) for _, question in batch]
        results = exact.batch(exact.shapley, games)
        rows += [
            {"text": number, "n_units": game.n_units, "output": kind}
            | contrasted(attention_of(game), result.values.reshape(game.n_units, -1)[:, k])
            for k, kind in enumerate(outputs)
            for (number, _), game, result in zip(batch, games, results, strict=True)
        ]
    return table(rows)


def _game(question: Question, kinds: Sequence[str]) -> RatioGame:
    """The game of these outputs of the question's class, side by side."""
    first, *others = (question.output_of(kind, question.output.target) for kind in kinds)
    return replace(question, output=first).ratio_game(*others)


def contrasted(attention: Vector, phi: Vector) -> Row:
    """Attention beside signed scores.

    Returns:
        n_effective (units that attention is spread over); kendall_size, kendall (of attention with |phi|, and with
        phi); top5 (share of the five largest |phi| among the five most attended), chance5 (what random words would
        have), sign (share of units with phi above 0 among those with any, which is where attention, that says "for"
        everywhere, is right), against (phi of the most attended unit is below 0), place (of that unit by |phi|, from
        1), against_mass (share of all |phi| that speaks against).

    Example:
        >>> row = contrasted(np.array([0.5, 0.3, 0.2]), np.array([-1.0, 2.0, 1.0]))
        >>> [row[name] for name in ("kendall", "sign", "against", "place", "against_mass")]
        [-0.333..., 0.666..., True, 2, 0.25]
    """
    size, first = np.abs(phi), int(np.argmax(attention))
    total, any_ = float(size.sum()), phi != 0
    return {
        "n_effective": effective(attention) if attention.any() else float("nan"),
        "kendall_size": kendall_tau_b(attention, size),
        "kendall": kendall_tau_b(attention, phi),
        "top5": top_k_overlap(attention, phi, 5),
        "chance5": min(1.0, 5 / len(phi)),
        "sign": float((phi[any_] > 0).mean()) if any_.any() else float("nan"),
        "against": bool(phi[first] < 0),
        "place": int((size > size[first]).sum()) + 1,
        "against_mass": float(size[phi < 0].sum()) / total if total > 0 else float("nan"),
    }


def summary(measured: pa.Table, *keys: str) -> pa.Table:
    """Of all texts, and of quarters of them by length and by how peaked attention is.

    Args:
        measured: what `measure` gives.
        keys: columns of which each value gets its own rows; none: "output".

    Returns:
        One row an output and part: output, by, least, most (as in `formulas.summary`), texts, and `means`.
    """
    return report(
        key | part | {"texts": len(values["text"])} | means(values)
        for key, columns in groups(measured, *(keys or ("output",)))
        for part, values in binned(columns, "n_units", "n_effective")
    )


def means(values: dict[str, np.ndarray]) -> Row:
    """Return means over texts with their intervals.

    Of kendall_size, kendall, top5, chance5, sign, against, first (place is 1), against_mass.
    """
    return intervals.columns(
        {name: intervals.mean(values[name]) for name in ("kendall_size", "kendall")}
        | {name: intervals.share(values[name]) for name in ("top5", "chance5", "sign", "against")}
        | {"first": intervals.share(values["place"] == 1), "against_mass": intervals.share(values["against_mass"])}
    )


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure texts of the corpus."""
    measured = measure(run.classifier(), run.texts(run.settings.attention), track=run.track)
    return {"attention": measured, "attention.summary": summary(measured)}
