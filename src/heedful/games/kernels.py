"""Compiled inner loop of DeletionGame; kept apart because run-time shape checks cannot wrap compiled functions."""

import math

import numpy as np
from numba import njit

TINY = 1e-200  # below this a sum of weights has lost digits to underflow and is done again in logarithms


@njit(nogil=True, cache=True)
def deleted_scores(masks, owner, token, position, rest, out):
    """Fill `out` (n, outputs) with the scores of texts from which units were deleted, positions closed up.

    token, position (T, 2 + outputs, heads) and rest (T + 1, ...) hold a log weight, the weight, and the values; entry
    n of `rest` is the padding that is attended to when n tokens are left.
    """
    n_tokens, columns, n_heads = token.shape
    kept = np.empty(n_tokens, np.int64)
    total = np.empty(n_heads)
    weighted = np.empty((columns - 2, n_heads))
    for row in range(masks.shape[0]):
        n_kept = 0
        for t in range(n_tokens):
            if owner[t] < 0 or masks[row, owner[t]]:
                kept[n_kept] = t
                n_kept += 1
        for k in range(n_heads):
            total[k] = rest[n_kept, 1, k]
            for c in range(columns - 2):
                weighted[c, k] = total[k] * rest[n_kept, 2 + c, k]
        for place in range(n_kept):
            add_term(token[kept[place]], position[place], total, weighted)
        for c in range(columns - 2):
            out[row, c] = 0.0
        for k in range(n_heads):
            if total[k] < TINY:
                total[k] = in_logarithms(kept[:n_kept], k, token, position, rest[n_kept], weighted)
            for c in range(columns - 2):
                out[row, c] += weighted[c, k] / (total[k] * n_heads)


@njit(nogil=True, cache=True, inline="always")
def add_term(token, position, total, weighted):
    """Add one kept token, at its new position, to every head's sums; heads are innermost, for vector units."""
    for k in range(total.shape[0]):
        total[k] += token[1, k] * position[1, k]
    for c in range(weighted.shape[0]):
        for k in range(total.shape[0]):
            weighted[c, k] += token[1, k] * position[1, k] * (token[2 + c, k] + position[2 + c, k])


@njit(nogil=True, cache=True)
def in_logarithms(kept, k, token, position, rest, weighted):
    """Sum of one head's weights relative to its largest, and the weighted values into `weighted[:, k]`."""
    largest = rest[0, k]
    for place in range(len(kept)):
        largest = max(largest, token[kept[place], 0, k] + position[place, 0, k])
    total = math.exp(rest[0, k] - largest)
    for c in range(weighted.shape[0]):
        weighted[c, k] = total * rest[2 + c, k]
    for place in range(len(kept)):
        t = kept[place]
        weight = math.exp(token[t, 0, k] + position[place, 0, k] - largest)
        total += weight
        for c in range(weighted.shape[0]):
            weighted[c, k] += weight * (token[t, 2 + c, k] + position[place, 2 + c, k])
    return total
