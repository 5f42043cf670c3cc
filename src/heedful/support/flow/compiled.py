"""Compiled maximum flow through layers of nodes; kept apart because run-time shape checks cannot wrap it."""

import numpy as np

from heedful.support.compiled import compiled

FAR = np.int32(2**31 - 1)  # no way to the sink


@compiled()
def max_flows(source, capacity, sinks, flows):
    """Fill `flows` with the largest flow from the source to each of `sinks`, by Dinic's algorithm in whole numbers.

    source (tokens) leads to the nodes of depth 0, capacity[d, i, j] from node i of depth d to node j of depth d + 1.
    The sinks are nodes of the last depth, one at a time: the others there lead nowhere.
    """
    n_steps, n_tokens = capacity.shape[0], capacity.shape[1]
    left = capacity[:-1].copy()  # what still fits through
    touched = np.zeros((n_steps - 1, n_tokens), np.bool_)  # rows of it to set back for the next sink
    distance = np.empty((n_steps, n_tokens), np.int32)
    arc = np.empty((n_steps, n_tokens), np.int32)
    for k in range(len(sinks)):
        for depth in range(n_steps - 1):
            for i in range(n_tokens):
                if touched[depth, i]:
                    left[depth, i] = capacity[depth, i]
        touched[:] = False
        supply, demand = source.copy(), capacity[-1, :, sinks[k]].copy()
        while measure_distances(supply, capacity, left, demand, distance):
            arc[:] = 0
            flows[k] += block(supply, capacity, left, demand, distance, arc, touched)


@compiled()
def measure_distances(supply, capacity, left, demand, distance):
    """Steps from every node to the sink, through what is not full; False if no supply can get there."""
    n_steps, n_tokens = distance.shape
    distance[:] = FAR
    if not supply.any():
        return False
    new = np.empty((n_steps, n_tokens), np.int32)  # by depth, the nodes no way is known from: the first n_new[depth]
    new[:] = np.arange(n_tokens)
    n_new = np.full(n_steps, n_tokens)
    queue = np.empty(n_steps * n_tokens, np.int32)
    n_queued = 0
    for i in range(n_tokens):
        if demand[i] > 0:
            distance[-1, i] = 1
            queue[n_queued] = (n_steps - 1) * n_tokens + i
            n_queued += 1
    done = 0
    while done < n_queued:
        depth, j = queue[done] // n_tokens, queue[done] % n_tokens
        done += 1
        for other in range(max(depth - 1, 0), min(depth + 2, n_steps)):
            kept = 0
            for place in range(n_new[other]):
                i = new[other, place]
                if distance[other, i] != FAR:
                    continue
                if room(other, i, depth, j, capacity, left) > 0:
                    distance[other, i] = distance[depth, j] + 1
                    queue[n_queued] = other * n_tokens + i
                    n_queued += 1
                else:
                    new[other, kept] = i
                    kept += 1
            n_new[other] = kept
    return ((supply > 0) & (distance[0] != FAR)).any()


@compiled()
def room(depth, i, other, j, capacity, left):
    """What can go from node i to node j: below it what still fits, above it what came from there."""
    if other > depth:
        return left[depth, i, j]
    return capacity[other, j, i] - left[other, j, i] if other < depth else 0


@compiled()
def block(supply, capacity, left, demand, distance, arc, touched):
    """Send flow until every shortest way to the sink is full somewhere; returns how much.

    `arc` is the next neighbour each node tries: first those of the depth below, then those above.
    """
    n_tokens = len(supply)
    shortest = distance[0][supply > 0].min()
    depths = np.empty(shortest, np.int32)  # the way so far
    nodes = np.empty(shortest, np.int32)
    total, wanted = 0, demand.sum()
    for start in range(n_tokens):
        while total < wanted and supply[start] > 0 and distance[0, start] == shortest:
            depths[0], nodes[0], length = 0, start, 1
            while length > 0:
                depth, i = depths[length - 1], nodes[length - 1]
                if distance[depth, i] == 1:
                    if demand[i] > 0:
                        break
                    below, j = depth, -1
                else:
                    below, j = advance(depth, i, capacity, left, distance, arc)
                if j < 0:
                    distance[depth, i] = FAR  # a dead end
                    length -= 1
                else:
                    depths[length], nodes[length] = below, j
                    length += 1
            if length > 0:
                total += send(depths[:length], nodes[:length], supply, capacity, left, demand, touched)
    return total


@compiled()
def advance(depth, i, capacity, left, distance, arc):
    """The next node on a shortest way from node i: its depth and place, or -1 if there is none."""
    n_steps, n_tokens = distance.shape
    wanted = distance[depth, i] - 1
    while arc[depth, i] < 2 * n_tokens:
        other = depth + 1 if arc[depth, i] < n_tokens else depth - 1
        j = arc[depth, i] % n_tokens
        if 0 <= other < n_steps and distance[other, j] == wanted and room(depth, i, other, j, capacity, left) > 0:
            return other, j
        arc[depth, i] += 1
    return depth, -1


@compiled()
def send(depths, nodes, supply, capacity, left, demand, touched):
    """Send along a way from the source to the sink as much as fits; returns how much."""
    most = min(supply[nodes[0]], demand[nodes[-1]])
    for k in range(len(nodes) - 1):
        most = min(most, room(depths[k], nodes[k], depths[k + 1], nodes[k + 1], capacity, left))
    supply[nodes[0]] -= most
    demand[nodes[-1]] -= most
    for k in range(len(nodes) - 1):
        if depths[k + 1] > depths[k]:
            left[depths[k], nodes[k], nodes[k + 1]] -= most
            touched[depths[k], nodes[k]] = True
        else:
            left[depths[k + 1], nodes[k + 1], nodes[k]] += most
    return most
