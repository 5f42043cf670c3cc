"""Compiled loops over masks: drawing them, products with them; run-time shape checks cannot wrap these."""

import numpy as np

from heedful.compiled import compiled


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
def remove_in_turn(sizes, randoms, masks):
    """Remove `sizes[row]` random units row by row, none for another time before every one had its turn.

    `randoms` holds one uniform uint32 a removed unit. order[:used] had their turn.
    """
    n_units = masks.shape[1]
    order = np.arange(n_units)
    used, drawn = 0, 0
    for row in range(len(sizes)):
        end, left = n_units, sizes[row]
        while left > 0:
            for i in range(used, min(used + left, end)):
                j = i + ((np.uint64(randoms[drawn]) * np.uint64(end - i)) >> np.uint64(32))
                drawn += 1
                order[i], order[j] = order[j], order[i]
                masks[row, order[i]] = False
            taken = min(left, end - used)
            left -= taken
            used += taken
            if used == n_units:  # all had their turn; those of this row, at the end, stay out of the rest of it
                used, end = 0, n_units - taken


@compiled()
def add_second_moments(masks, weights, sums, removed):
    """Add sum of w z z' to the upper triangle of `sums` (units, units), where z is x, or 1 - x if that has fewer ones.

    x are the masks' rows. For the rows with 1 - x, `removed` (units + 1) gets sum of w z, and of w in its last entry:
    w x x' = w (1 1' - 1 z' - z 1' + z z'). Half of the rows have few ones, so few pairs of units are ever touched.
    """
    n_rows, n_units = masks.shape
    ones = np.empty(n_units + 1, np.uint32)
    zeros = np.empty(n_units + 1, np.uint32)
    for row in range(n_rows):
        n_ones, n_zeros = np.uint32(0), np.uint32(0)
        for unit in range(n_units):
            one = np.uint32(masks[row, unit])
            ones[n_ones] = zeros[n_zeros] = unit  # overwritten unless its count moves on: no branch to mispredict
            n_ones += one
            n_zeros += np.uint32(1) - one
        weight = weights[row]
        few = ones[:n_ones]
        if n_zeros < n_ones:
            few = zeros[:n_zeros]
            removed[n_units] += weight
            for i in range(n_zeros):
                removed[few[i]] += weight
        for i in range(len(few)):
            line = sums[few[i]]
            for j in range(i, len(few)):
                line[few[j]] += weight


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
