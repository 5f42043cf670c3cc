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


@compiled()
def grouped_terms(text, position, instead, column, kept, removed, fixed):
    """Fill the terms of one text's ratio game.

    As `Terms.grouped`: the logarithm of the summed weight, and the weighted mean of the values, each relative to the
    group's largest weight.

    Args:
        text: token parts (rows, heads, 1 + outputs) of the look-up tables, each token's row, and its unit or -1.
        position: position parts (positions, heads, 1 + outputs).
        instead: row that stands for removed tokens, and row of padding that is attended to; -1 where there is none.
        column: first column of the outputs, as many as the values have.
        kept: log weights (heads, units) and values (heads, units, outputs).
        removed: the same.
        fixed: log weight and values of the tokens of no unit, (heads, 1 + outputs).
    """
    rows, row_of, owner = text
    removal, padding = instead
    n = len(row_of)
    n_heads, n_units, n_outputs = kept[1].shape
    end = n if padding < 0 else len(position)
    tops, totals = np.empty(n_units + 1), np.empty(n_units + 1)
    sums = np.empty((n_units + 1, n_outputs))
    for k in range(n_heads):
        for away in range(2):
            log, value = removed if away else kept
            if away and removal < 0:
                log[k] = -math.inf
                value[k] = 0.0
                continue
            tops[:] = -math.inf
            totals[:] = 0.0
            sums[:] = 0.0
            last = n if away else end
            for t in range(last):
                unit = owner[t] if t < n else -1  # the last entry is for those of no unit, which are always the same
                if away and unit < 0:
                    continue
                row = padding if t >= n else removal if away else row_of[t]
                tops[unit] = max(tops[unit], rows[row, k, 0] + position[t, k, 0])
            for t in range(last):
                unit = owner[t] if t < n else -1
                if away and unit < 0:
                    continue
                row = padding if t >= n else removal if away else row_of[t]
                short = rows[row, k, 0] + position[t, k, 0] - tops[unit]
                weight = 1.0 if short == 0.0 else math.exp(short)
                totals[unit] += weight
                for c in range(n_outputs):
                    sums[unit, c] += weight * (rows[row, k, column + c] + position[t, k, column + c])
            for unit in range(n_units):
                log[k, unit] = tops[unit] + (0.0 if totals[unit] == 1.0 else math.log(totals[unit]))
                for c in range(n_outputs):
                    value[k, unit, c] = sums[unit, c] / totals[unit]
            if not away:
                some = totals[-1] > 0.0
                fixed[k, 0] = tops[-1] + math.log(totals[-1]) if some else -math.inf
                for c in range(n_outputs):
                    fixed[k, 1 + c] = sums[-1, c] / totals[-1] if some else 0.0


@compiled()
def all_terms(tokens, units, position, instead, columns, terms):
    """Fill the terms of many texts, one behind the other in flat arrays; see `grouped_terms`.

    Args:
        tokens: token parts; row and unit of every token, text after text; where each text's tokens begin and the last
            end.
        units: where each text's units begin, and the last end.
        position: position parts.
        instead: as for one text.
        columns: of each text, the first column of its outputs; and how many it has.
        terms: log weights and values kept and removed, flat, and fixed (texts, heads, 1 + outputs).
    """
    rows, row_of, owner, token_starts = tokens
    first, n_outputs = columns
    kept_log, kept_value, removed_log, removed_value, fixed = terms
    n_heads = position.shape[1]
    for i in range(len(first)):
        some = slice(token_starts[i], token_starts[i + 1])
        start, n_units = units[i] * n_heads, units[i + 1] - units[i]
        end, shape = units[i + 1] * n_heads, (n_heads, n_units)
        values, values_shape = slice(start * n_outputs, end * n_outputs), (n_heads, n_units, n_outputs)
        grouped_terms(
            (rows, row_of[some], owner[some]), position, instead, first[i],
            (kept_log[start:end].reshape(shape), kept_value[values].reshape(values_shape)),
            (removed_log[start:end].reshape(shape), removed_value[values].reshape(values_shape)),
            fixed[i],
        )  # fmt: skip
