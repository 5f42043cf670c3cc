"""Which coalitions KernelSHAP evaluates: all of a size, or a random part of them, and what each stands for.

Every size is a stratum. Within it coalitions are drawn without replacement, so that a size whose coalitions
all fit into the budget is enumerated, and with it the whole game once the budget allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, islice

import numpy as np
from jaxtyping import Bool, Float64, Int64

SAMPLINGS = ("kernel", "leverage")

Masks = Bool[np.ndarray, "n units"]
PerSize = Float64[np.ndarray, " sizes"]
Counts = Int64[np.ndarray, " sizes"]


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
    counts: Counts
    missed: PerSize


@dataclass(frozen=True)
class Strata:
    """Coalitions by size, neither empty nor full; in pairs, the smaller of two complements stands for both.

    Of a pair of halves, the one with the first unit stands for both.

    Example:
        >>> strata = Strata(4, paired=True)
        >>> strata.size, strata.population, strata.mass
        (array([1, 2]), [4, 3], array([2.  , 0.75]))
        >>> strata.draw(np.array([2, 3]), np.random.default_rng(0)).masks[2:]
        array([[ True,  True, False, False],
               [ True, False,  True, False],
               [ True, False, False,  True]])
    """

    n_units: int
    paired: bool

    @cached_property
    def size(self) -> Counts:
        """Units in a coalition of each stratum."""
        return np.arange(1, (self.n_units // 2 if self.paired else self.n_units - 1) + 1)

    @cached_property
    def members(self) -> PerSize:
        """Sizes of coalitions in each stratum: 2 in pairs, but 1 for the pairs of two halves."""
        return np.where(self.paired & (2 * self.size < self.n_units), 2.0, 1.0)

    @cached_property
    def population(self) -> list[int]:
        """Coalitions, or pairs of them, in each stratum."""
        whole = [math.comb(self.n_units, size) for size in self.size.tolist()]
        return [*whole[:-1], whole[-1] // 2] if self.paired and self.n_units % 2 == 0 else whole

    @cached_property
    def mass(self) -> PerSize:
        """Shapley kernel weight of each stratum, all its coalitions together (Lundberg and Lee 2017, theorem 2)."""
        return self.members * (self.n_units - 1) / (self.size * (self.n_units - self.size))

    def allocate(self, n_rows: int, sampling: str) -> Counts:
        """How many to draw from each stratum: at least 2 where there are 2, never more than there are.

        Between these bounds the numbers are in proportion to the kernel's mass (sampling "kernel"), or to the leverage
        scores of the regression, which add up to the same for every size ("leverage"; Musco and Witter 2025).
        """
        share = self.mass if sampling == "kernel" else self.members
        most = np.array([min(population, n_rows) for population in self.population], dtype=np.float64)
        least = np.minimum(most, 2.0)
        # the total is piecewise linear in the common factor, so it is known from its corners
        corners = np.sort(np.concatenate([[0.0], least / share, most / share]))
        totals = np.clip(corners[:, None] * share, least, most).sum(1)
        wanted = np.clip(np.interp(n_rows, totals, corners) * share, least, most)
        counts = np.floor(wanted + 1e-9).astype(np.int64)
        missing = min(n_rows, sum(self.population)) - int(counts.sum())
        counts[np.argsort(counts - wanted, kind="stable")[: max(missing, 0)]] += 1
        return counts

    def draw(self, counts: Counts, generator: np.random.Generator) -> Coalitions:
        """Draw `counts` coalitions from each stratum, uniformly and without replacement."""
        size = np.repeat(self.size, counts)
        # lists are short: sizes of which a quarter or more is wanted
        listed = np.array([n <= 4 * count for n, count in zip(self.population, counts.tolist(), strict=True)], bool)
        masks = np.empty((len(size), self.n_units), dtype=bool)
        for k in np.flatnonzero(listed).tolist():
            masks[size == self.size[k]] = self._choose(k, int(counts[k]), generator)
        rest = ~np.repeat(listed, counts)
        masks[rest] = self._different(size[rest], generator)
        return self._weighed(masks, counts)

    def shuffle(self, counts: Counts, generator: np.random.Generator) -> Int64[np.ndarray, " n"]:
        """Each row's place in a random order of its stratum."""
        return np.fromiter(chain.from_iterable(map(generator.permutation, counts.tolist())), dtype=np.int64)

    def thin(
        self, drawn: Coalitions, order: Int64[np.ndarray, " n"], counts: Counts
    ) -> tuple[Bool[np.ndarray, " n"], Coalitions]:
        """The first `counts` of each stratum's rows in a random order: which they are, and they as a draw."""
        counts = np.minimum(counts, drawn.counts)
        rows = order < np.repeat(counts, drawn.counts)
        return rows, self._weighed(drawn.masks[rows], counts)

    def _weighed(self, masks: Masks, counts: Counts) -> Coalitions:
        missed = np.array([1 - n / all_ for n, all_ in zip(counts.tolist(), self.population, strict=True)])
        return Coalitions(masks, np.repeat(self.mass / counts, counts), counts, missed)

    def _choose(self, stratum: int, count: int, generator: np.random.Generator) -> Masks:
        """Some of the list of all; the list begins with those that have the first unit, so halves need no more."""
        size, population = int(self.size[stratum]), self.population[stratum]
        rows = chain.from_iterable(islice(combinations(range(self.n_units), size), population))
        members = np.fromiter(rows, dtype=np.int64, count=population * size).reshape(population, size)
        masks = np.zeros((count, self.n_units), dtype=bool)
        chosen = np.sort(generator.choice(population, count, replace=False))
        np.put_along_axis(masks, members[chosen], True, axis=1)
        return masks

    def _different(self, size: Int64[np.ndarray, " n"], generator: np.random.Generator) -> Masks:
        """Random coalitions of given sizes, drawn again until all differ."""
        first = np.arange(self.n_units) < size[:, None]
        masks, again = first.copy(), np.arange(len(size))
        while len(again):
            masks[again] = generator.permuted(first[again], axis=1)
            if self.paired:
                masks[again] ^= (2 * size[again] == self.n_units)[:, None] & ~masks[again, :1]
            _, first_of_each = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
            again = np.setdiff1d(np.arange(len(size)), first_of_each)
        return masks
