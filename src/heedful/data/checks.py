"""From unchecked columns to a Dataset, or one line that says what is wrong and where."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heedful.data.columns import LISTS, Columns, Query
from heedful.data.dataset import Dataset, Rationale
from heedful.errors import DataError

_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9].*")
_TRUTH = {"false", "true"}


@dataclass(frozen=True)
class Classes:
    """The classes of train: their names in order, and the name of every whole number that stood for one."""

    names: tuple[str, ...]
    of_number: Mapping[int, str]


@dataclass(frozen=True)
class TextRow:
    """One row of a table of texts.

    Attributes:
        source: the file or folder.
        place: where in it, as in "line 4".
        text: the text, untouched; None if there is none that can be explained.
        problem: what is wrong where there is no text, else None.
    """

    source: str
    place: str
    text: str | None
    problem: str | None = None


def checked(columns: Columns, query: Query, classes: Classes | None = None) -> tuple[Dataset, Classes]:
    """Check everything; `classes` are those of train, where there is one.

    Raises:
        DataError: something cannot be used; one line that says what and where.
    """
    if not columns.values["text"]:
        raise DataError(f"{columns.source}: there are no rows")
    texts = _texts(columns)
    keys = _keys(columns, classes)
    name_of = _name_of(columns, keys)
    if classes is None:
        classes = _classes(columns, query, keys, name_of)
    else:
        name_of = _as_in_train(columns, name_of, classes)
    unknown = [i for i, key in enumerate(keys) if name_of[key] not in classes.names]
    if unknown:
        what = f"label {name_of[keys[unknown[0]]]!r} is not in train, which has {list(classes.names)}"
        raise columns.error(unknown, what)
    number = {key: classes.names.index(name) for key, name in name_of.items()}
    labels = np.array([number[key] for key in keys], dtype=np.int64)
    return Dataset(texts, labels, classes.names, columns.source, _rationales(columns, texts)), classes


def text_rows(columns: Columns) -> tuple[TextRow, ...]:
    """Return every row with its text, or with what is wrong with it."""
    return tuple(
        TextRow(columns.source, columns.place(i), None if problem else value, problem)
        for i, (value, problem) in enumerate(zip(*_problems(columns), strict=True))
    )


def text_problems(columns: Columns) -> dict[int, str]:
    """Return what is wrong with the texts of rows, by row."""
    return {i: problem for i, problem in enumerate(_problems(columns)[1]) if problem is not None}


def label_problems(columns: Columns) -> dict[int, str]:
    """Return the rows whose label is missing, with the words for it."""
    what = f"the label ({columns.names['label']!r}) is missing"
    return {i: what for i, value in enumerate(columns.values["label"]) if is_missing(value)}


def rationale_problems(columns: Columns) -> dict[int, str]:
    """Return what is wrong with the rationales of rows, by row."""
    if not columns.values.keys() >= set(LISTS):
        return {}
    problems: dict[int, str] = {}
    for i, row in enumerate(zip(columns.values["text"], *(columns.values[name] for name in LISTS), strict=True)):
        if row[1] is not None and row[2] is not None:
            try:
                _rationale(*row)
            except (TypeError, ValueError) as error:
                problems[i] = str(error)
    return problems


def _problems(columns: Columns) -> tuple[Sequence[Any], list[str | None]]:
    values, name = columns.values["text"], columns.names.get("text", "text")
    return values, [text_problem(value, name) for value in values]


def text_problem(value: Any, name: str) -> str | None:
    """Return why the value of a column cannot be used as a text; None if it can."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):  # noqa: PLR0124 - NaN
        return f"the text ({name!r}) is missing or blank"
    if not isinstance(value, str):
        return f"{name!r} holds {type(value).__name__}, not text"
    if has_half_pair(value):
        return f"the text ({name!r}) is not Unicode: it has half a surrogate pair"
    return None


def has_half_pair(text: str) -> bool:
    """Return True if there is half a surrogate pair in a text, which no encoding can write."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def _texts(columns: Columns) -> tuple[str, ...]:
    values, problems = _problems(columns)
    for problem in dict.fromkeys(filter(None, problems)):
        raise columns.error([i for i, other in enumerate(problems) if other == problem], problem)
    return tuple(values)


def is_missing(value: Any) -> bool:
    """Return True if there is no label in a cell."""
    return value is None or str(value).strip().lower() in {"", "nan"}


def _refuse_halves(columns: Columns, values: Sequence[Any], what: str) -> None:
    halves = [i for i, v in enumerate(values) if isinstance(v, str) and has_half_pair(v)]
    if halves:
        raise columns.error(halves, f"{what} is not Unicode: it has half a surrogate pair")


def _keys(columns: Columns, train: Classes | None) -> list[Any]:
    """The labels of all rows as whole numbers, or as names."""
    label = columns.names["label"]
    values = [v.strip() if isinstance(v, str) else v for v in columns.values["label"]]
    if missing := label_problems(columns):
        raise columns.error([*missing], next(iter(missing.values())))
    _refuse_halves(columns, values, f"the label ({label!r})")
    if all(isinstance(v, bool) for v in values):
        return [str(v).lower() for v in values]
    if all(isinstance(v, str) for v in values):
        if train is not None and "label_name" not in columns.values and all(v in train.names for v in values):
            return values
        if all(v.lower() in _TRUTH for v in values) and (train is None or set(train.names) <= _TRUTH):
            return [v.lower() for v in values]
        if not all(_NUMBER.fullmatch(v) for v in values) or any(_LEADING_ZERO.fullmatch(v) for v in values):
            return values
        values = [float(v) if "." in v else int(v) for v in values]
    odd = [i for i, v in enumerate(values) if type(v) is not int and not (type(v) is float and v.is_integer())]
    if odd:
        raise columns.error(odd, f"label {values[odd[0]]!r}: use whole numbers, names, or true and false throughout")
    return [int(v) for v in values]


def _name_of(columns: Columns, keys: list[Any]) -> dict[Any, str]:
    """The class name of every key: whole numbers are named by a column of names, where there is one."""
    names = columns.values.get("label_name")
    if names is None or isinstance(keys[0], str):
        return {key: str(key) for key in dict.fromkeys(keys)}
    odd = [i for i, name in enumerate(names) if not isinstance(name, str) or not name.strip()]
    if odd:
        column = columns.names.get("label_name", f"{columns.names['label']}_name")
        raise columns.error(odd, f"the name of the label ({column!r}) is missing")
    _refuse_halves(columns, names, "the name of the label")
    name_of: dict[Any, str] = {}
    key_of: dict[str, Any] = {}
    for i, (key, name) in enumerate(zip(keys, names, strict=True)):
        if name_of.setdefault(key, name) != name or key_of.setdefault(name, key) != key:
            raise columns.error([i], f"label {key} and name {name!r} do not belong together one to one")
    return name_of


def _classes(columns: Columns, query: Query, keys: list[Any], name_of: Mapping[Any, str]) -> Classes:
    """The classes that train has; names that look alike are refused, as they would be two of them."""
    names = tuple(name_of[key] for key in sorted(name_of))
    seen: dict[str, str] = {}
    for key, name in name_of.items():
        look = " ".join(unicodedata.normalize("NFC", name).casefold().split())
        if (other := seen.setdefault(look, name)) != name:
            what = f"labels {other!r} and {name!r} differ only in capitals, spaces or coding of the same letters"
            raise columns.error([keys.index(key)], f"{what}: write them alike, or rename one")
    if len(names) < 2:
        first = f" in the first {len(keys)} rows" if query.is_met(len(keys)) else ""
        raise DataError(f"{columns.source}: only one class, {names[0]!r}{first}: at least two are needed")
    return Classes(names, {key: name for key, name in name_of.items() if isinstance(key, int)})


def _as_in_train(columns: Columns, name_of: Mapping[Any, str], train: Classes) -> dict[Any, str]:
    """Names as in train, where only one of the two has names for its numbers."""
    if all(name in train.names for name in name_of.values()):
        return dict(name_of)
    if "label_name" in columns.values:
        digits = {key: str(key) for key in name_of}
        return digits if all(name in train.names for name in digits.values()) else dict(name_of)
    return {key: train.of_number.get(key, name) for key, name in name_of.items()}


def _rationales(columns: Columns, texts: tuple[str, ...]) -> tuple[Rationale | None, ...] | None:
    if not columns.values.keys() >= set(LISTS):
        return None
    if problems := rationale_problems(columns):
        raise columns.error([*problems], f"the rationale does not fit the text ({next(iter(problems.values()))})")
    lists = zip(texts, *(columns.values[name] for name in LISTS), strict=True)
    rationales = tuple(None if tokens is None or weights is None else _rationale(text, tokens, weights)
                       for text, tokens, weights in lists)  # fmt: skip
    return None if all(rationale is None for rationale in rationales) else rationales


def _rationale(text: str, tokens: Any, weights: Any) -> Rationale:
    if not (isinstance(tokens, list) and isinstance(weights, list)):
        raise TypeError("tokens and rationale must be lists")
    if len(tokens) != len(weights):
        raise ValueError(f"{len(tokens)} tokens, {len(weights)} weights")
    spans = np.empty((len(tokens), 2), dtype=np.int64)
    end = 0
    for t, token in enumerate(tokens):
        start = text.find(token, end)
        if start < 0:
            raise ValueError(f"no {token!r} after character {end}")
        end = start + len(token)
        spans[t] = start, end
    numbers = np.array(weights, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a weight is missing or infinite")
    return Rationale(spans, numbers)
