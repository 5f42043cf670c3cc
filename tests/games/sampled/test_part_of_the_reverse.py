"""A part of every permutation walked in reverse too: by hand, over all permutations, and between one walk and two."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.games import exact
from heedful.games.exact import enumeration
from heedful.games.sampled import permutations as sampled
from heedful.games.sampled.permutations import permutation_shapley
from played import Played, pooled, table

EXACT = 1e-10  # sums of at most a few thousand numbers of size 1


def shared_by_hand(game: Played, order: np.ndarray, ends: int) -> np.ndarray:
    """One walk ahead; of the reverse its first and last `ends` steps, and its middle in one."""
    d, middle = len(order), slice(ends, len(order) - ends)
    ahead = np.diff(game(np.tri(d + 1, d, -1, dtype=bool)[:, order.argsort()]))
    back = np.diff(game(np.tri(d + 1, d, -1, dtype=bool)[:, order[::-1].argsort()]))[::-1]
    back[middle] = ahead[middle] + (back[middle].sum() - ahead[middle].sum()) / max(1, d - 2 * ends)
    values = np.empty(d)
    values[order] = (ahead + back) / 2
    return values


def orders_walked(seed: int, n_units: int, n: int) -> np.ndarray:
    """Permutations in the order they are drawn in, (n, units), as the masks of walks without a reverse show them."""
    game = table(0, n_units)
    permutation_shapley(game, n, antithetic=False, seed=seed)
    walks = np.concatenate(game.calls)[2:].reshape(n, n_units - 1, n_units)  # the first two are no unit and all
    return (~walks).sum(1).argsort(axis=1)


class TestPartOfTheReverse:
    @given(seed=st.integers(0, 10**6), n_units=st.integers(1, 9), share=st.floats(0.01, 1))
    @settings(deadline=None, max_examples=50)
    def test_is_the_walk_ahead_and_the_ends_of_its_reverse(self, seed: int, n_units: int, share: float) -> None:
        game = table(seed, n_units)
        result = permutation_shapley(game, 6, antithetic=share, seed=seed)
        assert sum(map(len, game.calls)) == result.n_evaluations
        orders = orders_walked(seed, n_units, 3)
        ends = int(np.ceil(share * (n_units - 1) / 2))
        walks = np.array([shared_by_hand(game, order, ends) for order in orders])
        assert result.values == pytest.approx(walks.mean(0), abs=EXACT)
        assert result.std_error == pytest.approx(walks.std(0, ddof=1) / np.sqrt(3), abs=EXACT)
        steps_reversed = min(2 * ends, n_units - 1)
        assert result.n_evaluations == 2 + 3 * (n_units - 1 + steps_reversed)

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    @pytest.mark.parametrize("unions", [None, np.array([0, 1, 1, 2, 0, 1])], ids=["units", "unions"])
    def test_all_permutations_together_are_exact(
        self, share: float, unions: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Unbiased, seen without a tolerance for chance."""
        game = table(5, 6)
        every = np.array(list(permutations(range(6)))).argsort(axis=1)
        if unions is not None:  # those that keep each union together
            every = every[[all(np.ptp(entry[unions == u]) < (unions == u).sum() for u in range(3)) for entry in every]]
            assert len(every) == 6 * 2 * 6
        monkeypatch.setattr(sampled, "_orders", lambda *_: lambda n: every[:n])
        result = permutation_shapley(game, len(every) * (2 if share else 1), antithetic=share, unions=unions)
        alone = enumeration.shapley(game, 6) if unions is None else enumeration.owen(game, unions)
        assert np.abs(result.values - alone).max() < EXACT

    def test_true_and_false_are_all_and_nothing(self) -> None:
        for flag, share in ((True, 1.0), (False, 0.0)):
            one, other = (permutation_shapley(table(0, 7), 6, antithetic=way) for way in (flag, share))
            assert np.array_equal(one.values, other.values)

    def test_lies_between_one_walk_and_two(self) -> None:
        """As many walks ahead, more and more of the reverse: smaller and smaller errors."""
        game = pooled(4, 40)
        truth = exact.shapley(game).values
        errors = [
            np.mean([
                (permutation_shapley(game, 20 if share else 10, antithetic=share, seed=seed).values - truth) ** 2
                for seed in range(40)
            ])
            for share in (0.0, 0.1, 0.4, 1.0)
        ]  # fmt: skip
        assert all(more < 0.9 * less for less, more in pairwise(errors))
