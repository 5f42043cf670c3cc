"""Ratio games for the tests: small enough to enumerate, as peaked as trained attention."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

from heedful.games import RatioGame, Terms

REMOVALS = ("replace", "ignore", "nothing left")


def make_game(
    seed: int = 0,
    units: int = 6,
    heads: int = 2,
    spread: float = 1.0,
    removal: str = "replace",
    outputs: int | None = None,
) -> RatioGame:
    """Random game; `spread` is the standard deviation of the log weights."""
    rng = np.random.default_rng(seed)
    more = () if outputs is None else (outputs,)

    def terms(*shape: int) -> Terms:
        return Terms(spread * rng.normal(size=shape), rng.normal(size=shape + more))

    kept, removed, fixed = terms(heads, units), terms(heads, units), terms(heads)
    if removal == "replace":
        return RatioGame(kept, removed, fixed)
    if removal == "ignore":
        return RatioGame(kept, Terms.none(heads, units), fixed)
    return RatioGame(kept, Terms.none(heads, units), Terms.none(heads), empty=0.3)


# arguments of make_game, not games: the run-time shape checks may not run while hypothesis draws
recipes = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "units": st.integers(1, 8),
        "heads": st.integers(1, 3),
        "spread": st.sampled_from([0.1, 1.0, 5.0, 20.0, 60.0]),
        "removal": st.sampled_from(REMOVALS),
        "outputs": st.sampled_from([None, 1, 2]),
    }
)


def close(found: np.ndarray, expected: np.ndarray, relative: float = 1e-12) -> bool:
    """Equal to `relative` of the largest expected number.

    Enumeration takes differences of values of size 1, which are good to some 1e-15 themselves: that is allowed on top.
    """
    assert found.shape == expected.shape
    return bool(np.abs(found - expected).max() <= relative * np.abs(expected).max() + 5e-15)


def joined(one: Terms, other: Terms, axis: int = 0) -> Terms:
    return Terms(
        np.concatenate([one.log_weight, other.log_weight], axis), np.concatenate([one.value, other.value], axis)
    )


def stacked(one: RatioGame, other: RatioGame, empty: float | None = None) -> RatioGame:
    """The heads of both games."""
    pairs = ((one.kept, other.kept), (one.removed, other.removed), (one.fixed, other.fixed))
    return RatioGame(*(joined(a, b) for a, b in pairs), empty=empty)


def rearranged(game: RatioGame, order: list[int]) -> RatioGame:
    kept, removed = (Terms(t.log_weight[:, order], t.value[:, order]) for t in (game.kept, game.removed))
    return RatioGame(kept, removed, game.fixed, game.empty)


def with_values(game: RatioGame, change: np.ufunc | partial[np.ndarray]) -> RatioGame:
    parts = (Terms(t.log_weight, change(t.value)) for t in (game.kept, game.removed, game.fixed))
    return RatioGame(*parts, empty=None if game.empty is None else change(np.asarray(game.empty)))
