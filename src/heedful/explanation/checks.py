"""What makes an explanation one: fields of the right kinds, that belong together and to the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import InputError
from heedful.support.plain import anything, characters, each, named, number, numbers, or_none, typed, whole
from heedful.support.visible import shortened
from heedful.text.spans import Span

# Fields that may be unknown, and are left out of JSON then: files written before there were any can still be read.
OPTIONAL = frozenset({"predicted", "predicted_name", "probability", "unknown"})


def _pair(value: Any) -> Span:
    start, end = each(whole)(value)
    return start, end


# What gives back each field of an explanation from plain JSON types, or raises.
READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("text", "target_name", "output", "method", "unit", "model"), characters),
    **dict.fromkeys(("target", "n_forward"), whole),
    **dict.fromkeys(("signed", "additive"), typed(bool)),
    **dict.fromkeys(("prediction", "seconds"), number),
    **dict.fromkeys(("base_value", "error_bound", "probability"), or_none(number)),
    **dict.fromkeys(("seed", "predicted", "unknown"), or_none(whole)),
    **dict.fromkeys(("masking", "predicted_name"), or_none(characters)),
    "units": each(characters),
    "spans": each(each(_pair)),
    "cut": each(_pair),
    "scores": numbers,
    "std_error": or_none(numbers),
    "settings": named(anything),
    "versions": named(typed(str)),
    "details": named(number),
}


def read_fields(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Read every field of an explanation; raises InputError, which names those that are missing, unknown or wrong."""
    missing, others = READERS.keys() - data.keys() - OPTIONAL, data.keys() - READERS.keys() - {"format"}
    if data.get("format") != kind or missing or others:
        odd = [shortened(str(name), 40) for name in sorted({*missing, *others}, key=str)]
        raise InputError(f"not an explanation of format {kind}" + (f": check {', '.join(odd[:9])}" if odd else ""))
    values = {}
    for name, read in READERS.items():
        try:
            values[name] = read(data.get(name))
        except (TypeError, ValueError, LookupError, OverflowError):
            raise InputError(f"not an explanation of format {kind}: check {name}") from None
    check_lengths(values["units"], values["spans"], values["scores"], values["std_error"])
    return values


def vector(name: str, values: Any) -> Float64[np.ndarray, " n"] | None:
    """Copy numbers into an array that cannot be written to; None stays None."""
    if values is None:
        return None
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError(f"{name} must be one number a unit, got an array of {array.ndim} dimensions")
    array.setflags(write=False)
    return array


def pairs(name: str, places: Any) -> tuple[Span, ...]:
    """Read (start, end) pairs."""
    try:
        return tuple((int(start), int(end)) for start, end in places)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be pairs of (start, end)") from None


def check_lengths(units: Sequence[str], spans: Sequence[Any], scores: Any, errors: Any) -> None:
    """Raise InputError unless there is one of everything a unit."""
    if not (len(units) == len(spans) == len(scores)):
        raise InputError(f"units, spans and scores differ in length: {len(units)}, {len(spans)}, {len(scores)}")
    if errors is not None and len(errors) != len(scores):
        raise InputError(f"scores and std_error differ in length: {len(scores)}, {len(errors)}")


def check_places(text: str, spans: Iterable[Sequence[Span]], cut: Sequence[Span]) -> None:
    """Raise InputError unless every unit has a place, and all places lie in the text."""
    for name, places in (*(("spans", places) for places in spans), ("cut", cut)):
        if not places and name == "spans":
            raise InputError("spans: every unit needs a place in the text")
        for start, end in places:
            if not 0 <= start <= end <= len(text):
                raise InputError(f"{name}: ({start}, {end}) is no place in a text of {len(text):,} characters")


def check_settings(text: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError if a reserved setting does not say what it is reserved for."""
    reserved = {"second_text_from": settings.get("second_text_from", 0)}
    if "windows" in settings:
        reserved |= {name: settings.get(name) for name in ("windows", "window_size", "stride")}
        if not isinstance(settings.get("combine"), str):
            raise InputError("settings: windows is reserved for texts read window by window, with combine beside it")
    for name, value in reserved.items():
        try:
            inside = whole(value) <= len(text) or name != "second_text_from"
        except (TypeError, ValueError):
            inside = False
        if not inside:
            raise InputError(f"settings: {name} is a reserved name, and cannot be {shortened(repr(value), 40)}")
