"""What the classifier makes of the text as a whole, whatever is explained: its class, and which words it knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from heedful.explaining.windows import Asked
from heedful.question import Question


def prediction(asked: Asked) -> dict[str, Any]:
    """Fields of an `Explanation`: predicted, predicted_name, probability and unknown.

    A regression predicts no class. Of a text read window by window the probability is the windows' mean; where the
    output of one window stands for all it is that window's, and unknown if another class is explained there.
    """
    return {"unknown": _unknown(asked.whole)} | class_of(asked)


def class_of(asked: Asked) -> dict[str, Any]:
    """The same without the number of unknown units."""
    question = asked.whole
    labels = question.classifier.labels
    if len(labels) < 2 or question.classifier.model.config.problem_type == "regression":
        return {}
    likeliest = int(np.argmax(question.logits))
    known: dict[str, Any] = {"predicted": likeliest, "predicted_name": labels[likeliest]}
    if asked.settings.get("combine") != "max" or likeliest == question.output.target:
        logits = np.stack([part.question.logits for part in asked.parts])
        known["probability"] = float(question.output_of("probability", likeliest)(logits).mean())
    return known


def _unknown(question: Question) -> int:
    """Number of units whose tokens all stand for unknown words."""
    strange = question.encoded.input_ids == question.classifier.tokenizer.unk_token_id
    return sum(bool(strange[list(positions)].all()) for positions in question.units.positions)
