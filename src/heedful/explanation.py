"""Explanation and Comparison: frozen results that say everything about how they came to be.

Nothing here computes a score. Views (`top`, `to_frame`, `to_html`) never change the object; JSON goes out and
comes back bit for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import InputError, MissingExtraError, SettingError
from heedful.support.files import write_whole
from heedful.text.spans import Span, Spans

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "heedful.explanation/1"


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """Scores of one method for one prediction on one text.

    Attributes:
        text: the caller's text, untouched.
        units: the unit strings, pieces of `text`.
        spans: character offsets of each unit: one or more (start, end) pairs into `text`.
        scores: float64 array (units,); the sign convention is `signed`.
        target: index of the explained class.
        target_name: its name in the classifier.
        output: the explained quantity: "logit", "probability" or "logit_difference".
        prediction: value of `output` for the whole text.
        base_value: value the scores start from (intercept, or the empty text's output); None where the method has none.
        method: registered name of the method.
        settings: every setting that shaped the scores.
        signed: True if a negative score means "speaks against the target".
        additive: True if `base_value + scores.sum()` equals `prediction` by construction.
        unit: "word_type", "word", "token" or "sentence".
        masking: how units were removed; None for methods that remove nothing.
        std_error: float64 array (units,) of Monte-Carlo standard errors, or None for methods without sampling.
        error_bound: certified largest absolute error of a score, or None.
        n_forward: texts pushed through the model's forward pass (evaluations by look-up table are not counted).
        seconds: wall-clock time of the explanation.
        seed: the seed of this call, or None for methods without randomness.
        versions: versions of heedful and of the libraries that computed the scores.
        model: identifier of the classifier.
        cut: character spans of `text` that the classifier never saw (longer than its limit).
        details: further numbers of the method, e.g. LIME's R2.
    """

    text: str
    units: tuple[str, ...]
    spans: Spans
    scores: Float64[np.ndarray, " units"]
    target: int
    target_name: str
    output: str
    prediction: float
    base_value: float | None
    method: str
    settings: Mapping[str, Any]
    signed: bool
    additive: bool
    unit: str
    masking: str | None
    std_error: Float64[np.ndarray, " units"] | None
    error_bound: float | None
    n_forward: int
    seconds: float
    seed: int | None
    versions: Mapping[str, str]
    model: str
    cut: tuple[Span, ...] = ()
    details: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (len(self.units) == len(self.spans) == len(self.scores)):
            raise InputError(
                f"units, spans and scores differ in length: {len(self.units)}, {len(self.spans)}, {len(self.scores)}"
            )
        for name in ("scores", "std_error"):
            array = getattr(self, name)
            if array is not None:
                array = np.array(array, dtype=np.float64)
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Explanation) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __len__(self) -> int:
        return len(self.units)

    def top(self, k: int = 10) -> list[tuple[str, float]]:
        """The k units with the largest absolute scores, largest first; ties keep the text's order."""
        if k < 1:
            raise SettingError(f"top(k) needs k >= 1, got {k}")
        order = np.argsort(-np.abs(self.scores), kind="stable")[:k]
        return [(self.units[i], float(self.scores[i])) for i in order]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types only; not-a-number and infinities become the strings "nan", "inf", "-inf"."""
        return {"format": FORMAT} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def to_json(self, *, indent: int | None = None) -> str:
        """JSON text; `from_json` gives back an equal object."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    @classmethod
    def from_dict(cls, data: Any) -> Explanation:
        """Inverse of `to_dict`. Raises InputError if a field is missing, unknown or of another type."""
        if not isinstance(data, Mapping):
            raise InputError("not an explanation: expected a JSON object")
        known = {f.name for f in fields(cls)}
        given = set(data) - {"format"}
        if data.get("format") != FORMAT or given != known:
            odd = sorted(given ^ known)
            raise InputError(f"not an explanation of format {FORMAT}" + (f": check {', '.join(odd)}" if odd else ""))
        values = {}
        for name, read in _READERS.items():
            try:
                values[name] = read(data[name])
            except (TypeError, ValueError, OverflowError):
                raise InputError(f"not an explanation of format {FORMAT}: check {name}") from None
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Explanation:
        """Inverse of `to_json`. Raises InputError if `text` is not the JSON of an explanation."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"not JSON: {error}") from None
        return cls.from_dict(data)

    def to_frame(self) -> pd.DataFrame:
        """One row a unit: unit, spans, score, and std_error where there is one. Needs pandas."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "frame", "Explanation.to_frame()") from None
        columns: dict[str, Any] = {"unit": self.units, "spans": self.spans, "score": self.scores}
        if self.std_error is not None:
            columns["std_error"] = self.std_error
        return pd.DataFrame(columns)

    def to_shap(self) -> Any:
        """The same scores as a `shap.Explanation`, for `shap.plots.text` and its other plots.

        Its data are the units with the text up to the next one; where they come in another order than in the text, as
        word types may, each unit alone with a space. Scores start from 0 where the method has no base value.

        Raises:
            MissingExtraError: shap is not installed.

        Example:
            >>> import heedful
            >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "kernel-shap", unit="word")
            >>> e.to_shap().data.tolist()
            ['The ', 'acting ', 'was ', 'superb.']
        """
        from heedful.render.for_shap import to_shap  # late: a view

        return to_shap(self)

    def to_html(self) -> str:
        """One self-contained page without network access; all text is escaped."""
        from heedful.render import html  # late: a view

        return html.page([self])

    def save(self, path: str | Path) -> Path:
        """Write to `path` by its suffix: .json or .html. Raises SettingError for any other."""
        return _save(self, path)

    def _repr_html_(self) -> str:
        from heedful.render import html  # late: a view

        return html.fragment([self])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several explanations of the same prediction over the same units."""

    explanations: tuple[Explanation, ...]

    def __post_init__(self) -> None:
        if not self.explanations:
            raise InputError("a comparison needs at least one explanation")
        shared = ("text", "units", "spans", "target", "output", "model")
        first = self.explanations[0]
        for other in self.explanations[1:]:
            differing = [name for name in shared if getattr(first, name) != getattr(other, name)]
            if differing:
                raise InputError(f"{first.method} and {other.method} do not explain the same: {', '.join(differing)}")

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __getitem__(self, method: str) -> Explanation:
        for explanation in self.explanations:
            if explanation.method == method:
                return explanation
        raise KeyError(f"no {method!r} here; there are: {', '.join(e.method for e in self.explanations)}")

    def agreement(self, measure: str = "kendall") -> Float64[np.ndarray, "methods methods"]:
        """Pairwise agreement of the methods; see `heedful.metrics.agreement.pairwise`."""
        from heedful.metrics.agreement import pairwise  # late: a view

        return pairwise(self.explanations, measure)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types only."""
        return {"explanations": [e.to_dict() for e in self.explanations]}

    def to_json(self, *, indent: int | None = None) -> str:
        """JSON text; `from_json` gives back an equal object."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """Inverse of `to_json`. Raises InputError if `text` is not the JSON of a comparison."""
        try:
            data = json.loads(text)
            parts = data["explanations"]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise InputError("not the JSON of a comparison") from None
        if not isinstance(parts, list):
            raise InputError("not the JSON of a comparison: its explanations are no list")
        return cls(explanations=tuple(Explanation.from_dict(part) for part in parts))

    def to_html(self) -> str:
        """One self-contained page: every method a row of the same text, agreement below."""
        from heedful.render import html  # late: a view

        return html.page(list(self.explanations))

    def save(self, path: str | Path) -> Path:
        """Write to `path` by its suffix: .json or .html. Raises SettingError for any other."""
        return _save(self, path)

    def _repr_html_(self) -> str:
        from heedful.render import html  # late: a view

        return html.fragment(list(self.explanations))


def _save(result: Explanation | Comparison, path: str | Path) -> Path:
    path = Path(path)
    writers = {".json": lambda: result.to_json(indent=2) + "\n", ".html": result.to_html}
    if path.suffix not in writers:
        raise SettingError(f"cannot save as {path.suffix or 'a file without suffix'!r}: use {' or '.join(writers)}")
    write_whole(path, writers[path.suffix]())
    return path


def _plain(value: Any) -> Any:
    """Reduce to JSON types, keeping every float bit for bit."""
    if isinstance(value, np.ndarray):
        return [_plain(x) for x in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(x) for x in value]
    return value


def _typed(*kinds: type) -> Callable[[Any], Any]:
    """A reader of values of these types that refuses any other."""

    def read(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return read


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _each(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda values: tuple(read(value) for value in _typed(list, tuple)(values))


def _span(value: Any) -> Span:
    start, end = _each(index)(value)
    return start, end


def _numbers(value: Any) -> Float64[np.ndarray, " units"]:
    return np.array(_each(float)(value), dtype=np.float64)


# What gives back each field of an explanation from plain JSON types, or raises.
_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("text", "target_name", "output", "method", "unit", "model"), _typed(str)),
    **dict.fromkeys(("target", "n_forward"), index),
    **dict.fromkeys(("signed", "additive"), _typed(bool)),
    **dict.fromkeys(("settings", "versions"), _typed(Mapping)),
    **dict.fromkeys(("prediction", "seconds"), float),
    **dict.fromkeys(("base_value", "error_bound"), _or_none(float)),
    "units": _each(_typed(str)),
    "spans": _each(_each(_span)),
    "cut": _each(_span),
    "scores": _numbers,
    "std_error": _or_none(_numbers),
    "masking": _or_none(_typed(str)),
    "seed": _or_none(index),
    "details": lambda value: {name: float(number) for name, number in _typed(Mapping)(value).items()},
}
