"""From unchecked columns to a Dataset, or one line that says what is wrong and where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from heedful.data.columns import LISTS, Columns, Query
from heedful.data.dataset import Dataset, Rationale
from heedful.errors import DataError

_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]*)?")


def checked(columns: Columns, query: Query, classes: tuple[str, ...] | None = None) -> Dataset:
    """Check everything; `classes` are the label names of train, where there is one."""
    if not columns.values[query.text]:
        raise DataError(f"{columns.source}: there are no rows")
    texts = _texts(columns, query.text)
    keys = _keys(columns, query.label)
    name_of = _name_of(columns, f"{query.label}_name", keys)
    if classes is None:
        classes = tuple(name_of[key] for key in sorted(name_of))
        if len(classes) < 2:
            first = f" in the first {len(keys)} rows" if query.is_met(len(keys)) else ""
            raise DataError(f"{columns.source}: only one class, {classes[0]!r}{first}: at least two are needed")
    unknown = [i for i, key in enumerate(keys) if name_of[key] not in classes]
    if unknown:
        raise columns.error(unknown, f"label {name_of[keys[unknown[0]]]!r} is not in train, which has {list(classes)}")
    number = {key: classes.index(name) for key, name in name_of.items()}
    labels = np.array([number[key] for key in keys], dtype=np.int64)
    return Dataset(texts, labels, classes, columns.source, _rationales(columns, texts))


def _texts(columns: Columns, name: str) -> tuple[str, ...]:
    values = columns.values[name]
    blank = [i for i, v in enumerate(values) if v is None or (isinstance(v, str) and not v.strip())]
    if blank:
        raise columns.error(blank, f"the text ({name!r}) is missing or blank")
    odd = [i for i, v in enumerate(values) if not isinstance(v, str)]
    if odd:
        raise columns.error(odd, f"{name!r} holds {type(values[odd[0]]).__name__}, not text")
    _refuse_halves(columns, values, f"the text ({name!r})")
    return tuple(values)


def _refuse_halves(columns: Columns, values: Sequence[Any], what: str) -> None:
    halves = [i for i, v in enumerate(values) if isinstance(v, str) and not v.isascii() and _SURROGATE.search(v)]
    if halves:
        raise columns.error(halves, f"{what} is not Unicode: it has half a surrogate pair")


def _keys(columns: Columns, label: str) -> list[Any]:
    """The labels of all rows as whole numbers, or as names."""
    values = [v.strip() if isinstance(v, str) else v for v in columns.values[label]]
    missing = [i for i, v in enumerate(values) if v is None or str(v).lower() in {"", "nan"}]
    if missing:
        raise columns.error(missing, f"the label ({label!r}) is missing")
    _refuse_halves(columns, values, f"the label ({label!r})")
    if all(isinstance(v, bool) for v in values):
        return [str(v).lower() for v in values]
    if all(isinstance(v, str) for v in values):
        if not all(_NUMBER.fullmatch(v) for v in values):
            return values
        values = [float(v) if "." in v else int(v) for v in values]
    odd = [i for i, v in enumerate(values) if type(v) is not int and not (type(v) is float and v.is_integer())]
    if odd:
        raise columns.error(odd, f"label {values[odd[0]]!r}: use whole numbers, names, or true and false throughout")
    return [int(v) for v in values]


def _name_of(columns: Columns, column: str, keys: list[Any]) -> dict[Any, str]:
    """The class name of every key: whole numbers are named by `column`, where there is one."""
    names = columns.values.get(column)
    if names is None or isinstance(keys[0], str):
        return {key: str(key) for key in set(keys)}
    odd = [i for i, name in enumerate(names) if not isinstance(name, str) or not name.strip()]
    if odd:
        raise columns.error(odd, f"the name of the label ({column!r}) is missing")
    _refuse_halves(columns, names, f"the name of the label ({column!r})")
    name_of: dict[Any, str] = {}
    key_of: dict[str, Any] = {}
    for i, (key, name) in enumerate(zip(keys, names, strict=True)):
        if name_of.setdefault(key, name) != name or key_of.setdefault(name, key) != key:
            raise columns.error([i], f"label {key} and name {name!r} do not belong together one to one")
    return name_of


def _rationales(columns: Columns, texts: tuple[str, ...]) -> tuple[Rationale | None, ...] | None:
    if not columns.values.keys() >= set(LISTS):
        return None
    found: list[Rationale | None] = []
    for i, (text, tokens, weights) in enumerate(zip(texts, *(columns.values[name] for name in LISTS), strict=True)):
        try:
            found.append(None if tokens is None or weights is None else _rationale(text, tokens, weights))
        except (TypeError, ValueError) as error:
            raise columns.error([i], f"the rationale does not fit the text ({error})") from None
    return None if all(rationale is None for rationale in found) else tuple(found)


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
