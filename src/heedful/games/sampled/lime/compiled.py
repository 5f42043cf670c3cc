"""Compiled loops over masks: drawing them, products with them; run-time shape checks cannot wrap these."""

import numpy as np

from heedful.support.compiled import compiled


@compiled()
def remove_units(sizes, randoms, masks):
    """Draw row by row which units to remove: `sizes[row]` of them, all subsets of that size alike.

    A partial Fisher-Yates shuffle; where most units go, it draws the few that stay. `randoms` holds one uniform
    uint32 a swap. `order` is not set back between rows: a shuffle of any order is as uniform as of the first.
    """
    n_units = masks.shape[1]
    order = np.arange(n_units)
    used = 0
    for row in range(len(sizes)):
        most = 2 * sizes[row] > n_units
        masks[row, :] = not most
        for i in range(min(sizes[row], n_units - sizes[row])):
            j = i + ((np.uint64(randoms[used]) * np.uint64(n_units - i)) >> np.uint64(32))  # bias below n_units / 2^32
            used += 1
            order[i], order[j] = order[j], order[i]
            masks[row, order[i]] = most


@compiled()
def pack_rows(masks, rows, starts, words):
    """Fill words (n, units): word k of a unit has one bit for each of rows[starts[k] : starts[k + 1]], at most 64."""
    for k in range(len(words)):
        for row in rows[starts[k] : starts[k + 1]]:
            for unit in range(masks.shape[1]):
                words[k, unit] = (words[k, unit] << np.uint64(1)) | np.uint64(masks[row, unit])


@compiled()
def add_counts(words, weights, sums, first, last):
    """Add to rows first..last of the upper triangle of `sums` (units, units) the weighted bits that two units share."""
    for k in range(len(words)):
        for i in range(first, last):
            others, line = words[k, i:], sums[i, i:]
            for j in range(len(others)):
                line[j] += weights[k] * np.float64(np.int64(_ones(words[k, i] & others[j])))


@compiled()
def mirror(sums):
    """Copy the upper triangle of `sums` to the lower one."""
    for i in range(len(sums)):
        for j in range(i):
            sums[i, j] = sums[j, i]


@compiled(inline="always")
def _ones(word):
    """Number of bits set: the compiler knows this form, and has instructions for it."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled()
def add_values(masks, values, sums):
    """Add X' v to `sums` (units)."""
    for row in range(masks.shape[0]):
        for unit in range(masks.shape[1]):
            sums[unit] += masks[row, unit] * values[row]


@compiled(fastmath={"reassoc"})
def add_up_rows(masks, coefficients, products):
    """Fill `products` (n) with X b; sums may be taken in any order, as vector units do."""
    for row in range(masks.shape[0]):
        total = 0.0
        for unit in range(masks.shape[1]):
            total += masks[row, unit] * coefficients[unit]
        products[row] = total
