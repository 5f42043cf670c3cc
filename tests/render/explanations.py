"""A builder of explanations by hand."""

import numpy as np

from heedful.explanation import Explanation

PAPER = "attention based explanations are popular but questionable"


def make(text=PAPER, spans=None, scores=None, **fields):
    """An explanation of `text`; one unit a space-separated word unless `spans` says otherwise."""
    if spans is None:
        ends = np.cumsum([len(word) + 1 for word in text.split(" ")]) - 1
        spans = [[(int(end) - len(word), int(end))] for end, word in zip(ends, text.split(" "), strict=True)]
    spans = tuple(tuple(occurrences) for occurrences in spans)
    defaults = {
        "units": tuple(text[slice(*occurrences[0])] for occurrences in spans),
        "scores": np.linspace(1.0, -0.5, len(spans)) if scores is None else np.array(scores, dtype=np.float64),
        "target": 1,
        "target_name": "positive",
        "output": "logit",
        "prediction": 0.584,
        "base_value": None,
        "method": "lime",
        "settings": {},
        "signed": True,
        "additive": False,
        "unit": "word",
        "masking": None,
        "std_error": None,
        "error_bound": None,
        "n_forward": 1,
        "seconds": 0.012,
        "seed": None,
        "versions": {},
        "model": "demo",
    }
    return Explanation(text=text, spans=spans, **(defaults | fields))
