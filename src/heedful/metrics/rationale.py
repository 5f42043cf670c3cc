"""From units to the tokens that people marked: scores and marks, token by token of the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.data import Rationale
from heedful.errors import InputError
from heedful.explanation import Explanation

_UNSEEN = -2  # beyond the classifier's limit, as -1 is outside every unit


@dataclass(frozen=True, eq=False)
class Marked:
    """The tokens of a rationale beside an explanation.

    Attributes:
        marked: whether each token is part of the rationale.
        unit: the unit that each token belongs to; -1 where none does, as for punctuation.
    """

    marked: Bool[np.ndarray, " tokens"]
    unit: Int64[np.ndarray, " tokens"]

    def of_tokens(self, scores: Float64[np.ndarray, " units"], outside: float) -> Float64[np.ndarray, " tokens"]:
        """Return every token's score: that of its unit, or `outside` without one."""
        return np.append(scores, outside)[self.unit]


def compare(explanation: Explanation, rationale: Rationale, threshold: float) -> Marked:
    """Lay a rationale beside an explanation of the same text, by characters.

    A token is marked if its role is "for", or, where roles are not known, if its weight is at least `threshold`. It
    belongs to the unit with which it shares most characters, the first of several. Tokens in a part that the classifier
    never saw, beyond its limit, are left out.

    Raises:
        InputError: the rationale is of another text.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "Not a dull moment, not one.", "occlusion")
        >>> spans = np.array([[0, 3], [4, 5], [6, 10], [11, 17], [17, 18], [19, 22], [23, 26]])
        >>> beside = compare(e, Rationale(spans, np.array([1.0, 0, 1, 0, 0, 0, 0])), 0.5)
        >>> [e.units[i] if i >= 0 else None for i in beside.unit]
        ['Not', 'a', 'dull', 'moment', None, 'not', 'one']
    """
    spans = rationale.spans
    if len(spans) and (spans.min() < 0 or spans.max() > len(explanation.text)):
        raise InputError(
            f"the rationale reaches to character {int(spans.max())}, the text has {len(explanation.text)}: "
            "it is of another text"
        )
    owner = np.full(len(explanation.text), -1, dtype=np.int64)
    for unit, places in enumerate(explanation.spans):
        for start, end in places:
            owner[start:end] = unit
    for start, end in explanation.cut:
        owner[start:end] = _UNSEEN
    seen = np.array([not (owner[start:end] == _UNSEEN).all() for start, end in spans], dtype=bool)
    units = np.array([_most_common(owner[start:end]) for start, end in spans[seen]], dtype=np.int64)
    return Marked(_marked(rationale, threshold)[seen], units)


def _marked(rationale: Rationale, threshold: float) -> Bool[np.ndarray, " tokens"]:
    if rationale.roles is not None:
        return np.array([role == "for" for role in rationale.roles], dtype=bool)
    marked: np.ndarray = rationale.weights >= threshold
    return marked


def _most_common(owners: Int64[np.ndarray, " characters"]) -> int:
    """The unit of most characters, -1 if none has any."""
    counts = np.bincount(owners[owners >= 0])
    return int(counts.argmax()) if len(counts) else -1


def runs(chosen: Bool[np.ndarray, " tokens"]) -> list[tuple[int, int]]:
    """Return the runs of neighbouring tokens that are chosen, as (start, end).

    Example:
        >>> runs(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
