"""Which coalitions KernelSHAP evaluates: all of a size, or a random part of them, and what each stands for.

Every size is a stratum of its own. Within it coalitions are drawn without replacement, so that a size whose coalitions
all fit into the budget is enumerated, and with it the whole game once the budget allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from jaxtyping import Bool, Float64, Int64

SAMPLINGS = ("kernel", "leverage")

Masks = Bool[np.ndarray, "n units"]
PerSize = Float64[np.ndarray, " sizes"]


@dataclass(frozen=True, eq=False)
class Strata:
    """The sizes of coalitions, neither empty nor full. In pairs, the smaller of two complements stands for both.

    Attributes:
        size: units in a coalition, 1, 2, ...; up to half of the units in pairs.
        population: coalitions (or pairs) of each size.
        mass: total Shapley kernel weight of each size (Lundberg and Lee 2017, theorem 2).
        members: sizes behind each stratum: 2 in pairs, but 1 for the pairs of two halves.
    """

    size: Int64[np.ndarray, " sizes"]
    population: tuple[int, ...]
    mass: PerSize
    members: PerSize

    @classmethod
    def of(cls, n_units: int, *, paired: bool) -> Strata:
        """Strata of a number of units.

        Example:
            >>> strata = Strata.of(4, paired=True)
            >>> strata.size, strata.population, strata.mass
            (array([1, 2]), (4, 3), array([2.  , 0.75]))
        """
        size = np.arange(1, (n_units // 2 if paired else n_units - 1) + 1)
        members = np.full(len(size), 2.0 if paired else 1.0)
        if paired and n_units % 2 == 0:
            members[-1] = 1.0
        population = [math.comb(n_units, s) for s in size.tolist()]
        if paired and n_units % 2 == 0:
            population[-1] //= 2
        return cls(size, tuple(population), members * (n_units - 1) / (size * (n_units - size)), members)

    def allocate(self, n_rows: int, sampling: str) -> Int64[np.ndarray, " sizes"]:
        """How many coalitions of each size to draw: at least 2 where there are 2, never more than there are.

        Between these bounds the numbers are in proportion to the kernel's mass (sampling "kernel"), or to the total
        leverage scores of the regression, which are the same for every size ("leverage"; Musco and Witter 2025,
        lemma 3.2).
        """
        share = self.mass if sampling == "kernel" else self.members
        most = np.array([min(population, n_rows) for population in self.population], dtype=np.float64)
        least = np.minimum(most, 2.0)
        # the total is piecewise linear in the common factor, so it is known from its corners
        corners = np.sort(np.concatenate([least / share, most / share]))
        totals = np.clip(corners[:, None] * share, least, most).sum(1)
        wanted = np.clip(np.interp(n_rows, totals, corners) * share, least, most)
        counts = np.floor(wanted + 1e-9).astype(np.int64)
        missing = min(n_rows, sum(self.population)) - int(counts.sum())
        counts[np.argsort(counts - wanted, kind="stable")[: max(missing, 0)]] += 1
        return counts


@dataclass(frozen=True, eq=False)
class Coalitions:
    """Coalitions sorted by size, for weighted least squares.

    Attributes:
        masks: bool (n, units), True in the coalition; one of each pair.
        weight: Shapley kernel mass that each row stands for.
        counts: rows of each size.
        missed: share of each size that was not drawn: 0 where it was enumerated.
    """

    masks: Masks
    weight: Float64[np.ndarray, " n"]
    counts: Int64[np.ndarray, " sizes"]
    missed: PerSize


def draw(
    strata: Strata, counts: Int64[np.ndarray, " sizes"], n_units: int, generator: np.random.Generator
) -> Coalitions:
    """Draw `counts` coalitions of each size, uniformly and without replacement.

    Example:
        >>> strata = Strata.of(3, paired=True)
        >>> draw(strata, np.array([3]), 3, np.random.default_rng(0)).masks
        array([[ True, False, False],
               [False,  True, False],
               [False, False,  True]])
    """
    parts = [np.empty((0, n_units), dtype=bool)]
    for size, population, count in zip(strata.size.tolist(), strata.population, counts.tolist(), strict=True):
        if population < math.comb(n_units, size):  # pairs of two halves: the half with the first unit
            rest = _subsets(n_units - 1, size - 1, count, generator)
            parts.append(np.insert(rest, 0, True, axis=1))
        else:
            parts.append(_subsets(n_units, size, count, generator))
    missed = np.array([1 - count / all_ for count, all_ in zip(counts.tolist(), strata.population, strict=True)])
    return Coalitions(np.concatenate(parts), np.repeat(strata.mass / counts, counts), counts, missed)


def _subsets(n_units: int, size: int, count: int, generator: np.random.Generator) -> Masks:
    """`count` different subsets of one size, every set of so many subsets equally likely."""
    population = math.comb(n_units, size)
    if population <= 4 * count:
        rows = chain.from_iterable(combinations(range(n_units), size))
        members = np.fromiter(rows, dtype=np.int64, count=population * size).reshape(population, size)
        if count < population:
            members = members[generator.choice(population, count, replace=False)]
        masks = np.zeros((count, n_units), dtype=bool)
        np.put_along_axis(masks, members, True, axis=1)
        return masks
    first = np.arange(n_units) < size
    found = np.empty((0, -(-n_units // 8)), dtype=np.uint8)
    while len(found) < count:  # at most a quarter is taken: most draws are new ones
        more = generator.permuted(np.tile(first, (count - len(found), 1)), axis=1)
        found = np.unique(np.concatenate([found, np.packbits(more, axis=1)]), axis=0)
    return np.unpackbits(found, axis=1, count=n_units).astype(bool)
