"""Compiled loops over look-up tables; kept apart because run-time shape checks cannot wrap compiled functions.

Every row and every text is summed in one order, whatever else is in the call: so its numbers are the same bits alone
and among others.
"""

import math

import numpy as np

from heedful.support.compiled import compiled


@compiled()
def products(vectors, probe, out):
    """Fill `out` (rows, columns) with the products of vectors (rows, size) and a probe (size, columns)."""
    size, columns = probe.shape
    for row in range(len(vectors)):
        for c in range(columns):
            out[row, c] = 0.0
        for e in range(size):
            x = vectors[row, e]
            for c in range(columns):
                out[row, c] += x * probe[e, c]


@compiled()
def pooled(rows, row_of, starts, position, padding, out):
    """Fill `out` (texts, classes) with logits.

    Args:
        rows: token parts (rows, heads, 1 + classes).
        row_of: row of every token, text after text.
        starts: where each text begins among the tokens, and where the last ends.
        position: position parts (positions, heads, 1 + classes).
        padding: row of the token that is attended to behind the text, or -1.
        out: the logits.
    """
    n_heads, columns = position.shape[1:]
    logs = np.empty(len(position))
    weighted = np.empty(columns - 1)
    for i in range(len(out)):
        first = starts[i]
        n = starts[i + 1] - first
        end = n if padding < 0 else len(position)
        out[i] = 0.0
        for k in range(n_heads):
            top = -math.inf
            for t in range(end):
                row = row_of[first + t] if t < n else padding
                logs[t] = rows[row, k, 0] + position[t, k, 0]
                top = max(top, logs[t])
            total = 0.0
            weighted[:] = 0.0
            for t in range(end):
                row = row_of[first + t] if t < n else padding
                weight = math.exp(logs[t] - top)
                total += weight
                for c in range(columns - 1):
                    weighted[c] += weight * (rows[row, k, 1 + c] + position[t, k, 1 + c])
            for c in range(columns - 1):
                out[i, c] += weighted[c] / (total * n_heads)
