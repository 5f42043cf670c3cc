"""Maximum flow through a network of layers, each node joined to all of the next layer."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from heedful.support.flow.compiled import max_flows
from heedful.support.parallel import in_parallel, parts

# Capacities count in whole numbers of 2^-50: flows are then exact sums and differences, and Dinic's algorithm ends.
# A cut rounds by 2^-51 an edge, so with a million edges by 1e-9 at the very worst, and as a rule by less than 1e-12.
_UNIT = 2.0**-50
_WORK = 1e8  # layers x tokens^2 x sinks that are computed without a pause: below a second


def flows(
    source: Float64[np.ndarray, " tokens"],
    capacities: Float64[np.ndarray, "steps tokens tokens"],
    sinks: Int64[np.ndarray, " sinks"],
) -> Float64[np.ndarray, " sinks"]:
    """Largest flow from a source to each of several nodes of the last layer, one sink at a time.

    Args:
        source: capacities from the source to the nodes of the first layer, at most 1 in total.
        capacities: entry (d, i, j) from node i of layer d to node j of layer d + 1, at most 1.
        sinks: nodes of the last layer.

    Example:
        >>> half = np.full((2, 2), 0.5)
        >>> flows(np.array([1.0, 0.0]), np.stack([half, np.diag([1.0, 0.25])]), np.array([0, 1]))
        array([0.5 , 0.25])
    """
    whole = np.rint(capacities / _UNIT).astype(np.int64)
    first = np.rint(source / _UNIT).astype(np.int64)
    values = np.zeros(len(sinks), np.int64)
    few = parts(len(sinks), least=8, most=max(8, int(_WORK / max(1, whole.size))))
    in_parallel(lambda part: max_flows(first, whole, sinks[part], values[part]), few)
    return values * _UNIT
