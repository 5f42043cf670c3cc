"""Values as plain JSON types, and readers that refuse a plain value of any other kind than the one expected."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import InputError
from heedful.support.visible import visible

_DEPTH = 32  # levels of lists and objects inside each other: more are not read
_BITS = 1024  # of a whole number: more are not read, and could not be written in decimals
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def plain(value: Any) -> Any:
    """Reduce to JSON types, keeping every float bit for bit; not-a-number and infinities become strings.

    Example:
        >>> plain({"scores": np.array([0.5, np.nan]), "spans": ((0, 4),)})
        {'scores': [0.5, 'nan'], 'spans': [[0, 4]]}
    """
    if isinstance(value, np.ndarray):
        return [plain(x) for x in value.tolist()]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(x) for x in value]
    return value


def parse(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        InputError: not JSON, nested too deeply, or with a number of thousands of digits.

    Example:
        >>> parse('{"scores": [0.5]}')
        {'scores': [0.5]}
    """
    if not isinstance(text, (str, bytes, bytearray)):
        raise InputError(f"not JSON: expected text, got {type(text).__name__}")
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError("not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:  # besides broken JSON: a number of thousands of digits, bytes that are no text
        raise InputError(f"not JSON: {visible(str(error))}") from None


def typed(*kinds: type) -> Callable[[Any], Any]:
    """Make a reader of values of these types."""

    def read(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return read


def characters(value: Any) -> str:
    """Read a text that can be written again; raises TypeError if it is none, ValueError for half a character."""
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a reader that takes None as well."""
    return lambda value: None if value is None else read(value)


def each(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Make a reader of lists."""
    return lambda values: tuple(read(value) for value in typed(list, tuple)(values))


def named(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Make a reader of objects, whose values all are of one kind."""
    return lambda values: {typed(str)(name): read(value) for name, value in typed(Mapping)(values).items()}


def whole(value: Any) -> int:
    """Read a whole number from 0 up."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError
    if value < 0 or int(value).bit_length() > _BITS:
        raise ValueError
    return int(value)


def number(value: Any) -> float:
    """Read a number, which may be not-a-number or infinite."""
    if isinstance(value, str):
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError
    return float(value)


def numbers(values: Any) -> Float64[np.ndarray, " n"]:
    """Read a list of numbers."""
    return np.array(each(number)(values), dtype=np.float64)


def anything(value: Any, depth: int = _DEPTH) -> Any:
    """Read any value of plain JSON types that is not nested too deeply."""
    if depth == 0:
        raise ValueError
    if isinstance(value, Mapping):
        return {typed(str)(key): anything(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [anything(item, depth - 1) for item in value]
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise ValueError
    return typed(str, int, float, bool, type(None))(value)
