"""How many coalitions of each size are drawn, and that each is as likely as every other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.games.exact import enumeration
from heedful.games.sampled.coalitions import Strata


@given(
    n_units=st.integers(2, 200), n_rows=st.integers(1, 3000), paired=st.booleans(),
    sampling=st.sampled_from(["kernel", "leverage"]),
)  # fmt: skip
def test_allocation(n_units: int, n_rows: int, paired: bool, sampling: str) -> None:
    strata = Strata(n_units, paired)
    n_rows = max(n_rows, 2 * len(strata.size))
    counts = strata.allocate(n_rows, sampling)
    most = np.array([min(n_rows, n) for n in strata.population])
    assert sum(strata.population) * (1 + paired) == 2**n_units - 2
    assert counts.sum() == min(n_rows, sum(strata.population))
    assert (counts >= np.minimum(most, 2)).all()
    assert (counts <= most).all()
    # between the bounds there is one common factor, up to the rounding of each number by less than 1
    free = (counts > 2) & (counts < most)
    share = (strata.mass if sampling == "kernel" else strata.members)[free]
    lowest, highest = (counts[free] - 1) / share, (counts[free] + 1) / share
    assert lowest.max(initial=0) <= highest.min(initial=np.inf)


def test_kernel_and_leverage_by_hand() -> None:
    # 7 units, sizes 1, 2, 3 with 6, 5, 4 on the other side: masses 2 (6 / (1 6), 6 / (2 5), 6 / (3 4)) = 2, 1.2, 1
    assert Strata(7, True).mass == pytest.approx([2, 1.2, 1])
    assert Strata(7, True).allocate(14, "kernel").tolist() == [7, 4, 3]  # 6.67, 4, 3.33
    assert Strata(7, True).allocate(14, "leverage").tolist() == [5, 5, 4]
    assert Strata(7, True).allocate(42, "leverage").tolist() == [7, 18, 17]  # size 1 is complete with 7
    assert Strata(4, True).allocate(6, "leverage").tolist() == [4, 2]  # halves stand for one size, not two


def test_subsets_are_uniform_and_different() -> None:
    """Lists for some sizes, draws for the others: in each, every coalition is as likely as every other."""
    strata, counts, times = Strata(8, paired=True), np.array([4, 5, 10, 10]), 1000
    generator, seen = np.random.default_rng(0), np.zeros(256)
    for _ in range(times):
        masks = strata.draw(counts, generator).masks
        assert np.array_equal(masks.sum(1), np.repeat([1, 2, 3, 4], counts))
        rows = masks @ (1 << np.arange(8))
        assert len(set(rows.tolist())) == len(rows)
        seen[rows] += 1
    subsets = enumeration.subsets(8)
    for size, count, population in zip(strata.size, counts, [8, 28, 56, 35], strict=True):
        of_size = seen[(subsets.sum(1) == size) & ((size < 4) | subsets[:, 0])]
        share = count / population
        assert len(of_size) == population
        # 127 numbers: one beyond 4.5 standard errors once in a thousand seeds
        assert np.abs(of_size - times * share).max() < 4.5 * np.sqrt(times * share * (1 - share))


def test_halves_have_one_representative() -> None:
    strata = Strata(6, paired=True)
    drawn = strata.draw(np.array(strata.population), np.random.default_rng(0))
    assert len(np.unique(np.concatenate([drawn.masks, ~drawn.masks]), axis=0)) == 62
    # both of a pair weigh the kernel's (d - 1) / (C(d, s) s (d - s)), summed by hand over sizes 1 to 5
    assert drawn.weight.sum() == pytest.approx(5 * (2 / 5 + 2 / 8 + 1 / 9))
