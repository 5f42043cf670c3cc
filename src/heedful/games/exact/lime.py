"""LIME in the limit of infinitely many samples, at any kernel width, and its expected normal equations with ridge.

LIME draws the number of removed units uniformly from 1..d, then which ones; a sample's weight depends on that number
alone. So the normal equations need the sums of weight * f and weight * z_j * f over all masks by size: with the size
weights written as a mixture of binomials these are product expectations. The matrix of the equations has one value on
its diagonal and one off it, which gives the solution in closed form (Mardaoui and Garreau, AISTATS 2021).

Both parts of a coefficient, the mean over the units and a unit's difference from it, are formed from changes of f by
single units, never from values of f: a game that hardly changes has coefficients as small, with all their digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.games.exact import bounds, engine, rules
from heedful.games.exact.arrays import AnyArray
from heedful.games.exact.checks import check_number
from heedful.games.exact.prepared import Prepared, prepare
from heedful.games.exact.semivalues import certified
from heedful.games.exact.sizes import Mixture, mixtures
from heedful.games.ratio import Array, Number, RatioGame
from heedful.support.settings import check_whole

_NARROWEST = 1e-150  # narrower kernels, too, leave weight to masks of one size only; their exponents overflow

PerGame = Float64[AnyArray, "*games 1"]


@dataclass(frozen=True, eq=False)
class LimeFit:
    """Coefficients of the weighted linear fit.

    Attributes:
        values: coefficients, (units,) or (units, outputs).
        intercept: the fit's value with every unit removed, () or (outputs,).
        error_bound: largest absolute error of any coefficient. The intercept is not covered: it is a mean value less
            shares of all coefficients, so their errors can add up in it.
        nodes: quadrature points evaluated.
    """

    values: Float64[np.ndarray, "units ..."]
    intercept: Array
    error_bound: float
    nodes: int


@dataclass(frozen=True, eq=False)
class Weights:
    """LIME's weights of the mask sizes, and the moments its normal equations need.

    Attributes:
        sizes: columns of weights of all masks that keep k units together, k = 0..d: the samples' weights q(k), relative
            to exp(log_scale), and q(k) times (k - mean) / d.
        log_scale: logarithm of the largest sample weight.
        total: sum of q.
        mean: mean number of kept units.
        between: weight of the differences between units, sum of q(k) k (d - k) / (d (d - 1)).
        along: weight of the number of kept units, sum of q(k) (k - mean)^2 / d.
        steps: weights of the mean changes of f from k to k + 1 kept units, k = 0..d-1: sums of q(i) (i - mean) / d over
            i > k. None is negative, and their sum is `along`.
    """

    sizes: Float64[np.ndarray, "sizes 2"]
    log_scale: float
    total: float
    mean: float
    between: float
    along: float
    steps: Float64[np.ndarray, " changes"]


@lru_cache(maxsize=4096)
def weights(d: int, kernel_width: float) -> Weights:
    """LIME's weights for d units: q(k) = exp(-(1 - sqrt(k / d))^2 / (2 width^2)) / d for k = 0..d-1 kept units.

    Raises:
        SettingError: the width is not positive, or so small that masks of a single size get all the weight.
    """
    if not kernel_width > 0:
        raise SettingError(f"kernel_width must be positive, or infinite, got {kernel_width}")
    k = np.arange(d + 1.0)
    distance = (d - k) / d / (1.0 + np.sqrt(k / d))  # 1 - sqrt(k / d), which would cancel
    log_weight = -0.5 * (distance[:d] / max(kernel_width, _NARROWEST)) ** 2
    log_scale = float(log_weight.max())
    q = np.append(np.exp(log_weight - log_scale) / d, 0.0)
    total = float(q.sum())
    # k minus its mean, as sums of positive terms: where one size has nearly all the weight the difference would cancel
    below, above = (np.append(0.0, _sums(_sums(row))[:-1]) for row in (q, q[::-1]))
    off_mean = (below - above[::-1]) / total
    tilt = q * off_mean / d
    along = float(tilt @ off_mean)
    if d > 1 and along < 1e-280:
        raise SettingError(f"kernel_width {kernel_width} gives all weight to masks of one size: use a larger one")
    between = float(q @ (k * (d - k))) / (d * max(1, d - 1))
    # from whichever side adds up terms of one sign
    steps = np.where(off_mean < 0, -_sums(tilt), np.append(_sums(tilt[::-1])[::-1][1:], 0.0))[:d]
    mean = float(q @ k) / total
    return Weights(np.column_stack([q, tilt]), log_scale, total, mean, between, along, steps)


def _sums(row: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return cumulative sums, with more digits where the platform has them."""
    return np.cumsum(row, dtype=np.longdouble).astype(np.float64)


@lru_cache(maxsize=4096)
def _mixtures(d: int, kernel_width: float, target: float) -> tuple[Mixture, Mixture]:
    """Mixtures on the same chances: of the size weights, and of the weights of changes between sizes."""
    lime_weights = weights(d, kernel_width)
    whole, steps = mixtures([(lime_weights.sizes[:, :1], True), (lime_weights.steps[:, None], False)], target)
    return whole, steps


def lime(
    game: RatioGame,
    kernel_width: Number = 0.25,
    n_samples: int | None = None,
    ridge: Number = 1.0,
    tolerance: Number = 1e-9,
) -> LimeFit:
    """Compute LIME's coefficients on a ratio game, without sampling.

    With a single unit every sample removes it, and there is nothing to fit: the limit then takes the line through the
    values of the empty and of the whole text, and with ridge the coefficient is 0.

    Args:
        game: the ratio game.
        kernel_width: width of the kernel on the cosine distance 1 - sqrt(kept / d), in [0, 1]; the package `lime`
            scales distances by 100 and its default 25 is 0.25 here. Infinity weighs all samples the same.
        n_samples: None for infinitely many samples and no ridge; otherwise the expected normal equations of that many
            random samples with ridge / n_samples added to the diagonal. The package's first sample, the unmasked text,
            is not among them.
        ridge: penalty on the coefficients (not on the intercept) for finite `n_samples`; the package uses 1.
        tolerance: largest error bound allowed, as a share of the largest absolute coefficient of each output.

    Raises:
        SettingError: a setting is out of range, or the value of some mask is undefined (see `RatioGame.empty`).
        PrecisionError: the tolerance cannot be met.

    Example:
        >>> from heedful.games import Terms
        >>> kept = Terms(np.log([[1.0, 3.0, 1.0]]), np.array([[2.0, -2.0, 0.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 3), Terms(np.zeros(1), np.ones(1)))
        >>> lime(game).values.round(6), lime(game, n_samples=5000).values.round(6)
        (array([ 0.456461, -1.722584, -0.086775]), array([ 0.459219, -1.715924, -0.083044]))
    """
    prepared = prepare(game)
    check_number("kernel_width", kernel_width)
    result = engine.refine(partial(_attempt, prepared, float(kernel_width), penalty_of(n_samples, ridge)), tolerance)
    values = result.values.T.reshape(game.n_units, *game.outputs)
    return LimeFit(values, result.offset.reshape(game.outputs), float(result.bound.max()), result.nodes)


def penalty_of(n_samples: int | None, ridge: Number) -> float:
    """What is added to the diagonal of the normal equations.

    Raises:
        SettingError: a setting is out of range.
    """
    if n_samples is not None:
        check_whole("n_samples", n_samples, 1)
    check_number("ridge", ridge)
    if not 0.0 <= ridge < math.inf:
        raise SettingError(f"ridge must be finite and not negative, got {ridge}")
    return 0.0 if n_samples is None else float(ridge) / n_samples


class Equations(NamedTuple):
    """What the solution takes from the number of units and the settings: arrays of one number, or of one a game.

    Attributes:
        units: number of units.
        mean: mean number of kept units.
        along, between: shares of the two pivots, see `Weights`, in themselves and the ridge together.
        nothing: weight of the empty mask on top of the mixture of the size weights, as a share of their sum.
        sum, sum_steps: of the absolute weights of the derivatives by each unit's chance, and by that of all together.
        missed, missed_steps: what mixtures of the size weights and of `Weights.steps` miss, relative to the pivots.
    """

    units: PerGame
    mean: PerGame
    along: PerGame
    between: PerGame
    nothing: PerGame
    sum: PerGame
    sum_steps: PerGame
    missed: PerGame
    missed_steps: PerGame


def equations(
    d: int, kernel_width: float, penalty: float, target: float
) -> tuple[Float64[np.ndarray, " numbers"], rules.Chances, Float64[np.ndarray, "columns 1"]]:
    """For d units: the numbers of `Equations`, chances and weights of the slopes, weights of the expected values."""
    lime_weights, (whole, steps) = weights(d, kernel_width), _mixtures(d, kernel_width, 0.1 * target)
    ridge = penalty * math.exp(min(-lime_weights.log_scale, 700.0))
    # relative to their pivots: a narrow kernel's own may be as small as 1e-280
    differences, together = (
        whole.weight[:, 0] * whole.p * (1.0 - whole.p) / lime_weights.between,
        steps.weight[:, 0] / lime_weights.along,
    )
    shares = [lime_weights.along / (lime_weights.along + ridge), lime_weights.between / (lime_weights.between + ridge)]
    missed = [float(whole.missed[0]) / lime_weights.between, float(steps.missed[0]) / lime_weights.along]
    numbers = [
        d,
        lime_weights.mean,
        *shares,
        whole.ends[0, 0] / lime_weights.total,
        abs(differences).sum(),
        abs(together).sum(),
        *missed,
    ]
    return np.array(numbers), rules.Chances(whole.p, differences, together), whole.weight / lime_weights.total


def _attempt(game: Prepared, kernel_width: float, penalty: float, target: float) -> engine.Attempt:
    if game.n_units == 1:
        weights(1, kernel_width)  # refuses senseless widths
        line = certified(game, engine.run(game, target, partial(rules.mixed, chances=rules.HALF)))
        if penalty == 0:
            return line
        nothing = np.zeros_like(line.rounding)
        return replace(line, values=0.0 * line.values, quadrature=nothing, rounding=nothing)
    numbers, chances, columns = equations(game.n_units, kernel_width, penalty, target)
    done = engine.run(game, target, partial(rules.mixed, chances=chances))
    return solved(game, replace(done, mean=done.mean @ columns), Equations(*numbers[:, None]))


def solved(game: Prepared, done: engine.Pass, known: Equations) -> engine.Attempt:
    """Coefficients and intercepts of one game or many, `done.mean` holding the weighted sum of expected values."""
    nothing, centre = game.values.nothing.mean(-2), game.values.centre.mean(-2)
    common = known.along * done.together / known.units
    differences = done.slope - (done.slope.sum(-1) / known.units)[..., None]
    coefficients = common[..., None] + known.between[..., None] * differences
    # the mean over all masks; the whole text has value 0 here
    average = done.mean[..., 0] + nothing * known.nothing
    intercept = average - known.mean * common + centre
    return engine.Attempt(coefficients, *_bounds(game, done, known), done.points, intercept)


def _bounds(game: Prepared, done: engine.Pass, known: Equations) -> tuple[engine.PerOutput, engine.PerOutput]:
    """Errors (quadrature, rounding) of the common slope and of each unit's difference from it together."""
    reach = bounds.first_scale(game)
    quadrature, rounding = bounds.of_differences(game, done.recipe)
    common = known.sum_steps * (quadrature + done.missed) + known.missed_steps * reach
    # a difference from the mean over units is one of first differences; k (d - k) / d^2 is at most 1/4
    differences = 2.0 * known.sum * (quadrature + done.missed) + 0.5 * known.missed * reach
    noise = known.along * known.sum_steps * rounding + 2.0 * known.between * known.sum * rounding
    return known.along * common + known.between * differences, noise
