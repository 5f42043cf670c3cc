"""Explanation: the scores of one method for one prediction, with everything about how they came to be.

Nothing here computes a score. Views (`top`, `to_frame`, `to_html`) never change the object; JSON goes out and
comes back bit for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import InputError
from heedful.explanation import checks, saving
from heedful.support.plain import parse, plain
from heedful.support.settings import check_whole
from heedful.support.student import half_widths
from heedful.support.visible import shortened
from heedful.text.spans import Span, Spans

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMAT = "heedful.explanation/1"


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """Scores of one method for one prediction on one text; iterating gives (unit, score) pairs.

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
        settings: every setting that shaped the scores. Reserved are second_text_from, the place where the second text
            of a pair begins, and, of a text read window by window, windows, window_size, stride and combine.
        signed: True if a negative score means "speaks against the target".
        additive: True if `base_value + scores.sum()` equals `prediction` by construction.
        unit: "word_type", "word", "token" or "sentence".
        masking: how units were removed; None for methods that remove nothing.
        std_error: float64 array (units,) of Monte-Carlo standard errors, or None for methods without sampling; NaN
            where too little was drawn to estimate them. For an interval use `margin_of_error`: of few draws, plus or
            minus 1.96 of these covers less than 95 %.
        error_bound: certified largest absolute error of a score, or None. Of Shapley and Banzhaf values and of LIME's
            coefficients alone: base values, as LIME's intercept, are not covered.
        n_forward: texts pushed through the model's forward pass (evaluations by look-up table are not counted).
        seconds: wall-clock time of the explanation.
        seed: the seed of this call, or None for methods without randomness.
        versions: versions of heedful and of the libraries that computed the scores.
        model: identifier of the classifier.
        cut: character spans of `text` that the classifier never saw (longer than its limit).
        details: further numbers of the method, e.g. LIME's R2.
        predicted: index of the class the classifier finds most probable; None where it predicts a number, not a class.
        predicted_name: its name.
        probability: its probability, from 0 to 1; None where it is not known.
        unknown: number of units of which no token is in the classifier's vocabulary; None where it is not known.

    Raises:
        InputError: units, spans, scores and standard errors that do not belong together, or to the text.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "shapley-exact")
        >>> [unit for unit, score in e if score > 1]
        ['superb']
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
    predicted: int | None = None
    predicted_name: str | None = None
    probability: float | None = None
    unknown: int | None = None

    def __post_init__(self) -> None:
        checks.check_lengths(self.units, self.spans, self.scores, self.std_error)
        spans = tuple(checks.pairs("spans", places) for places in self.spans)
        copies = {name: dict(getattr(self, name)) for name in ("settings", "versions", "details")}
        self.__setstate__(
            {**vars(self), **copies, "units": tuple(self.units), "spans": spans, "cut": checks.pairs("cut", self.cut)}
        )
        checks.check_places(self.text, spans, self.cut)
        checks.check_settings(self.text, self.settings)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take over all fields, with arrays that nobody else has and nobody can write to; copies and pickles do it."""
        arrays = {name: checks.vector(name, state[name]) for name in ("scores", "std_error")}
        vars(self).update({**state, **arrays})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Explanation) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        scores = tuple(plain(self.scores))  # equal ones have equal hashes: not so their JSON, of 0.0 and -0.0
        return hash((self.text, self.units, self.spans, self.target, self.output, self.method, scores))

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return zip(self.units, self.scores.tolist(), strict=True)

    def __repr__(self) -> str:
        shown = self.top(3) if len(self) else []
        scores = [f"{shortened(unit, 30)!r} {score:{'+' if self.signed else ''}.3g}" for unit, score in shown]
        more = ["..."] if len(self) > len(shown) else []
        target, method = shortened(self.target_name, 30), shortened(self.method, 30)
        return f"<Explanation of {target!r} by {method}: {', '.join(scores + more) or 'no units'}>"

    def top(self, k: int = 10) -> list[tuple[str, float]]:
        """Return the k units with the largest absolute scores, largest first; ties keep the text's order."""
        check_whole("top(k): k", k, 1)
        order = np.argsort(-np.abs(self.scores), kind="stable")[:k]
        return [(self.units[i], float(self.scores[i])) for i in order]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types only; not-a-number and infinities become the strings "nan", "inf", "-inf".

        What may be unknown, from `predicted` on, is left out where it is None.
        """
        values = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        return {"format": FORMAT} | {k: v for k, v in values.items() if v is not None or k not in checks.OPTIONAL}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON text; `from_json` gives back an equal object."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    @classmethod
    def from_dict(cls, data: Any) -> Explanation:
        """Read what `to_dict` gave. Raises InputError if a field is missing, unknown or does not fit the others."""
        if not isinstance(data, Mapping):
            raise InputError("not an explanation: expected a JSON object")
        if "explanations" in data:
            raise InputError("not one explanation but a comparison: read it with heedful.Comparison")
        return cls(**checks.read_fields(data, FORMAT))

    @property
    def margin_of_error(self) -> Float64[np.ndarray, " units"] | None:
        """Half widths (units,) of the scores' 95 % confidence intervals; None for methods without sampling.

        Student's t quantile, by `details["degrees_of_freedom"]` if it is there, times the standard error after its
        square has been moved towards the mean square over units, as if that came from four more draws: of few draws, a
        unit whose rare large effects were missed would look certain. 95 % is meant on average over units. In ratio
        games of 10 and 14 units, permutation-shap's covered 97 to 99 % from 6 permutations on, and 87 to 90 % of the
        worst unit, which gets most of its score in few of the masks; those of lime with 200 samples 94 %, of
        `sampler=adjusted` 92 %. NaN where the standard error is.

        Source: Smyth 2004 (moderated t), with the number of draws that the mean square counts for fixed.

        Example:
            >>> import heedful
            >>> clf = heedful.load("demo")
            >>> text = "The acting was superb, but the plot was not good and the ending was truly dull, said a friend."
            >>> e = heedful.explain(clf, text, "permutation-shap:n_permutations=6")
            >>> bool((e.margin_of_error > 1.96 * e.std_error).all())
            True
        """
        if self.std_error is None:
            return None
        return half_widths(self.std_error, float(self.details.get("degrees_of_freedom", math.inf)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Explanation:
        """Read what `to_json` gave. Raises InputError if `text` is not the JSON of an explanation."""
        return cls.from_dict(parse(text))

    @classmethod
    def load(cls, path: str | Path) -> Explanation:
        """Read a .json file that `save` wrote. Raises InputError if it cannot be read, or holds something else."""
        return saving.load(path, cls.from_json)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a unit: unit, spans, score, and std_error where there is one. Needs pandas."""
        return saving.views().frame(self)

    def to_shap(self) -> Any:
        """Return the same scores as a `shap.Explanation`, for `shap.plots.text` and its other plots.

        Its data are the units with the text up to the next one; where they come in another order than in the text, as
        word types may, each unit alone with a space. Scores start from 0 where the method has no base value.

        Raises:
            MissingExtraError: shap is not installed.
            InputError: there is no unit.

        Example:
            >>> import heedful
            >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "kernel-shap", unit="word")
            >>> e.to_shap().data.tolist()
            ['The ', 'acting ', 'was ', 'superb.']
        """
        return saving.views().to_shap(self)

    def plot(self, kind: str = "bars") -> Figure:
        """Return a figure of matplotlib, which a notebook shows; nothing of pyplot is touched.

        Characters that the font lacks are boxes: `matplotlib.rcParams["font.family"]` names another.

        Args:
            kind: "bars", the units with the largest scores, with 95 % intervals of sampled ones; "waterfall", from the
                base value to the prediction; "text", the text with every unit on its colour.

        Raises:
            MissingExtraError: matplotlib is not installed.
            SettingError: another kind.
            InputError: a waterfall of scores that do not add up to the prediction.

        Example:
            >>> import heedful
            >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "shapley-exact")
            >>> [bar.get_width() for bar in e.plot().axes[0].patches] == [score for _, score in e.top()]
            True
        """
        figure: Figure = saving.views().plot_explanation(self, kind)
        return figure

    def to_html(self) -> str:
        """Return one self-contained page without network access; all text is escaped."""
        return saving.views().page([self])

    def save(self, path: str | Path) -> Path:
        """Write to `path` by its suffix: .json, .html, or .csv with a line a unit.

        CSV holds units as they stand in the text and scores to the last digit: start and end of every occurrence, the
        score, and std_error where there is one. Nothing is put before a unit such as "=1+1" to keep a spreadsheet from
        taking it for a formula: import the column as text.

        Raises:
            SettingError: another suffix.
            InputError: the file cannot be written.
        """
        return saving.save(self, path)

    def _repr_html_(self) -> str:
        return saving.views().fragment([self])
