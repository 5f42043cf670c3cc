"""Compiled loops of the metrics; kept apart because run-time shape checks cannot wrap compiled functions."""

import numpy as np

from heedful.support.compiled import compiled


@compiled()
def inversions(ranks):
    """Number of pairs i < j with ranks[i] > ranks[j], ranks below n; `tree` counts those seen (Fenwick 1994)."""
    tree = np.zeros(len(ranks) + 1, np.int64)
    total = 0
    for seen in range(len(ranks)):
        not_above = 0
        i = ranks[seen] + 1
        while i > 0:
            not_above += tree[i]
            i -= i & -i
        total += seen - not_above
        i = ranks[seen] + 1
        while i < len(tree):
            tree[i] += 1
            i += i & -i
    return total
