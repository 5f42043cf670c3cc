"""An explanation, or several of one question, as plain JSON values for the browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from heedful.classifier import Classifier
from heedful.explanation import Explanation
from heedful.metrics.agreement import pairwise
from heedful.page.asked import Ask
from heedful.page.served import Served
from heedful.page.snippet import snippet
from heedful.question import Question
from heedful.render import view
from heedful.render.colour import HUES, Shade
from heedful.render.finding import faintness
from heedful.render.glance import glance
from heedful.render.reaction import comparable, family, full_scale
from heedful.support.visible import shortened, visible

_PIECES = 10_000  # of a text that are shown
_NAME = 200  # characters of a name
Json = dict[str, Any]


def answer(served: Served, given: Ask, methods: Sequence[str], check: Any) -> Json:
    """Explain what is asked by several methods.

    Args:
        served: the models.
        given: what is asked.
        methods: names.
        check: called between the methods: raises where the time is over.
    """
    whole, question = served.whole(given), served.question(given)
    rows, refused = list[Explanation](), Json()
    for name in methods:
        check()
        one = served.explain(given, name)
        if isinstance(one, Explanation):
            rows.append(one)
        else:
            refused[name] = one
    left = [unit for unit in range(len(whole.units)) if unit not in given.removed]
    return {
        **about(whole, question),
        "removed": list(given.removed),
        "rows": [row(one, left, len(whole.units)) for one in rows],
        "refused": refused,
        "glance": _glance(rows),
        "agreement": agreement(rows),
        "snippet": snippet(served.name(given.model), given, whole, [one.method for one in rows]) if rows else "",
    }


def about(whole: Question, question: Question) -> Json:
    """What is asked, in pieces of the text, and what the classifier says of it without the removed units."""
    classifier, output = whole.classifier, whole.output
    pieces = view.split(whole.encoded.text, whole.units.spans, whole.encoded.cut, _PIECES)
    return {
        "model": shortened(classifier.name, _NAME),
        "pieces": [[view.shown(piece), *piece.units] if not piece.cut else [view.shown(piece), -1] for piece in pieces],
        "units": [shortened(unit, _NAME) for unit in whole.units.strings],
        "unit": view.words(whole.units.kind),
        "output": view.words(output.kind),
        "masking": whole.masking,
        "kind": _kind(classifier),
        "target": output.target,
        "target_name": shortened(classifier.labels[output.target], _NAME),
        "other_name": None if output.other is None else shortened(classifier.labels[output.other], _NAME),
        "cut": sum(end - start for start, end in whole.encoded.cut),
        "value": number(question.prediction),
        "value_before": number(whole.prediction),
        "predicted": int(np.argmax(question.logits)),
        "classes": classes(question),
        "classes_before": classes(whole),
    }


def _kind(classifier: Classifier) -> str:
    """What is predicted: "one" of classes, "several" that do not exclude each other, or a "number"."""
    if classifier.model.config.problem_type == "regression":
        return "number"
    return "one" if classifier.exclusive else "several"


def classes(question: Question) -> list[Json]:
    """The classes with their logits, and their probabilities if there are any."""
    classifier = question.classifier
    numbered = classifier.model.config.problem_type == "regression"
    chances = [
        None if numbered else number(question.output_of("probability", label)(question.logits[None])[0])
        for label in range(len(classifier.labels))
    ]
    return [
        {"name": shortened(name, _NAME), "logit": number(logit), "probability": chance}
        for name, logit, chance in zip(classifier.labels, question.logits.tolist(), chances, strict=True)
    ]


def row(explanation: Explanation, left: Sequence[int], n_units: int) -> Json:
    """One method's scores, None at units that are removed."""
    margin = explanation.margin_of_error
    return {
        "method": explanation.method,
        "paper_name": view.PAPER_NAMES.get(explanation.method),
        "family": family(explanation),
        "signed": explanation.signed,
        "comparable": comparable(explanation) and family(explanation) != "baseline",
        "scale": number(full_scale(explanation)),
        "scores": _placed(explanation.scores, left, n_units),
        "margin": None if margin is None else _placed(margin, left, n_units),
        "base": number(explanation.base_value),
        "error_bound": number(explanation.error_bound),
        "faint": faintness(explanation),
        "n_forward": explanation.n_forward,
        "seconds": number(explanation.seconds),
    }


def agreement(rows: Sequence[Explanation]) -> Json | None:
    """Kendall's tau-b between every two methods, over signed scores where both have signs; None of one method."""
    if len(rows) < 2:
        return None
    taus = {signs: pairwise(rows, signed=signs) for signs in (True, False)}
    both = np.array([[one.signed and other.signed for other in rows] for one in rows])
    values = np.where(both, taus[True], taus[False])
    return {
        "methods": [one.method for one in rows],
        "values": [[number(tau) for tau in line] for line in values.tolist()],
        "signed": both.tolist(),
    }


def _glance(rows: Sequence[Explanation]) -> Json | None:
    seen = glance(rows) if rows else None
    if seen is None:
        return None
    shown: Json = asdict(seen)
    for one in (*shown["words"], *shown["looks"]):
        one["word"] = shortened(one["word"], _NAME)
        if "said" in one:
            one["said"] = shortened(one["said"], _NAME)
    return shown | {"sentence": visible(seen.sentence)}


def number(value: float | int | None) -> float | None:
    """A number that JSON has, else None.

    Example:
        >>> number(float("nan")), number(1)
        (None, 1.0)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def dark_from() -> dict[str, float]:
    """The strength of each hue from which white text reads better on it than black."""
    steps = np.linspace(0, 1, 201).tolist()
    return {kind: next((s for s in steps if Shade(kind, s).dark), 2.0) for kind in HUES}


def _placed(values: np.ndarray, left: Sequence[int], n_units: int) -> list[float | None]:
    placed: list[float | None] = [None] * n_units
    for unit, value in zip(left, values.tolist(), strict=True):
        placed[unit] = number(value)
    return placed
