"""Scores as a table, one row a unit: a frame of pandas, or comma-separated values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import MissingExtraError
from heedful.explanation import Comparison, Explanation
from heedful.render.view import labels
from heedful.support.csv_text import as_csv
from heedful.text.spans import Spans

if TYPE_CHECKING:
    import pandas as pd


def frame(result: Explanation | Comparison) -> pd.DataFrame:
    """Return unit, spans and scores; see `Explanation.to_frame` and `Comparison.to_frame`."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "frame", f"{type(result).__name__}.to_frame()") from None
    first = _explanations(result)[0]
    table = pd.DataFrame({"unit": first.units, "spans": first.spans})
    for name, column in _scores(result):
        table.insert(len(table.columns), name, column, allow_duplicates=True)
    return table


def rows(result: Explanation | Comparison) -> list[list[Any]]:
    """Return unit, start, end and scores, a row a unit below the names of the columns; see `Explanation.save`.

    Starts and ends of a unit that occurs several times have spaces between them.
    """
    first, scores = _explanations(result)[0], _scores(result)
    starts, ends = _places(first.spans, 0), _places(first.spans, 1)
    units = zip(first.units, starts, ends, *(column.tolist() for _, column in scores), strict=True)
    return [["unit", "start", "end", *(name for name, _ in scores)], *map(list, units)]


def csv(result: Explanation | Comparison) -> str:
    """Return `rows` as comma-separated values, exact.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The plot was dull, the end was not.", "random")
        >>> [line.rpartition(",")[0] for line in csv(e).splitlines()][:4]
        ['"unit","start","end"', '"The",0,3', '"plot",4,8', '"was","9 27","12 30"']
    """
    return as_csv(rows(result))


def _explanations(result: Explanation | Comparison) -> tuple[Explanation, ...]:
    return (result,) if isinstance(result, Explanation) else result.explanations


def _scores(result: Explanation | Comparison) -> list[tuple[str, Float64[np.ndarray, " units"]]]:
    """Columns of scores: of one explanation with their errors, of several under the methods' names."""
    if isinstance(result, Comparison):
        return [(name, e.scores) for name, e in zip(labels(result.explanations), result, strict=True)]
    errors = [] if result.std_error is None else [("std_error", result.std_error)]
    return [("score", result.scores), *errors]


def _places(spans: Spans, end: int) -> list[Any]:
    """Starts or ends of every unit: a number, or several in a text."""
    return [places[0][end] if len(places) == 1 else " ".join(str(place[end]) for place in places) for places in spans]
