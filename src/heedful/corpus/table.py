"""The rows of a corpus as an Arrow table: one row a text, lists of units, spans and scores in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.corpus.plan import Plan
from heedful.data import Row
from heedful.explaining.answers import Refusal
from heedful.explaining.prediction import class_of
from heedful.explaining.windows import Asked
from heedful.games.output import probabilities
from heedful.methods.base import Answer

_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])
SCORES, STD_ERROR, BASE_VALUE, ERROR_BOUND, N_FORWARD, ERROR = (
    "scores", "std_error", "base_value", "error_bound", "n_forward", "error"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Result:
    """What has come of one row.

    Attributes:
        row: the row.
        asked: the question about its text; None where there is none.
        problem: why there is none.
        answers: of every method, by name: its answer, or why it refuses.
    """

    row: Row
    asked: Asked | None = None
    problem: str | None = None
    answers: Mapping[str, Answer | Refusal] = field(default_factory=dict)


def schema(plan: Plan) -> pa.Schema:
    """Return the columns of a corpus and their types; those of a method begin with its name."""
    number = pa.float64() if plan.numbers == "float64" else pa.float32()
    columns = [
        ("row", pa.int64()), ("id", pa.string()), ("text_hash", pa.string()), ("label", pa.string()),
        ("predicted", pa.string()), ("probability", pa.float64()), ("probabilities", pa.list_(pa.float32())),
        ("target", pa.string()), ("prediction", pa.float64()), ("units", pa.list_(pa.string())),
        ("spans", pa.list_(pa.list_(_SPAN))), ("cut", pa.list_(_SPAN)), ("error", pa.string()),
    ]  # fmt: skip
    kinds = pa.list_(number), pa.list_(number), pa.float64(), pa.float64(), pa.int64(), pa.string()
    for name in plan.methods:
        columns += zip(of_method(name), kinds, strict=True)
    return pa.schema(columns)


def of_method(name: str) -> list[str]:
    """Return the columns of the method whose columns begin with this name."""
    return [f"{name}_{key}" for key in (SCORES, STD_ERROR, BASE_VALUE, ERROR_BOUND, N_FORWARD, ERROR)]


def table(results: Sequence[Result], classifier: Classifier, plan: Plan) -> pa.Table:
    """Return results as a table with a row each, in their order."""
    asked = [one.asked for one in results]
    columns: dict[str, Any] = {
        "row": [one.row.number for one in results],
        "id": [one.row.id for one in results],
        "text_hash": [None if one.row.text is None else text_hash(one.row.text) for one in results],
        "label": [label_of(one.row.label, classifier.labels) for one in results],
        **_predictions(asked, classifier),
        "units": [None if one is None else one.whole.units.strings for one in asked],
        "spans": _nested([None if one is None else one.whole.units.spans for one in asked]),
        "cut": _spans([None if one is None else one.whole.encoded.cut for one in asked]),
        "error": [one.problem for one in results],
    }
    for name in plan.methods:
        columns |= {f"{name}_{key}": values for key, values in _of_method(results, name, plan.numbers).items()}
    kinds = schema(plan)
    arrays = [_array(columns[one.name], one.type) for one in kinds]
    return pa.Table.from_arrays(arrays, schema=kinds)


def text_hash(text: str | tuple[str, str]) -> str:
    """Return 16 hexadecimal digits that stand for a text, or for a pair."""
    whole = text if isinstance(text, str) else "\n".join(text)
    return hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:16]


def label_of(label: str | None, classes: Sequence[str]) -> str | None:
    """Return a label as the name of a class: digits are its number, where no class has a name of digits.

    Example:
        >>> [label_of(label, ("negative", "positive")) for label in ("1", "positive", "7", None)]
        ['positive', 'positive', '7', None]
    """
    if label is None or not label.isdecimal() or any(name.isdecimal() for name in classes):
        return label
    return classes[int(label)] if len(label) < 10 and int(label) < len(classes) else label


def _predictions(asked: Sequence[Asked | None], classifier: Classifier) -> dict[str, list[Any]]:
    """What the classifier says, as `Explanation` has it; of one that predicts a number there are no probabilities.

    Of a text read window by window, probabilities are the windows' means, or unknown where one window stands for all.
    """
    names = "predicted", "probability", "probabilities", "target", "prediction"
    columns: dict[str, list[Any]] = {name: [None] * len(asked) for name in names}
    for i, one in enumerate(asked):
        if one is not None:
            known = class_of(one)
            columns["predicted"][i], columns["probability"][i] = known.get("predicted_name"), known.get("probability")
            columns["target"][i] = classifier.labels[one.whole.output.target]
            columns["prediction"][i] = one.prediction
            if "predicted" in known and one.settings.get("combine") != "max":
                logits = np.stack([part.question.logits for part in one.parts])
                columns["probabilities"][i] = probabilities(logits, exclusive=classifier.exclusive).mean(0)
    return columns


def _of_method(results: Sequence[Result], name: str, numbers: str) -> dict[str, list[Any]]:
    """The columns of one method."""
    answers = [one.answers.get(name) for one in results]
    given = [one if isinstance(one, Answer) else None for one in answers]
    return {
        SCORES: [None if one is None else one.scores for one in given],
        STD_ERROR: [None if one is None else one.std_error for one in given],
        BASE_VALUE: [None if one is None else one.base_value for one in given],
        ERROR_BOUND: [None if one is None else _bound(one, numbers) for one in given],
        N_FORWARD: [
            None if one is None or asked is None else one.n_forward + asked.n_forward
            for one, asked in zip(given, (result.asked for result in results), strict=True)
        ],
        ERROR: [None if one is None or isinstance(one, Answer) else str(one) for one in answers],
    }


def _bound(answer: Answer, numbers: str) -> float | None:
    """The certified bound, with what rounding to single precision adds to it."""
    if answer.error_bound is None or numbers == "float64" or not len(answer.scores):
        return answer.error_bound
    rounded = answer.scores.astype(np.float32).astype(np.float64)
    return answer.error_bound + float(np.abs(rounded - answer.scores).max())


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """Values as an Arrow array; of lists, whose items may be numpy arrays, all items at once."""
    if isinstance(values, pa.Array):
        return values
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    items: Any = [one for one in values if one is not None]
    if pa.types.is_floating(kind.value_type):
        flat = np.concatenate([np.asarray(one, dtype=np.float64) for one in items]) if items else np.zeros(0)
        inner = pa.array(flat, pa.float64()).cast(kind.value_type, safe=False)
    else:
        inner = pa.array(list(chain.from_iterable(items)), kind.value_type)
    return _listed(values, inner)


def _listed(values: Sequence[Any], inner: pa.Array) -> pa.Array:
    """Lists with these items, one a value; None where there is none."""
    sizes = np.array([0, *(0 if one is None else len(one) for one in values)])
    missing = pa.array([one is None for one in values], pa.bool_())
    offsets = pa.array(np.cumsum(sizes), pa.int32())
    return pa.ListArray.from_arrays(offsets, inner, mask=missing)


def _spans(values: Sequence[Any]) -> pa.Array:
    return _listed(values, _pairs(chain.from_iterable(one for one in values if one is not None)))


def _nested(values: Sequence[Any]) -> pa.Array:
    """Spans of units: those of a unit are a list, those of a text a list of lists."""
    return _listed(values, _spans([*_units(values)]))


def _units(values: Iterable[Any]) -> Iterator[Any]:
    return chain.from_iterable(one for one in values if one is not None)


def _pairs(spans: Iterable[tuple[int, int]]) -> pa.Array:
    numbers = np.array(list(spans), dtype=np.int32).reshape(-1, 2)
    return pa.StructArray.from_arrays([pa.array(numbers[:, 0]), pa.array(numbers[:, 1])], fields=list(_SPAN))
