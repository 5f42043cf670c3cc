"""What measurements share: questions in batches, comparisons of scores, tables, groups and bins of their rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64

from heedful.classifier import Classifier
from heedful.games.ratio import RatioGame
from heedful.metrics import kendall_tau_b, sign_agreement
from heedful.question import Choices, Question, about

BATCH = 256  # texts in memory at once

Track = Callable[[Iterable[Any], str], Iterable[Any]]
Row = dict[str, Any]
Vector = Float64[np.ndarray, " units"]
Numbers = Float64[np.ndarray, " n"]


def silent(items: Iterable[Any], what: str) -> Iterable[Any]:  # noqa: ARG001 - stands where a progress bar can
    """No progress bar."""
    return items


def batches(
    classifier: Classifier, texts: Sequence[str], choices: Choices, track: Track, what: str
) -> Iterator[list[tuple[int, Question]]]:
    """Questions about the texts with their numbers, `BATCH` at a time; raises as `heedful.question.ask`.

    Example:
        >>> import heedful
        >>> ((number, question),), = batches(heedful.load("demo"), ["A dull plot."], Choices(), silent, "")
        >>> number, question.units.strings
        (0, ('A', 'dull', 'plot'))
    """
    for start in track(range(0, len(texts), BATCH), what):
        encoded = [classifier.encode(text) for text in texts[start : start + BATCH]]
        logits = classifier.logits([one.input_ids for one in encoded])
        yield [(start + i, about(classifier, one, logits[i], choices)) for i, one in enumerate(encoded)]


def attention_of(game: RatioGame) -> Vector:
    """Mean attention over heads on each unit of the whole text, as `attention-mean` has it.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 2.0]]), np.zeros((1, 2)))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> attention_of(game)
        array([0.25, 0.5 ])
    """
    return shares(game).mean(0)


def shares(game: RatioGame) -> Float64[np.ndarray, "heads units"]:
    """Attention of every head on each unit of the whole text; what is missing to 1 is the fixed part's."""
    every = np.column_stack([game.kept.log_weight, game.fixed.log_weight])
    weight = np.exp(every - every.max(1, keepdims=True))
    return weight[:, :-1] / weight.sum(1, keepdims=True)


def effective(attention: Vector) -> float:
    """How many units attention is spread over: the exponential of the entropy of its shares; 1 if one has all.

    Example:
        >>> round(effective(np.array([0.1, 0.1, 0.1, 0.0])), 9)
        3.0
    """
    share = attention[attention > 0] / attention.sum()
    return math.exp(-float(share @ np.log(share)))


def compared(estimate: Vector, truth: Vector) -> Row:
    """How far scores are from true ones.

    Returns:
        l2: Euclidean distance; error: the same as a share of the true scores' norm; scale: the factor that brings the
        scores nearest to the true ones; scaled_error: the error then; kendall: tau-b; sign: share of equal signs.
        Not-a-number where undefined, as for scores that are all 0.

    Example:
        >>> row = compared(np.array([1.0, -1.0]), np.array([2.0, -2.0]))
        >>> [row[name] for name in ("error", "scale", "scaled_error", "kendall", "sign")]
        [0.5, 2.0, 0.0, 1.0, 1.0]
    """
    size, square = float(np.linalg.norm(truth)), float(estimate @ estimate)
    distance, scale = (
        float(np.linalg.norm(estimate - truth)),
        float(estimate @ truth) / square if square > 0 else math.nan,
    )
    return {
        "l2": distance,
        "error": distance / size if size > 0 else math.nan,
        "scale": scale,
        "scaled_error": float(np.linalg.norm(scale * estimate - truth)) / size if size > 0 else math.nan,
        "kendall": kendall_tau_b(estimate, truth),
        "sign": sign_agreement(estimate, truth),
    }


def most(scores: Vector, k: int) -> frozenset[int]:
    """The k units with the largest absolute scores, or all; of equal ones the first.

    Example:
        >>> sorted(most(np.array([1.0, -3.0, 2.0, 2.0]), 2))
        [1, 2]
    """
    return frozenset(np.argsort(-np.abs(scores), kind="stable")[:k].tolist())


def auc(scores: Numbers, positive: Bool[np.ndarray, " n"]) -> float:
    """Chance that a positive has a larger score than a negative, ties counting half; not-a-number without either.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
        0.875
    """
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m))


def table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table; columns in the order of the first row."""
    return pa.Table.from_pylist(list(rows))


def report(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows for a report: what is not a number becomes null."""
    return table({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows)


def groups(measured: pa.Table, *keys: str) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """The rows with the same keys, in the order of their first appearance: the keys, and all columns.

    Example:
        >>> rows = table([{"a": "x", "n": 1}, {"a": "y", "n": 2}, {"a": "x", "n": 3}])
        >>> [(key, columns["n"].tolist()) for key, columns in groups(rows, "a")]
        [({'a': 'x'}, [1, 3]), ({'a': 'y'}, [2])]
    """
    columns = {name: measured[name].to_numpy() for name in measured.column_names}
    places: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(*(measured[name].to_pylist() for name in keys), strict=True)):
        places.setdefault(key, []).append(i)
    for key, rows in places.items():
        yield dict(zip(keys, key, strict=True)), {name: column[rows] for name, column in columns.items()}


def binned(columns: Mapping[str, np.ndarray], *by: str) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """All rows, then the quarters of them by each of some columns: what the part is, and its columns.

    Equal values stay together, so quarters may differ in size.

    Example:
        >>> columns = {"n": np.array([5.0, 1.0, 2.0, 7.0])}
        >>> [tuple(part.values()) for part, _ in binned(columns, "n")]
        [('all', None, None), ('n', 1.0, 1.0), ('n', 2.0, 2.0), ('n', 5.0, 5.0), ('n', 7.0, 7.0)]
    """
    yield {"by": "all", "least": None, "most": None}, dict(columns)
    for name in by:
        values = columns[name].astype(np.float64)
        quarter = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
        for q in np.unique(quarter):
            rows = quarter == q
            part = {"by": name, "least": float(values[rows].min()), "most": float(values[rows].max())}
            yield part, {key: column[rows] for key, column in columns.items()}


def mean(values: np.ndarray) -> float:
    """Mean of those that are numbers; not-a-number if none is.

    Example:
        >>> mean(np.array([1.0, np.nan, 3.0])), mean(np.array([np.nan]))
        (2.0, nan)
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def median(values: np.ndarray, share: float = 0.5) -> float:
    """Median, or another quantile, of those that are numbers; not-a-number if none is.

    Example:
        >>> median(np.array([1.0, np.nan, 3.0])), median(np.array([0.0, 4.0]), 0.25)
        (2.0, 1.0)
    """
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else math.nan


def seed_of(*parts: int) -> int:
    """A seed of its own for every combination of numbers.

    Example:
        >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
        (True, False)
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
