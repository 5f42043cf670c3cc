"""Builders of explanations by hand, and of any explanation."""

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from heedful.explanation import Explanation

REAL = st.floats(allow_nan=True, allow_infinity=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
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


def example(**changes):
    """An explanation of three words, with everything a sampled method gives."""
    fields = {
        "scores": np.array([1.0, -3.0, 3.0]),
        "prediction": 1.5,
        "base_value": 0.5,
        "settings": {"n_samples": 10},
        "unit": "word_type",
        "masking": "unk",
        "std_error": np.array([0.1, 0.2, 0.3]),
        "seed": 0,
        "versions": {"heedful": "0"},
        "model": "m",
        "text": "good, not bad",
        "spans": (((0, 4),), ((6, 9),), ((10, 13),)),
        "units": ("good", "not", "bad"),
    }
    return make(**(fields | changes))


TEXTUAL = [field.name for field in fields(Explanation) if "str" in str(field.type)]


def in_place_of(field, hostile):
    """A text in place of a field of an explanation, or in it."""
    changes = {
        "text": {"text": " ".join([hostile] * 7)},
        "units": {"units": (hostile,) * 7},
        "settings": {"settings": {hostile: hostile, "other": [hostile, {hostile: hostile}]}},
        "versions": {"versions": {hostile: hostile}},
        "details": {"details": {hostile: 1.0}},
    }
    name = ("target_name", "output", "method", "unit", "masking", "model", "predicted_name")
    changes |= {one: {one: hostile} for one in name}
    return changes[field]


@st.composite
def field_values(draw):
    """Fields of any explanation."""
    # Built into an Explanation outside the strategy: the shape checks sample container items at random.
    n = draw(st.integers(0, 4))
    spans = tuple(tuple((i, i + 1) for i in range(draw(st.integers(1, 2)))) for _ in range(n))
    return dict(
        text=draw(TEXT) + "padding",
        units=tuple(draw(TEXT) for _ in range(n)),
        spans=spans,
        scores=np.array([draw(REAL) for _ in range(n)]),
        target=draw(st.integers(0, 5)),
        target_name=draw(TEXT),
        output="logit",
        prediction=draw(REAL),
        base_value=draw(st.none() | REAL),
        method="lime",
        settings=draw(st.dictionaries(TEXT, st.none() | st.integers() | st.booleans() | TEXT, max_size=3)),
        signed=draw(st.booleans()),
        additive=draw(st.booleans()),
        unit="word",
        masking=draw(st.none() | st.just("unk")),
        std_error=draw(st.none() | st.just(np.full(n, np.nan)) | st.just(np.arange(float(n)))),
        error_bound=draw(st.none() | REAL),
        n_forward=draw(st.integers(0, 10)),
        seconds=draw(st.floats(0, 10)),
        seed=draw(st.none() | st.integers(0, 2**63)),
        versions={"heedful": "0"},
        model=draw(TEXT),
        cut=((0, 1),) if draw(st.booleans()) else (),
        details=draw(st.dictionaries(TEXT, REAL, max_size=2)),
        predicted=draw(st.none() | st.integers(0, 5)),
        predicted_name=draw(st.none() | TEXT),
        probability=draw(st.none() | REAL),
        unknown=draw(st.none() | st.integers(0, 5)),
    )
