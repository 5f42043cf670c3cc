"""Compiled inner loops: everything that costs (quadrature nodes) x (units).

For one node u of the Laplace integral, unit j enters with the decays A = exp(-u a) while kept and B = exp(-u b) while
removed, both divided by the larger of the two, and with the numerators n A = u a v A and m B = u b w B. The tables hold

    factor = B    factor_step = A - B    part = m B    part_step = n A - m B    cross = (n - m) A B
    base = u times the fixed numerator

With every unit kept with chance p, M = B + p (A - B) and total = base + sum over units of (m B + p (n A - m B)) / M,

    the expected value is               scale * prod(M) * total
    its derivative by unit j's chance   scale * prod(M) * (cross_j / M_j + factor_step_j * total) / M_j

Loops either sum or store, never both. Sums may be reordered so that they vectorise, and without stores they always do;
a loop with stores is vectorised only if its arrays turn out not to overlap, so it must give the same bits either way.
Where equal terms must cancel to exactly zero, products are not fused.
"""

from __future__ import annotations

import math

import numpy as np

from heedful.support.compiled import compiled

_SUM = {"reassoc", "nsz", "nnan", "contract"}
_FUSE = {"contract"}


OVERFLOW = 700.0  # exp of more is not a float64; exp(-exp(700)) is 0 long before
TINY = math.exp(-OVERFLOW)


@compiled(error_model="numpy")
def _decays(log_u, logs, shares, high, light, decay, loss):
    """Larger and smaller weight of every unit times u, exp(-u * difference), and 1 minus that."""
    log_high, log_low = logs
    weight, ratio, gap = shares
    u = math.exp(log_u) if log_u < OVERFLOW else math.inf
    for j in range(len(loss)):
        if u < math.inf and weight[j] > TINY:
            high[j] = u * weight[j]
            light[j] = high[j] * ratio[j]
        else:
            high[j] = math.exp(min(log_u + log_high[j], OVERFLOW))
            light[j] = math.exp(min(log_u + log_low[j], OVERFLOW))
        difference = high[j] * gap[j]
        # one function a unit, each where 1 minus it keeps its digits
        if difference < 0.5:
            loss[j] = -math.expm1(-difference)
            decay[j] = 1.0 - loss[j]
        else:
            decay[j] = math.exp(-difference)
            loss[j] = 1.0 - decay[j]


@compiled(error_model="numpy")
def _at_infinity(log_high, high, light, decay, loss):
    """The same at u = infinity, where only masks without any term are left: a unit that has one is gone."""
    for j in range(len(loss)):
        high[j] = light[j] = 0.0
        loss[j] = 1.0 if log_high[j] > -math.inf else 0.0
        decay[j] = 1.0 - loss[j]


@compiled(error_model="numpy")
def _factors(kept_high, decay, loss, factor, factor_step):
    for j in range(len(loss)):
        factor[j] = 1.0 if kept_high[j] else decay[j]
        factor_step[j] = -loss[j] if kept_high[j] else loss[j]


@compiled(error_model="numpy", fastmath=_SUM)
def _losses(kept_high, loss):
    """Sums and sums of squares of the losses of units heavier kept, then heavier removed, and the largest."""
    on, on2, off, off2, largest = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(len(loss)):
        lost_on = loss[j] if kept_high[j] else 0.0
        lost_off = loss[j] - lost_on
        on += lost_on
        on2 += lost_on * lost_on
        off += lost_off
        off2 += lost_off * lost_off
        largest = max(largest, loss[j])
    return on, on2, off, off2, largest


@compiled(error_model="numpy")
def _parts(kept_high, weights, values, part, part_step, cross):
    high, light, decay, loss = weights
    heavy_value, light_value, excess = values
    for j in range(len(part)):
        heavy = high[j] * decay[j]
        more, less = heavy * heavy_value[j], light[j] * light_value[j]
        change = heavy * excess[j]
        step = change - loss[j] * less  # more - less, with the digits of a small difference
        part[j] = less if kept_high[j] else more
        part_step[j] = step if kept_high[j] else -step
        cross[j] = change if kept_high[j] else -change


@compiled(error_model="numpy", fastmath=_SUM)
def _masses(part, part_step):
    """Sum |m B|, sum |n A| and the largest |part_step|."""
    sum_m, sum_n, largest = 0.0, 0.0, 0.0
    for j in range(len(part)):
        sum_m += abs(part[j])
        sum_n += abs(part[j] + part_step[j])
        largest = max(largest, abs(part_step[j]))
    return sum_m, sum_n, largest


@compiled(error_model="numpy")
def fill(nodes, weights, values):
    """Tables of a block of nodes, and what `_losses` (per node) and `_masses` (per node and output) give.

    Args:
        nodes: head and logarithm of u of each node, infinite for the node of the masks without any term.
        weights: per head and unit, whether it weighs more while kept, logarithms of its larger and its smaller weight,
            the smaller over the larger one, and 1 minus that.
        values: per head, output and unit, those of its larger and its smaller weight, and the excess of the one
            numerator over the other, divided by the larger weight.
    """
    head, log_u = nodes
    kept_high, log_high, log_low, ratio, gap = weights
    heavy_value, light_value, excess = values
    n_nodes, units, outputs = len(head), kept_high.shape[1], excess.shape[1]
    factor, factor_step = np.empty((n_nodes, units)), np.empty((n_nodes, units))
    shape = (n_nodes, outputs, units)
    part, part_step, cross = np.empty(shape), np.empty(shape), np.empty(shape)
    stats, sums = np.empty((n_nodes, 5)), np.empty((n_nodes, outputs, 3))
    high, light, decay, loss = np.empty(units), np.empty(units), np.empty(units), np.empty(units)
    weight = np.exp(log_high)
    for k in range(n_nodes):
        h = head[k]
        if log_u[k] < math.inf:
            _decays(log_u[k], (log_high[h], log_low[h]), (weight[h], ratio[h], gap[h]), high, light, decay, loss)
        else:
            _at_infinity(log_high[h], high, light, decay, loss)
        _factors(kept_high[h], decay, loss, factor[k], factor_step[k])
        stats[k, 0], stats[k, 1], stats[k, 2], stats[k, 3], stats[k, 4] = _losses(kept_high[h], loss)
        for c in range(outputs):
            of_head = (heavy_value[h, c], light_value[h, c], excess[h, c])
            _parts(kept_high[h], (high, light, decay, loss), of_head, part[k, c], part_step[k, c], cross[k, c])
            sums[k, c, 0], sums[k, c, 1], sums[k, c, 2] = _masses(part[k, c], part_step[k, c])
    return (factor, factor_step, part, part_step, cross), stats, sums


@compiled(error_model="numpy", fastmath=_SUM)
def _product(factor, factor_step, p):
    product = 1.0
    for j in range(len(factor)):
        product *= factor[j] + p * factor_step[j]
    return product


@compiled(error_model="numpy", fastmath=_FUSE)
def _invert(factor, factor_step, p, inverse):
    for j in range(len(inverse)):
        inverse[j] = 1.0 / (factor[j] + p * factor_step[j])


@compiled(error_model="numpy", fastmath=_SUM)
def _total(part, part_step, p, inverse):
    """Sum over units of numerator / M."""
    total = 0.0
    for j in range(len(inverse)):
        total += (part[j] + p * part_step[j]) * inverse[j]
    return total


@compiled(error_model="numpy", fastmath=_FUSE)
def _add_slope(slope, tilt, inverse, cross, factor_step, total):
    for j in range(len(slope)):
        slope[j] += tilt * inverse[j] * (cross[j] * inverse[j] + factor_step[j] * total)


@compiled(error_model="numpy")
def marginals(tables, rule, rows):
    """Sums of weight * derivative, (outputs, rows, units), and the expected values per column of p, (outputs, columns).

    Columns have a row each, and those beyond the last share it: with one row the sums are over all columns.
    """
    factor, factor_step, part, part_step, cross, base, scale = tables
    chance, weight, start, stop = rule
    units, outputs = factor.shape[1], base.shape[1]
    slope, mean = np.zeros((outputs, rows, units)), np.zeros((outputs, chance.shape[1]))
    inverse = np.empty(units)
    for k in range(len(scale)):
        for i in range(start[k], stop[k]):
            p = chance[k, i]
            product = scale[k] * _product(factor[k], factor_step[k], p)
            _invert(factor[k], factor_step[k], p, inverse)
            for c in range(outputs):
                total = base[k, c] + _total(part[k, c], part_step[k, c], p, inverse)
                mean[c, i] += product * total
                row = slope[c, min(i, rows - 1)]
                _add_slope(row, product * weight[k, i], inverse, cross[k, c], factor_step[k], total)
    return slope, mean


@compiled(error_model="numpy")
def pair_rows(tables, rule):
    """One row a (node, p): second derivatives by two units' chances are sums of left_j right_k + right_j left_k."""
    factor, factor_step, part, part_step, cross, base, scale = tables
    chance, weight, start, stop = rule
    units, outputs = factor.shape[1], base.shape[1]
    rows = (stop - start).sum()
    left, right = np.empty((rows, units)), np.zeros((outputs, rows, units))
    inverse = np.empty(units)
    row = 0
    for k in range(len(scale)):
        for i in range(start[k], stop[k]):
            p = chance[k, i]
            product = scale[k] * weight[k, i] * _product(factor[k], factor_step[k], p)
            _invert(factor[k], factor_step[k], p, inverse)
            left[row] = factor_step[k] * inverse
            for c in range(outputs):
                half = 0.5 * (base[k, c] + _total(part[k, c], part_step[k, c], p, inverse))
                _add_slope(right[c, row], product, inverse, cross[k, c], factor_step[k], half)
            row += 1
    return left, right


@compiled(error_model="numpy", fastmath=_FUSE)
def size_means(tables):
    """Means over all subsets of each size, (outputs, units + 1): unit i is in a random k-set of i with chance k / i."""
    factor, factor_step, part, part_step, _, base, scale = tables
    units, outputs = factor.shape[1], base.shape[1]
    mean = np.zeros((outputs, units + 1))
    product, numerator = np.empty(units + 1), np.empty(units + 1)
    for k in range(len(scale)):
        for c in range(outputs):
            product[0], numerator[0] = scale[k], 0.0
            for j in range(units):
                product[j + 1], numerator[j + 1] = 0.0, 0.0
                gone, stay = factor[k, j], factor[k, j] + factor_step[k, j]
                m, n = part[k, c, j], part[k, c, j] + part_step[k, c, j]
                for size in range(j + 1, -1, -1):
                    absent = (j + 1 - size) / (j + 1)
                    q, s = absent * gone * product[size], absent * (gone * numerator[size] + m * product[size])
                    if size > 0:
                        present = size / (j + 1)
                        q += present * stay * product[size - 1]
                        s += present * (stay * numerator[size - 1] + n * product[size - 1])
                    product[size], numerator[size] = q, s
            for size in range(units + 1):
                mean[c, size] += base[k, c] * product[size] + numerator[size]
    return mean


@compiled(error_model="numpy")
def binomial(n, p):
    """Binomial probabilities (n + 1, len(p)), outwards from the mode: accurate where sums of logarithms are not."""
    table = np.zeros((n + 1, len(p)))
    for i in range(len(p)):
        odds = p[i] / (1.0 - p[i])
        mode = min(n, int((n + 1) * p[i]))
        table[mode, i] = 1.0
        for k in range(mode, n):
            table[k + 1, i] = table[k, i] * odds * (n - k) / (k + 1)
        for k in range(mode, 0, -1):
            table[k - 1, i] = table[k, i] * k / ((n - k + 1) * odds)
        table[:, i] /= table[:, i].sum()
    return table
