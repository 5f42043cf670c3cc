"""How far two explanations of the same prediction agree: on the order of the units, on the largest, on the signs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from heedful.errors import InputError, SettingError
from heedful.explanation import Explanation
from heedful.metrics.compiled import inversions
from heedful.support.names import did_you_mean, match, shown

MEASURES = ("kendall", "spearman", "top5", "sign")


def kendall_tau_b(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]) -> float:
    """Compute Kendall's rank correlation with ties counted as in tau-b (Kendall 1945), exact in integers, O(n log n).

    Returns:
        A number in [-1, 1]; not-a-number where it is undefined: constant scores, fewer than two units, a score that is
        not a number.

    Example:
        >>> round(kendall_tau_b(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 3.0])), 3)
        0.8
    """
    if np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    ranks_a, ranks_b = _dense_ranks(a), _dense_ranks(b)
    pairs = math.comb(len(a), 2)
    tied_a, tied_b = (_tied_pairs(np.bincount(ranks)) for ranks in (ranks_a, ranks_b))
    both = ranks_a * len(b) + ranks_b
    order = np.argsort(both)
    tied_both = _tied_pairs(np.bincount(np.cumsum(np.diff(both[order], prepend=-1) > 0)))
    # Sorted by a, then b: a pair is out of order in b exactly if a and b order it in opposite ways.
    discordant = inversions(ranks_b[order])
    untied = (pairs - tied_a) * (pairs - tied_b)
    if untied == 0:
        return math.nan
    return (pairs - tied_a - tied_b + tied_both - 2 * discordant) / math.sqrt(untied)


def spearman(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]) -> float:
    """Compute Spearman's rank correlation: Pearson's correlation of the ranks, tied scores sharing their mean rank.

    Returns:
        A number in [-1, 1]; not-a-number where it is undefined, as for `kendall_tau_b`.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
        -1.0
    """
    if len(a) == 0 or np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    x, y = (_mean_ranks(scores) - (len(scores) + 1) / 2 for scores in (a, b))
    spread = math.sqrt((x @ x) * (y @ y))
    return float(np.clip((x @ y) / spread, -1.0, 1.0)) if spread > 0 else math.nan


def top_k_overlap(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"], k: int) -> float:
    """Return the share of the k units with the largest absolute scores that two explanations have in common.

    Units tied at the k-th place share the places left equally, so the order of the text plays no part. With k or fewer
    units the overlap is 1.

    Returns:
        A number in [0, 1]; not-a-number without units or with a score that is not a number.

    Raises:
        SettingError: k is below 1.

    Example:
        >>> top_k_overlap(np.array([3.0, -2.0, 0.0, 1.0]), np.array([1.0, 0.0, 5.0, 9.0]), k=2)
        0.0
        >>> top_k_overlap(np.array([3.0, -2.0, 0.0, 1.0]), np.array([9.0, 0.0, 5.0, 1.0]), k=2)
        0.5
    """
    if k < 1:
        raise SettingError(f"top_k_overlap needs k >= 1, got {k}")
    if len(a) == 0 or np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    k = min(k, len(a))
    return min(1.0, float(np.minimum(_membership(a, k), _membership(b, k)).sum()) / k)


def sign_agreement(a: Float64[np.ndarray, " units"], b: Float64[np.ndarray, " units"]) -> float:
    """Return the share of units with the same sign in both, among those that both score other than zero.

    Returns:
        A number in [0, 1]; not-a-number if there is no such unit, or with a score that is not a number.

    Example:
        >>> sign_agreement(np.array([1.0, -2.0, 0.0]), np.array([0.5, 1.0, 4.0]))
        0.5
    """
    if np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    both = (a != 0) & (b != 0)
    return float(np.mean(np.sign(a[both]) == np.sign(b[both]))) if both.any() else math.nan


def pairwise(
    explanations: Sequence[Explanation], measure: str = "kendall", *, signed: bool | None = None
) -> Float64[np.ndarray, "methods methods"]:
    """Compare every two explanations over the same units.

    Two methods agree on signs, or on sizes alone: attention that gives most weight to the word that speaks most against
    the prediction agrees with its Shapley value in size, and disagrees with its sign. `signed` says which is meant. By
    default each two are compared with their signs if both have any (`Explanation.signed`), else by absolute score.
    "top5" looks at absolute scores in any case, "sign" is undefined without signs.

    Args:
        explanations: explanations of one prediction, over the same units.
        measure: "kendall" (tau-b), "spearman", "top5" (or any "top" and a number of units) or "sign".
        signed: True compares scores as they are, weights without a sign as positive numbers; False compares absolute
            scores; None chooses for every two.

    Returns:
        Symmetric float64 array (methods, methods): 1 on the diagonal, not-a-number where the measure is undefined,
        as it is for constant scores.

    Raises:
        SettingError: unknown measure, or `signed` is neither True, False nor None.
        InputError: the explanations differ in their number of units.
    """
    measure = match(measure, MEASURES) or measure if isinstance(measure, str) else measure
    compare = _measure(measure)
    if signed is not None and not isinstance(signed, bool):
        raise SettingError(f"signed must be True, False or None, got {signed!r}")
    if len({len(e) for e in explanations}) > 1:
        raise InputError("agreement needs explanations over the same units, but their numbers of units differ")
    table = np.eye(len(explanations))
    for i, one in enumerate(explanations):
        for j, other in enumerate(explanations[:i]):
            signs = one.signed and other.signed if signed is None else signed
            a, b = (one.scores, other.scores) if signs else (np.abs(one.scores), np.abs(other.scores))
            table[i, j] = table[j, i] = math.nan if measure == "sign" and not signs else compare(a, b)
    return table


def _measure(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    named = {"kendall": kendall_tau_b, "spearman": spearman, "sign": sign_agreement}
    if not isinstance(name, str):
        raise SettingError(f"a measure is given by its name, such as 'kendall', got {name!r}")
    if name in named:
        return named[name]
    k = name.removeprefix("top")
    if name.startswith("top") and re.fullmatch("0*[1-9][0-9]{0,17}", k):
        return lambda a, b: top_k_overlap(a, b, int(k))
    asked = did_you_mean(name, MEASURES) if isinstance(name, str) else ""
    listed = f"unknown measure {shown(name)}: use one of {', '.join(MEASURES)} (or top with another number)"
    raise SettingError(f"{listed}; {asked}" if asked else listed)


def _dense_ranks(scores: Float64[np.ndarray, " units"]) -> Int64[np.ndarray, " units"]:
    """0 for the smallest score, 1 for the next larger value, and so on; equal scores have equal ranks."""
    return np.unique(scores, return_inverse=True)[1].astype(np.int64)


def _mean_ranks(scores: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " units"]:
    """Ranks from 1; tied scores share the mean of theirs."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean: np.ndarray = np.cumsum(counts) - (counts - 1) / 2
    return mean[inverse]


def _tied_pairs(counts: Int64[np.ndarray, " ranks"]) -> int:
    """Number of pairs of equal rank, of how many have each rank."""
    return int((counts * (counts - 1) // 2).sum())


def _membership(scores: Float64[np.ndarray, " units"], k: int) -> Float64[np.ndarray, " units"]:
    """1 for units among the k largest absolute scores, 0 for the others; ties at the k-th place share what is left."""
    size = np.abs(scores)
    least = np.partition(size, -k)[-k]
    above, tied = size > least, size == least
    share: np.ndarray = np.where(tied, (k - above.sum()) / tied.sum(), above.astype(np.float64))
    return share
