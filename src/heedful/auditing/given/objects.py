"""Records from what other tools return, told by what the objects have, so that none of the tools is imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from heedful.auditing.given.records import Record, made
from heedful.errors import DataError
from heedful.explanation import Explanation
from heedful.support.names import shown

_WANTED = (
    "give a shap.Explanation, a lime explanation, interpreto's outputs, a heedful.Explanation, or pairs of token and "
    "score; of several texts a list, in their order"
)


def records_of(given: Any) -> list[Record]:
    """Return the records in what a tool returned: of one text, or of several in their order.

    Raises:
        DataError: it is nothing that is known, or holds no scores of pieces of a text.
    """
    several = _rows(given)
    if several is not None:
        return [record for i, one in enumerate(several) for record in _of_one(one, f"text {i}", i)]
    if not isinstance(given, (list, tuple)) or _are_pairs(given):
        return list(_of_one(given, "text 0", 0))
    if not given:
        raise DataError(f"no scores: {_WANTED}")
    return [record for i, one in enumerate(given) for record in _of_one(one, f"text {i}", i)]


def _of_one(one: Any, place: str, row: int) -> Iterator[Record]:
    """The records of one text, one a class."""
    if isinstance(one, Explanation):
        yield made(
            place,
            one.units,
            one.scores,
            text=one.text,
            row=row,
            spans=one.spans,
            target=(one.target_name, one.target),
        )
    elif _has(one, "values", "data", "base_values"):
        yield from _shap(one, place, row)
    elif _has(one, "local_exp", "domain_mapper"):
        yield from _lime(one, place, row)
    elif _has(one, "attributions", "elements"):
        yield from _interpreto(one, place, row)
    elif isinstance(one, (list, tuple)) and _are_pairs(one):
        yield made(place, [unit for unit, _ in one], [score for _, score in one], row=row)
    else:
        raise DataError(f"{place}: no scores that are known, but {shown(type(one).__name__)}: {_WANTED}")


def _has(one: Any, *names: str) -> bool:
    return all(hasattr(one, name) for name in names)


def _are_pairs(given: Sequence[Any]) -> bool:
    return bool(given) and all(
        isinstance(one, (list, tuple)) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], Real)
        for one in given
    )


class _Row:
    """One text of a shap.Explanation of several, or of one."""

    def __init__(self, values: Any, data: Any, names: Any) -> None:
        self.values, self.data, self.output_names, self.base_values = values, data, names, None


def _rows(given: Any) -> list[_Row] | None:
    """The texts of a shap.Explanation of several; None for anything else."""
    if not _has(given, "values", "data", "base_values") or given.data is None or not len(given.data):
        return None
    if isinstance(given.data[0], str) or not isinstance(given.data[0], (list, tuple, np.ndarray)):
        return None
    names = getattr(given, "output_names", None)
    if len(given.values) != len(given.data):
        raise DataError(f"shap: values of {len(given.values)} texts, but {len(given.data)} texts")
    return [_Row(values, data, names) for values, data in zip(given.values, given.data, strict=True)]


def _shap(one: Any, place: str, row: int) -> Iterator[Record]:
    """Scores of the pieces that shap's masker of texts makes: joined, they are the text."""
    pieces = [] if one.data is None else list(one.data)
    if not pieces or not all(isinstance(piece, str) for piece in pieces):
        raise DataError(f"{place}: the shap.Explanation is not one of a text: its data are no strings")
    values, text = np.asarray(one.values), "".join(pieces)
    names = getattr(one, "output_names", None)
    if values.ndim == 1:
        target = (str(names),) if isinstance(names, str) else ()
        yield made(place, pieces, values, text=text, row=row, target=target)
        return
    if values.ndim != 2:
        raise DataError(f"{place}: shap's values have the shape {values.shape}, not (pieces, classes)")
    labels = [] if names is None or isinstance(names, str) else list(names)
    for k in range(values.shape[1]):
        name = (str(labels[k]),) if len(labels) == values.shape[1] else ()
        yield made(place, pieces, values[:, k], text=text, row=row, target=(*name, k))


def _lime(one: Any, place: str, row: int) -> Iterator[Record]:
    """Coefficients of the words that lime chose, all occurrences of a word together."""
    string = getattr(one.domain_mapper, "indexed_string", None)
    if string is None:
        raise DataError(f"{place}: the lime explanation is not one of a text")
    names = getattr(one, "class_names", None)
    for label, weights in one.local_exp.items():
        pieces = [str(string.word(i)) for i, _ in weights]
        starts = [np.atleast_1d(string.string_position(i)).tolist() for i, _ in weights]
        spans = tuple(
            tuple((start, start + len(piece)) for start in each) for piece, each in zip(pieces, starts, strict=True)
        )
        target = (int(label),) if names is None else (str(names[label]), int(label))
        scores = [float(weight) for _, weight in weights]
        text = string.raw_string()
        yield made(place, pieces, scores, text=text, row=row, target=target, spans=spans, sparse=True)


def _interpreto(one: Any, place: str, row: int) -> Iterator[Record]:
    """Attributions of elements, of each class that was asked for: interpreto calls these targets."""
    values = one.attributions
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)
    rows = values[None] if values.ndim == 1 else values
    said = next((got for name in ("classes", "targets") if (got := getattr(one, name, None)) is not None), None)
    known = [] if said is None else np.asarray(said).ravel().tolist()
    if rows.ndim != 2 or (len(rows) > 1 and len(known) != len(rows)):
        raise DataError(f"{place}: attributions have the shape {values.shape}, not (classes, elements)")
    for k, scores in enumerate(rows):
        yield made(place, one.elements, scores, row=row, target=(int(known[k]),) if len(known) == len(rows) else ())
