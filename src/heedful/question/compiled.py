"""Compiled loops of DeletionGame; kept apart because run-time shape checks cannot wrap compiled functions."""

import math

import numpy as np

from heedful.support.compiled import compiled

TINY = 1e-200  # below this a sum of weights has lost digits to underflow and is done again in logarithms


@compiled()
def deleted_scores(masks, owner, token, position, rest, out):
    """Fill `out` (n, outputs) with the scores of texts from which units were deleted, positions closed up.

    token, position (heads, T, 2 + outputs) and rest (heads, T + 1, ...) hold a log weight, the weight, and the values;
    entry n of `rest` is the padding that is attended to when n tokens are left.
    """
    n_heads, n_tokens, columns = token.shape
    kept = np.empty(n_tokens + 1, np.uint32)
    weighted = np.empty(columns - 2)
    for row in range(masks.shape[0]):
        n_kept = np.uint32(0)
        for t in range(n_tokens):
            kept[n_kept] = t  # overwritten unless the count moves on: no branch to mispredict
            n_kept += np.uint32(owner[t] < 0 or masks[row, owner[t]])
        out[row] = 0.0
        for k in range(n_heads):
            total = in_weights(kept[:n_kept], token[k], position[k], rest[k, n_kept], weighted)
            if total < TINY:
                total = in_logarithms(kept[:n_kept], token[k], position[k], rest[k, n_kept], weighted)
            for c in range(columns - 2):
                out[row, c] += weighted[c] / (total * n_heads)


@compiled()
def in_weights(kept, token, position, rest, weighted):
    """Sum of one head's weights, and the weighted values into `weighted`."""
    for c in range(len(weighted)):
        total = rest[1]
        value = rest[1] * rest[2 + c]
        for place in range(len(kept)):
            t = kept[place]
            weight = token[t, 1] * position[place, 1]
            total += weight
            value += weight * (token[t, 2 + c] + position[place, 2 + c])
        weighted[c] = value
    return total


@compiled()
def in_logarithms(kept, token, position, rest, weighted):
    """The same relative to the largest weight."""
    largest = rest[0]
    for place in range(len(kept)):
        largest = max(largest, token[kept[place], 0] + position[place, 0])
    total = math.exp(rest[0] - largest)
    for c in range(len(weighted)):
        weighted[c] = total * rest[2 + c]
    for place in range(len(kept)):
        t = kept[place]
        weight = math.exp(token[t, 0] + position[place, 0] - largest)
        total += weight
        for c in range(len(weighted)):
            weighted[c] += weight * (token[t, 2 + c] + position[place, 2 + c])
    return total


@compiled()
def pool_suffixes(rows, pooled):
    """Entry n of `pooled` (heads, T + 1, columns) pools rows n, n + 1, ...: log of the summed weight, mean values."""
    n_heads, n_rows, columns = rows.shape
    for k in range(n_heads):
        pooled[k, n_rows] = 0.0
        pooled[k, n_rows, 0] = -math.inf
        for n in range(n_rows - 1, -1, -1):
            log, rest = rows[k, n, 0], pooled[k, n + 1, 0]
            pooled[k, n, 0] = max(log, rest) + math.log1p(math.exp(-abs(log - rest)))
            share = math.exp(log - pooled[k, n, 0])
            for c in range(1, columns):
                pooled[k, n, c] = share * rows[k, n, c] + (1.0 - share) * pooled[k, n + 1, c]
