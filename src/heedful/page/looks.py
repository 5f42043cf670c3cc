"""What is shown on demand of one question: attention head by head, deletion curves, and LIME drawn again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from heedful.errors import InputError, SettingError
from heedful.explanation import Explanation
from heedful.methods import LimeExact
from heedful.methods.lime import Lime
from heedful.metrics.curves import SHARES, Deletion
from heedful.page.asked import Ask
from heedful.page.served import Served, line
from heedful.page.view import number
from heedful.question import Question

COUNTS = (20, 50, 100, 200, 500, 1000, 2000, 5000)  # samples of LIME, from which one may be chosen
SEEDS = 12  # explanations drawn at each
_FEWER = 500  # samples at most where a model runs each
_FEWER_SEEDS = 6
Json = dict[str, Any]


def heads(question: Question, layer: int, n_units: int, left: Sequence[int]) -> Json:
    """Return what the readout attends to in one layer, a row a head.

    Args:
        question: the question.
        layer: index; negative ones count from the last.
        n_units: of the whole text.
        left: which of these are not removed.

    Raises:
        InputError: the model gives no attention, or has no such layer.
    """
    weights = question.look_inside().attention(layer)
    rows = np.full((len(weights), n_units), np.nan)
    rows[:, list(left)] = [question.units.add_up(one) for one in weights]
    config = question.classifier.model.config
    layers = getattr(config, "num_hidden_layers", None) or 1
    return {
        "layer": layer,
        "layers": int(layers),
        "heads": [[number(value) for value in one] for one in rows.tolist()],
    }


def curves(served: Served, given: Ask, methods: Sequence[str], check: Callable[[], None]) -> Json:
    """Return the probability of the class as the words go, a curve a method: the highest score first."""
    question, metric = served.question(given), Deletion()
    lines, refused = list[Json](), Json()
    for name in methods:
        check()
        explanation = served.explain(given, name)
        if not isinstance(explanation, Explanation):
            refused[name] = explanation
            continue
        try:
            curve = metric.curve(question, explanation).tolist()
            lines.append(
                {
                    "method": explanation.method,
                    "values": [number(value) for value in curve],
                    "area": number(metric.measure(question, explanation)),
                }
            )
        except InputError as error:
            refused[name] = line(error)
    return {"shares": SHARES.round(2).tolist(), "curves": lines, "refused": refused}


def noise(question: Question, count: int, check: Callable[[], None]) -> Json:
    """Return LIME's scores from several independent draws of so many samples, and what they settle at.

    Masks are drawn as the lime package draws them.

    Args:
        question: the question.
        count: samples, one of `COUNTS`.
        check: called between draws: raises where the time is over.

    Returns:
        draws: a list of scores a seed. exact: the limit of infinitely many samples; None where the model has no exact
        engine. expected: what so many samples give in expectation but for terms of order 1 / samples, with LIME's
        penalty; None likewise.

    Raises:
        SettingError: another number of samples, or more than the page draws on this model.
    """
    if count not in COUNTS:
        raise SettingError(f"the number of samples is one of {', '.join(map(str, COUNTS))}")
    fast = question.classifier.paper_model is not None
    if not fast and count > _FEWER:
        raise SettingError(f"this model runs every sample: the page draws {_FEWER} at most")
    method, draws = Lime(n_samples=count, sampler="lime"), list[list[float | None]]()
    for seed in range(SEEDS if fast else _FEWER_SEEDS):
        check()
        scores = method.answer(replace(question, seed=seed)).scores
        draws.append([number(score) for score in scores.tolist()])
    try:
        limit = LimeExact().answer(question).scores.tolist()
        expected = LimeExact(n_samples=count).answer(question).scores.tolist()
    except InputError:
        limit = expected = None
    return {"count": count, "draws": draws, "exact": limit, "expected": expected}
