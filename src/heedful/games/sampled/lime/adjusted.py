"""LIME's fit with most of it known: a kernel regression takes up what it can, and only what it leaves is sampled.

The regression h is fitted to the values f of the masks drawn. LIME's own equations for h need no sampling, for their
sums over all masks are known exactly; to them comes the sampled part of f - h, every mask's h being the one fitted
without it, so that the expectation is f's whatever h is worth, but for the few settings of the kernel, which are chosen
on the values themselves. Standard errors are those of f - h alone.

Source: Witter, Liu, Musco: Regression-adjusted Monte Carlo Estimators for Shapley Values and Probabilistic Values,
NeurIPS 2025, arXiv 2506.11849, for Shapley values. Here for LIME, and with a regression that fits texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from heedful.games.exact.lime import weights as weights_of
from heedful.games.exact.sizes import mixture
from heedful.games.sampled.lime.products import transposed_times
from heedful.games.sampled.lime.ridge import Masks, Moments, PerMask, Vector, WeightedMasks

# masks the regression is fitted to at most: their third power, which is what it costs, by unit of all masks; and these
_COST, _MOST = 40_000, 4000
_TRIAL, _NOISE = 300, (0.01, 0.1, 1.0)  # masks its ridge is chosen on, and from what
_REACH = 0.3  # share of all influence whose change takes a bump to 1 / e
_CONSTANT, _LEVEL, _LINES, _PAIRS = 10.0, 3.0, 3.0, 0.1  # weights of the kernel's other parts
_ALIKE = 0.3  # share of the units by which sizes may differ and still be alike
_LIGHTEST = 0.05  # share of the mean weight: lighter masks count as if they had it
_BLOCK = 1000  # masks whose distances to all centres are held at once
_TARGET = 1e-12  # share of their sum that the mixture of LIME's size weights may miss

PerSize = Float64[np.ndarray, " sizes"]


class AdjustedMasks(WeightedMasks):
    """Masks, weights and values as `WeightedMasks` has them, the sums over masks exact but for the regression's misses.

    Args:
        masks: the whole text, then independent draws of any size and all subsets of a size alike.
        weights: 1, then LIME's sample weight over d times the chance of the mask's size.
        values: of the masks.
        kernel_width: of LIME's sample weights.
    """

    def __init__(self, masks: Masks, weights: PerMask, values: PerMask, kernel_width: float) -> None:
        drawn, d = len(masks) - 1, masks.shape[1]
        sizes = _Sizes.of(d, kernel_width)
        off = values[1:] - values[0]
        left, known = _regress(masks[1:], weights[1:], off, sizes.share) if drawn else (off, _Regression.none(d))
        total, each = known.sums(sizes)
        # the whole text's own row, then `drawn` times what one draw gives in expectation
        once, twice = 1.0 + drawn * sizes.powers[1], 1.0 + drawn * sizes.powers[2]
        products = np.full((d, d), twice)
        np.fill_diagonal(products, once)
        level = drawn * total + weights[1:] @ left
        pull = drawn * each + transposed_times(masks[1:], weights[1:] * left)
        moments = Moments(1.0 + drawn * sizes.powers[0], np.full(d, once), products, level, pull, float(values[0]))
        self._left = np.append(0.0, left)
        super().__init__(masks, weights, values, moments)

    def _noise(self, residuals: PerMask, n_chosen: int) -> tuple[PerMask, int]:
        """What the regression left, for what it took is not sampled; nothing fitted to it takes a degree of freedom."""
        return self._left, len(residuals) - 2


@dataclass(frozen=True, eq=False)
class _Sizes:
    """LIME's weights of the mask sizes as a mixture of binomials: sums over all masks become sums over its chances.

    Attributes:
        p: chances of being kept, 0 and 1 among them.
        weight: weight of each.
        powers: sum of weight * p^m for m = 0..3: LIME's expectation of the weight of masks that keep m given units.
        exact: of the masks that keep k units, k = 0..d.
        share: mean share of units kept.
    """

    p: Float64[np.ndarray, " nodes"]
    weight: Float64[np.ndarray, " nodes"]
    powers: Float64[np.ndarray, " four"]
    exact: PerSize
    share: float

    @classmethod
    def of(cls, d: int, kernel_width: float) -> _Sizes:
        per_size = weights_of(d, kernel_width)
        mixed, scale = mixture(per_size.sizes[:, :1], _TARGET, ends=True), np.exp(per_size.log_scale)
        p = np.concatenate([[0.0], mixed.p, [1.0]])
        weight = np.concatenate([mixed.ends[:1, 0], mixed.weight[:, 0], mixed.ends[1:, 0]]) * scale
        powers = weight @ p[:, None] ** np.arange(4)
        return cls(p, weight, powers, per_size.sizes[:, 0] * scale, float(powers[1] / powers[0]))


@dataclass(frozen=True, eq=False)
class _Regression:
    """h(z) = level_k + sum_j line_jk z_j + sum_j pair_j z_j z_(j+1) + sum_i bump_i exp(-sum_j decay_j [z_j != z_ij]).

    Attributes:
        level, line: of masks that keep k = 0..d units: in a shorter text a word counts for more.
        pair: of neighbours; one entry less than there are units.
        centres, bump: the masks z_i that the regression was fitted to, and the height at each.
        decay: what a unit's change takes from the logarithm of a bump.
    """

    level: PerSize
    line: Float64[np.ndarray, "units sizes"]
    pair: Float64[np.ndarray, " pairs"]
    centres: Masks
    bump: PerMask
    decay: Vector

    @classmethod
    def none(cls, d: int) -> _Regression:
        """The zero function."""
        line, centres = np.zeros((d, d + 1)), np.ones((0, d), dtype=bool)
        return cls(line[0], line, np.zeros(d - 1), centres, np.zeros(0), np.zeros(d))

    def __call__(self, masks: Masks) -> PerMask:
        """Values of masks."""
        values, centres = np.empty(len(masks)), _numbers(self.centres)
        pair, bump = torch.from_numpy(self.pair), torch.from_numpy(self.bump)
        for start in range(0, len(masks), _BLOCK):
            block = slice(start, start + _BLOCK)
            z, kept = _numbers(masks[block]), masks[block].sum(1)
            lines = self.level[kept] + (masks[block] * self.line.T[kept]).sum(1)
            rest = (z[:, 1:] * z[:, :-1]) @ pair + _bumps(z, centres, self.decay) @ bump
            values[block] = lines + rest.numpy()
        return values

    def sums(self, sizes: _Sizes) -> tuple[float, Vector]:
        """LIME's expectations of weight * h(z) and of weight * z_j * h(z), over all masks."""
        d = len(self.line)
        kept = np.arange(d + 1)
        once, twice = sizes.exact * (kept / d), sizes.exact * (kept * (kept - 1) / (d * max(1, d - 1)))
        lines = self.line.sum(0)
        total = float(self.level @ sizes.exact + lines @ once)
        each = self.level @ once + self.line @ (once - twice) + lines @ twice
        beside, pairs = _beside(self.pair), self.pair.sum()
        total += pairs * sizes.powers[2]
        each += beside * sizes.powers[2] + (pairs - beside) * sizes.powers[3]
        # with units kept independently a bump's expectation is a product over units
        p, fall = sizes.p[:, None], np.exp(-self.decay)
        same, other = p + (1.0 - p) * fall, 1.0 - p + p * fall  # (nodes, units): of centres that keep the unit, or not
        centres, ratio = _numbers(self.centres), torch.from_numpy(np.log(same / other))
        products = (centres @ ratio.T + torch.from_numpy(np.log(other).sum(1))).exp_()
        products *= torch.from_numpy(self.bump)[:, None]
        every, having = products.sum(0).numpy(), (products.T @ centres).numpy()  # over the centres that keep the unit
        total += float(sizes.weight @ every)
        each += sizes.weight @ (p * (having / same + (every[:, None] - having) * fall / other))
        return total, each


def _regress(masks: Masks, weights: PerMask, off: PerMask, share: float) -> tuple[PerMask, _Regression]:
    """What each value differs by from a regression without it, and the mean of these regressions over all masks."""
    n_fitted = min(len(masks), _MOST, int(math.cbrt(_COST * masks.size)))
    fitted, rest = slice(n_fitted), slice(n_fitted, None)
    rows = _Rows.of(masks[fitted], weights[fitted], off[fitted], share)
    trial = rows.first(_TRIAL)
    solved = rows.solve(min(_NOISE, key=lambda noise: trial.solve(noise).loss))
    # leaving mask i out changes the duals by its column of the inverse times its residual
    changed = solved.inverse @ torch.from_numpy(solved.left / len(masks))
    mean = rows.regression(solved.dual - changed.numpy())
    others = off[rest] - rows.regression(solved.dual)(masks[rest])
    return np.append(solved.left, others), mean


@dataclass(frozen=True, eq=False)
class _Solved:
    """Duals, the inverse they came from, and residuals with each mask left out; loss: their weighted sum of squares."""

    dual: PerMask
    inverse: torch.Tensor
    left: PerMask
    loss: float


@dataclass(frozen=True, eq=False)
class _Rows:
    """What the regression is fitted to.

    Attributes:
        z: the masks as numbers.
        weights: of the masks.
        off: values, as differences from the whole text's.
        share: what the units are centred at.
        decay: of a bump by unit; units that matter more tell masks apart more.
    """

    z: Float64[torch.Tensor, "n units"]
    weights: PerMask
    off: PerMask
    share: float
    decay: Vector

    @classmethod
    def of(cls, masks: Masks, weights: PerMask, off: PerMask, share: float) -> _Rows:
        z, heavy = _numbers(masks), weights / weights.mean()
        x, level = z - share, heavy @ off / len(off)
        normal = (x.T * torch.from_numpy(heavy)) @ x
        normal.diagonal().add_(0.02 * len(x))
        slope = torch.linalg.solve(normal, x.T @ torch.from_numpy(heavy * (off - level))).numpy()
        influence = np.sqrt(np.abs(slope))
        if not influence.sum() > 0:  # a constant, or not-a-number, which is refused where scores are
            influence = np.ones(x.shape[1])
        return cls(z, weights, off, share, influence / influence.sum() / _REACH)

    @property
    def kept(self) -> torch.Tensor:
        """Units that each mask keeps, as an index."""
        return self.z.sum(1).long()

    @property
    def _alike(self) -> Float64[torch.Tensor, "sizes sizes"]:
        """How much alike masks of two sizes are: a Matern kernel of smoothness 3/2."""
        size = torch.arange(self.z.shape[1] + 1.0, dtype=torch.float64) / (_ALIKE * self.z.shape[1])
        far = (size[:, None] - size).abs()
        return (1.0 + far) * (-far).exp()

    def first(self, n: int) -> _Rows:
        """The first n of them."""
        return _Rows(self.z[:n], self.weights[:n], self.off[:n], self.share, self.decay)

    def solve(self, noise: float) -> _Solved:
        """Kernel ridge regression, light masks counting less; residuals left out come from the inverse's diagonal."""
        x, d, alike = self.z - self.share, self.z.shape[1], self._alike
        sizes = self.kept[:, None], self.kept
        kernel = (x @ x.T).mul_(4.0 / d).mul_((_LINES + alike)[sizes])
        kernel.add_((_CONSTANT + _LEVEL * alike)[sizes]).add_(_bumps(self.z, self.z, self.decay))
        pairs = x[:, 1:] * x[:, :-1]
        kernel.addmm_(pairs, pairs.T, alpha=_PAIRS * 16.0 / d)
        heavy = np.maximum(self.weights / self.weights.mean(), _LIGHTEST)
        kernel.diagonal().add_(torch.from_numpy(noise / heavy))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(kernel).L)
        dual = (inverse @ torch.from_numpy(self.off)).numpy()
        left = dual / inverse.diagonal().numpy()
        return _Solved(dual, inverse, left, float(((self.weights * left) ** 2).sum()))

    def regression(self, dual: PerMask) -> _Regression:
        """The function with these duals, its centred terms multiplied out."""
        d, mu = self.z.shape[1], self.share
        x, at, alike = self.z - mu, torch.from_numpy(dual), self._alike[self.kept]
        pair = (_PAIRS * 16.0 / d) * (at @ (x[:, 1:] * x[:, :-1])).numpy()
        line = (4.0 / d) * (x.T @ (at[:, None] * (_LINES + alike))).numpy()
        level = (at @ (_CONSTANT + _LEVEL * alike)).numpy() - mu * line.sum(0) + mu**2 * pair.sum()
        line -= mu * _beside(pair)[:, None]
        return _Regression(level, line, pair, self.z.numpy() > 0, dual, self.decay)


def _beside(pair: Float64[np.ndarray, " pairs"]) -> Vector:
    """Sum of the pairs that each unit is in."""
    return np.append(pair, 0.0) + np.append(0.0, pair)


def _numbers(masks: Masks) -> torch.Tensor:
    """Masks for torch to multiply: numpy's threads would fight with those of the forwards over the cores."""
    return torch.from_numpy(masks.astype(np.float64))


def _bumps(a: torch.Tensor, b: torch.Tensor, decay: Vector) -> torch.Tensor:
    """exp(-sum_j decay_j [a_ij != b_kj]) for all rows i and k."""
    by = torch.from_numpy(decay)
    near = (a * (2.0 * by)) @ b.T
    return near.sub_((a @ by)[:, None]).sub_(b @ by).exp_()
