"""LIME's coefficients on long texts by formula, O(d) per head: a first-order approximation, and the published one.

Not part of `games.exact`: what is here carries no certificate. The theory page, section 12, derives the first formula
with its rate, and says where the second one departs from it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from heedful.games.exact.lime import weights
from heedful.games.exact.prepared import Prepared, prepare
from heedful.games.ratio import Number, RatioGame, Terms


def lime(game: RatioGame, kernel_width: Number = 0.25) -> Float64[np.ndarray, "units ..."]:
    """Compute LIME's coefficients in the limit of infinitely many samples, to first order in 1 / d.

    Given how many units are kept, the score is linearised around its mean weights; LIME's fit of that is closed form.
    Exact where removal does not change the weights, else off by O(1 / d^2), while coefficients are O(1 / d), as long as
    no unit has much more weight than the others. No bound is given; measured: 0.4 % at d = 400 with random weights, but
    about 9 % on short reviews and a trained classifier, where single words carry much of the weight.

    Args:
        game: the ratio game.
        kernel_width: as for `exact.lime`: any positive number; infinity weighs all samples the same.

    Returns:
        Coefficients, (units,) or (units, outputs), in the units of the game's values. They add up to the slope of the
        score on the share of kept units.

    Raises:
        SettingError: the width is out of range, or the value of some mask is undefined (see `RatioGame.empty`).

    Example:
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> (9 * lime(game)).round(9)
        array([ -1., -23.])
    """
    prepared, d = prepare(game), game.n_units
    fit = weights(d, float(kernel_width))
    if d == 1:  # the line through both ends, as in the exact limit
        return -prepared.values.nothing.mean(0).reshape(1, *game.outputs)
    total, value = _means(prepared)
    kept, (weight, tilt) = np.arange(d), fit.sizes[:d].T
    share = weight * kept * (d - kept)
    share /= share.sum()
    # the averages over sizes of 1 / D and f / D: a unit changes the score by (n - m - f (a - b)) / D
    per_weight = (share / total).sum(1)[:, None, None]
    per_gap = (share * value / total[:, None]).sum(2)[..., None]
    larger = (np.where(prepared.weights.kept_high, 1.0, -1.0) * np.exp(prepared.weights.high))[:, None]
    differences = larger * (prepared.values.excess * per_weight - prepared.weights.gap[:, None] * per_gap)
    common = (value @ tilt)[..., None] / fit.along
    values = (differences - differences.mean(2, keepdims=True) + common).mean(0)
    return values.T.reshape(d, *game.outputs)


def _means(prepared: Prepared) -> tuple[Float64[np.ndarray, "heads sizes"], Float64[np.ndarray, "heads outputs sizes"]]:
    """Mean total weight of every head when k = 0..d-1 units are kept, and mean numerator divided by it.

    Weights are relative to the head's largest, so the totals are at least 1 / d but for k = 0.
    """
    kept_high, values, chance = (
        prepared.weights.kept_high[:, None],
        prepared.values,
        np.arange(prepared.n_units) / prepared.n_units,
    )
    heavy, light, fixed = (
        np.exp(log)[:, None] for log in (prepared.weights.high, prepared.weights.low, prepared.weights.fixed)
    )
    # weights, and below them weights times values
    heavy, light, fixed = (
        np.concatenate([weight, weight * value], axis=1)
        for weight, value in ((heavy, values.heavy), (light, values.light), (fixed, values.fixed))
    )
    kept = np.where(kept_high, heavy, light).sum(2, keepdims=True)
    removed = np.where(kept_high, light, heavy).sum(2, keepdims=True)
    sums = fixed[..., None] + chance * kept + (1.0 - chance) * removed
    total, numerator = sums[:, 0], sums[:, 1:]
    total[total == 0.0] = np.inf  # no term at all
    value = np.where(np.isinf(total)[:, None], values.nothing[..., None], numerator / total[:, None])
    value[..., 0] = values.nothing
    return total, value


def paper_lime(game: RatioGame) -> Float64[np.ndarray, "units ..."]:
    """Compute the approximation of LIME in the code that comes with the paper, where it is called Eq. 19.

    For word j at positions J_j, averaged over heads: 3/2 W_l sum over t in J_j of alpha_t v_t - (h_t / sum_s h_s) u_t,
    with the attention alpha and the values v of the text, and the weights h and the values u of the text in which every
    word is replaced. In it, unlike in `lime`,

    - a word's pull on the normaliser, -f (a - b), is missing: a constant added to all values changes the coefficients,
    - the kept term is divided by the weight of the whole text, the removed one by that of the text without any word,
      where the mean of 1 / D over all sizes belongs under both,
    - 3/2 stands for constants that depend on the ratio of the two weights,
    - all samples weigh the same, kernel_width = infinity; the authors set it beside the package at its defaults, with
      width 0.25 and words deleted instead of replaced.

    There, all tokens are words; here, tokens of no unit are part of the fixed terms of both sums.

    Source:
        Lopardo, Precioso, Garreau, ICML 2024, arXiv 2402.03485: `quant_lime.py` of the authors' repository
        attention_meets_xai. The printed theorem may carry assumptions under which it is more accurate.

    Example:
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> paper_lime(game).round(9)
        array([ 0.6, -1.8])
    """
    return 1.5 * (_parts(game.kept, game.fixed) - _parts(game.removed, game.fixed))


def _parts(terms: Terms, fixed: Terms) -> Float64[np.ndarray, "units ..."]:
    """What each of these terms adds to the score when all of them are there; 0 where there is none."""
    every = np.column_stack([terms.log_weight, fixed.log_weight])
    top = every.max(1, keepdims=True)
    weight = np.exp(every - np.where(np.isneginf(top), 0.0, top))
    share = weight[:, :-1] / np.maximum(weight.sum(1, keepdims=True), 1.0)  # at least 1 where there is a term
    parts: Float64[np.ndarray, "units ..."] = np.einsum("hj,hj...->j...", share, terms.value) / len(share)
    return parts
