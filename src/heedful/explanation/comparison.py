"""Comparison: explanations of one prediction by several methods."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import InputError
from heedful.explanation import saving
from heedful.explanation.explanation import Explanation
from heedful.support.plain import parse
from heedful.support.visible import shortened, visible

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several explanations of the same prediction over the same units, by position or by name.

    Example:
        >>> import heedful
        >>> c = heedful.compare(heedful.load("demo"), "The acting was superb.", ["attention-mean", "shapley-exact"])
        >>> len(c), c[-1].method, c["alpha-avg"].method
        (2, 'shapley-exact', 'attention-mean')
    """

    explanations: tuple[Explanation, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "explanations", tuple(self.explanations))
        if not self.explanations:
            raise InputError("a comparison needs at least one explanation")
        shared = ("text", "units", "spans", "target", "output", "model")
        first = self.explanations[0]
        for other in self.explanations[1:]:
            differing = [name for name in shared if getattr(first, name) != getattr(other, name)]
            if differing:
                names = f"{visible(first.method)} and {visible(other.method)}"
                raise InputError(f"{names} do not explain the same: {', '.join(differing)}")

    def __len__(self) -> int:
        return len(self.explanations)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __repr__(self) -> str:
        methods = ", ".join(shortened(explanation.method, 30) for explanation in self)
        return f"<Comparison of {shortened(self.explanations[0].target_name, 30)!r} by {methods}>"

    def __getitem__(self, method: int | str) -> Explanation:
        """Look an explanation up by position, or by its method's name.

        A name is the registered one or an alias, with settings or without, as in "lime:n_samples=100", or what the
        views call it, as in "lime (n_samples=100)". Of several that fit, it is the first.

        Raises:
            IndexError, KeyError: there is none.
        """
        if not isinstance(method, str):
            return self.explanations[method]
        explanation: Explanation | None = saving.views().find(self.explanations, method)
        if explanation is None:
            raise KeyError(f"no {method!r} here; there are: {', '.join(visible(e.method) for e in self.explanations)}")
        return explanation

    def agreement(
        self, measure: str = "kendall", *, signed: bool | None = None
    ) -> Float64[np.ndarray, "methods methods"]:
        """Compare the methods two by two; measures and `signed` as in `heedful.metrics.agreement.pairwise`."""
        return saving.views().pairwise(self.explanations, measure, signed=signed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types only."""
        return {"explanations": [e.to_dict() for e in self.explanations]}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON text; `from_json` gives back an equal object."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Comparison:
        """Read what `to_json` gave. Raises InputError if `text` is not the JSON of a comparison."""
        data = parse(text)
        parts = data.get("explanations") if isinstance(data, Mapping) else None
        if not isinstance(parts, list):
            raise InputError("not the JSON of a comparison: it has no list of explanations")
        return cls(explanations=tuple(Explanation.from_dict(part) for part in parts))

    @classmethod
    def load(cls, path: str | Path) -> Comparison:
        """Read a .json file that `save` wrote. Raises InputError if it cannot be read, or holds something else."""
        return saving.load(path, cls.from_json)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a unit: unit, spans, and the scores of every method, a column each. Needs pandas."""
        return saving.views().frame(self)

    def plot(self, kind: str = "agreement") -> Figure:
        """Return a figure of matplotlib, which a notebook shows; nothing of pyplot is touched.

        Args:
            kind: "agreement", Kendall's tau-b of every two methods as in `agreement()`; "scatter", scores of every
                other method over those of the first.

        Raises:
            MissingExtraError: matplotlib is not installed.
            SettingError: another kind.
            InputError: a scatter plot of one method.

        Example:
            >>> import heedful
            >>> c = heedful.compare(heedful.load("demo"), "The acting was superb.", ["lime", "occlusion"])
            >>> [text.get_text() for text in c.plot().axes[0].texts][0]
            '1.00'
        """
        figure: Figure = saving.views().plot_comparison(self, kind)
        return figure

    def to_html(self) -> str:
        """Return one self-contained page: every method a row of the same text, agreement below."""
        return saving.views().page(self.explanations)

    def save(self, path: str | Path) -> Path:
        """Write to `path` by its suffix: .json, .html, or .csv with a column a method; as `Explanation.save`."""
        return saving.save(self, path)

    def _repr_html_(self) -> str:
        return saving.views().fragment(self.explanations)
