"""An explanation as shap's own, for its plots."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from heedful.errors import InputError, MissingExtraError
from heedful.explanation import Explanation


def to_shap(explanation: Explanation) -> Any:
    """A `shap.Explanation` of the same scores; see `Explanation.to_shap`."""
    if not len(explanation):
        raise InputError("to_shap() needs a unit with a score: this explanation has no unit")
    try:
        import shap
    except ImportError:
        raise MissingExtraError("shap", "oracles", "Explanation.to_shap()") from None
    error, base = explanation.std_error, explanation.base_value
    whole = shap.Explanation(
        values=explanation.scores[:, None].copy(),
        base_values=np.array([0.0 if base is None else base]),
        data=np.array(_pieces(explanation), dtype=object),
        feature_names=list(explanation.units),
        output_names=[explanation.target_name],
        error_std=None if error is None else error[:, None].copy(),
    )
    return whole[:, 0]  # shap takes the name of a single output in no other way


def _pieces(explanation: Explanation) -> list[str]:
    """The text cut before each unit but the first, if there is an order to cut in; else the units."""
    starts = [spans[0][0] for spans in explanation.spans]
    if starts != sorted(set(starts)) or any(len(spans) > 1 for spans in explanation.spans):
        return [f"{unit} " for unit in explanation.units]
    return [explanation.text[start:end] for start, end in pairwise([0, *starts[1:], len(explanation.text)])]
