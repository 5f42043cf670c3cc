"""Groups of units: their joint value and interaction are those of the definitions, added up over all subsets."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.games import RatioGame, Terms, exact


def drawn(n_units: int, seed: int, *, vanishing: bool) -> RatioGame:
    rng = np.random.default_rng(seed)
    terms = [Terms(rng.normal(0, 2, (2, n_units)), rng.normal(size=(2, n_units))) for _ in range(2)]
    removed = Terms.none(2, n_units) if vanishing else terms[1]
    return RatioGame(terms[0], removed, Terms(rng.normal(size=2), rng.normal(size=2)))


def enumerated(game: RatioGame, members: tuple[int, ...]) -> tuple[float, float]:
    """The value and the interaction, by their definitions."""
    others = [unit for unit in range(game.n_units) if unit not in members]
    n, s = game.n_units, len(members)

    def at(units):
        mask = np.zeros((1, n), dtype=bool)
        mask[0, list(units)] = True
        return float(game(mask)[0])

    value = interaction = 0.0
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(n - s - size) / factorial(n - s + 1)
        for rest in combinations(others, size):
            value += weight * (at((*rest, *members)) - at(rest))
            for kept in range(s + 1):
                for some in combinations(members, kept):
                    interaction += weight * (-1) ** (s - kept) * at((*rest, *some))
    return value, interaction


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10**6), st.booleans(), st.data())
def test_they_are_those_of_the_definitions(n_units, seed, vanishing, data):
    game = drawn(n_units, seed, vanishing=vanishing)
    members = tuple(sorted(data.draw(st.sets(st.integers(0, n_units - 1), min_size=1, max_size=4))))
    both = exact.group(game, members)
    value, interaction = enumerated(game, members)
    assert both.value == pytest.approx(value, abs=both.error_bound + 1e-12)
    assert both.interaction == pytest.approx(interaction, abs=both.error_bound + 1e-12)
    assert both.error_bound < 1e-8


def test_one_unit_has_its_shapley_value_and_two_their_interaction():
    game = drawn(12, 5, vanishing=False)
    single, pairs = exact.shapley(game), exact.shapley_interactions(game)
    alone, both = exact.group(game, [7]), exact.group(game, [3, 7])
    assert alone.value == pytest.approx(single.values[7], abs=1e-10)
    assert alone.interaction == pytest.approx(single.values[7], abs=1e-10)
    assert both.interaction == pytest.approx(pairs.values[3, 7], abs=1e-10)


@pytest.mark.parametrize("members", [[], [0, 0], [5], [-1], list(range(9))])
def test_senseless_members_are_refused(members):
    with pytest.raises(SettingError, match=r"different units|units are 0 to 4"):
        exact.group(drawn(5, 0, vanishing=False), members)
