"""The integrals as they stand on the theory page, in plain NumPy: slow, short, and what the fast code is compared with.

One uniform grid in log u wide and fine enough for every head, the full Gauss-Legendre rule in p that is exact for
polynomials of degree d - 1, no bounds, no shortcuts. Weights may span some 600 units of log weight.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from heedful.games.exact import sizes
from heedful.games.exact.lime import weights
from heedful.games.ratio import Number, RatioGame

_STEP = 0.2  # error of the trapezoid rule below 1e-19
_LOG_EPS = -40.0

Outputs = Float64[np.ndarray, " outputs"]
UnitsOutputs = Float64[np.ndarray, "units outputs"]


def averages(game: RatioGame, p: Number) -> tuple[Outputs, UnitsOutputs]:
    """Expected value, and expected change by each unit, when units are kept with chance p.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> [array.round(9).tolist() for array in averages(game, 0.5)]
        [[0.1625], [[0.575], [-2.175]]]
    """
    heads = [_head(game, h, p) for h in range(game.n_heads)]
    return np.mean([mean for mean, _ in heads], axis=0), np.mean([change for _, change in heads], axis=0)


def _head(game: RatioGame, h: int, p: Number) -> tuple[Outputs, UnitsOutputs]:
    log_a, log_b, log_fixed = game.kept.log_weight[h], game.removed.log_weight[h], game.fixed.log_weight[h]
    v, w = (terms.value[h].reshape(game.n_units, -1) for terms in (game.kept, game.removed))
    fixed = game.fixed.value[h].reshape(-1)
    smallest = np.logaddexp.reduce(np.append(np.minimum(log_a, log_b), log_fixed))
    largest = np.logaddexp.reduce(np.append(np.maximum(log_a, log_b), log_fixed))
    if np.isneginf(smallest):
        smallest = np.maximum(log_a, log_b).min(where=np.isfinite(np.maximum(log_a, log_b)), initial=largest)
    x = np.arange(_LOG_EPS - largest, np.log(-_LOG_EPS) + 0.2 - smallest, _STEP)[:, None]
    # u a, u b, and the decays relative to the larger of the two
    ua, ub = np.exp(x + log_a), np.exp(x + log_b)
    both = np.minimum(ua, ub)
    A, B = np.exp(both - ua), np.exp(both - ub)
    M = p * A + (1 - p) * B
    n, m = (ua * A)[..., None] * v, (ub * B)[..., None] * w
    r = (p * n + (1 - p) * m) / M[..., None]
    u_fixed = np.exp(x[:, 0] + log_fixed)
    total = u_fixed[:, None] * fixed + r.sum(1)
    product = _STEP * np.exp(-u_fixed - both.sum(1)) * M.prod(1)
    mean = product @ total
    others = total[:, None] - r
    change = np.einsum("xj,xjc->jc", product[:, None] / M, n - m + (A - B)[..., None] * others)
    if np.isneginf(log_fixed) and np.isneginf(np.minimum(log_a, log_b)).all() and game.empty is not None:
        # the masks without any term, which the integral counts as 0
        A, B = np.isneginf(log_a) * 1.0, np.isneginf(log_b) * 1.0
        M = p * A + (1 - p) * B
        mean = mean + M.prod() * np.asarray(game.empty)
        change = change + (M.prod() / M * (A - B))[:, None] * np.asarray(game.empty)
    return mean, change


def shapley(game: RatioGame) -> Float64[np.ndarray, "units ..."]:
    """Shapley values: changes averaged over p from 0 to 1."""
    x, weight = np.polynomial.legendre.leggauss((game.n_units + 1) // 2)
    values = np.sum([0.5 * s * averages(game, 0.5 + 0.5 * p)[1] for p, s in zip(x, weight, strict=True)], axis=0)
    return _shaped(game, values)


def banzhaf(game: RatioGame) -> Float64[np.ndarray, "units ..."]:
    """Banzhaf values: changes at p = 1/2."""
    return _shaped(game, averages(game, 0.5)[1])


def lime(game: RatioGame, kernel_width: Number) -> Float64[np.ndarray, "units ..."]:
    """LIME's limit from its normal equations, the size weights written as a mixture of binomials."""
    d = game.n_units
    q = weights(d, float(kernel_width)).sizes[:, 0]
    mixture = sizes.mixture(q[:, None], 0.0, ends=True)
    k = np.arange(d + 1)
    one, pair = q @ k / d, q @ (k * (k - 1)) / (d * (d - 1))
    normal = np.block([[np.array([[q.sum()]]), np.full((1, d), one)],
                       [np.full((d, 1), one), np.full((d, d), pair) + (one - pair) * np.eye(d)]])  # fmt: skip
    nothing, everything = (np.ravel(value) for value in game.ends())
    right = np.zeros((d + 1, len(nothing)))
    right[0] = mixture.ends[0, 0] * nothing + mixture.ends[1, 0] * everything
    right[1:] = mixture.ends[1, 0] * everything
    for p, share in zip(mixture.p, mixture.weight[:, 0], strict=True):
        mean, change = averages(game, p)
        right[0] += share * mean
        right[1:] += share * p * (mean + (1 - p) * change)
    return _shaped(game, np.linalg.solve(normal, right)[1:])


def _shaped(game: RatioGame, values: UnitsOutputs) -> Float64[np.ndarray, "units ..."]:
    return values.reshape(game.n_units, *game.outputs)
