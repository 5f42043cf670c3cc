"""SLALOM: the softmax-weighted additive surrogate of Leemann et al. (TMLR 2025), fitted to any game.

Every unit j has an importance s_j and a value v_j, and a text that keeps the units S is worth

    f(S) = (exp(s_0) v_0 + sum over j in S of exp(s_j) v_j) / (exp(s_0) + sum over j in S of exp(s_j)) :

a ratio game with one head, of which `heedful.games.exact` knows everything. The term 0 is what no masking removes:
special tokens, punctuation, and the replacements of the other units. Where a replacement takes a unit's place, only
what the unit weighs more than it can be known, and the rest counts as fixed. Without that term the game is the paper's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import SettingError
from heedful.games.exact.enumeration import subsets
from heedful.games.protocol import Game
from heedful.games.ratio import RatioGame, Terms
from heedful.games.surrogate.softmax_fit import Sample, best_fit

SAMPLINGS = ("mixed", "short", "deletions", "sizes")
LEAST = 50  # masks; so all those of up to 5 units are listed
_FEWEST = 8  # masks an R2 may be measured on
_SHORT, _DELETED = 3, 5  # units kept or removed at most, as in the authors' code
_BETTER = 1e-6  # least R2 that is not a constant's
_MOST_LISTED = 16  # units up to which all masks may be walked through

Masks = Bool[np.ndarray, "n units"]
Vector = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Slalom:
    """A fitted surrogate.

    Attributes:
        importance: s, (units,): logarithms of the shares of the whole text, so that exp(s) sums to 1 with the fixed
            term's; the paper has them up to a constant, too.
        value: v, (units,): the output if that unit were all there is.
        fixed_importance, fixed_value: the same of the fixed term; minus infinity and 0 without one.
        empty: value with every unit removed.
        fidelity: R2 on masks that the fit has not seen, 1 - sum (f - surrogate)^2 / sum (f - mean f)^2. Their sizes are
            uniform, as are those behind Shapley values, but for masks that the fit has seen; all weigh the same. If all
            2^d masks were evaluated, it is over all of them instead, and every size weighs the same.
        n_held_out: number of these masks; 0 if all were evaluated.
        n_evaluations: masks handed to the game.
        ridge: penalty chosen.
    """

    importance: Vector
    value: Vector
    fixed_importance: float
    fixed_value: float
    empty: float
    fidelity: float
    n_held_out: int
    n_evaluations: int
    ridge: float

    @cached_property
    def game(self) -> RatioGame:
        """The surrogate as a game, for `heedful.games.exact`."""
        return _game(self.importance, self.value, self.fixed_importance, self.fixed_value, self.empty)

    @property
    def share(self) -> Vector:
        """exp(s): how much of the softmax is the unit's, in the whole text."""
        return np.exp(self.importance)

    @property
    def linear(self) -> Vector:
        """The paper's linearised scores exp(s) v: a unit's part in the whole text's value."""
        return self.share * self.value

    @property
    def base(self) -> float:
        """The fixed term's part in it: `linear.sum() + base` is the surrogate's value of the whole text."""
        return math.exp(self.fixed_importance) * self.fixed_value

    @property
    def removal(self) -> Vector:
        """Change of the surrogate's value by removing the unit alone, positive where it falls."""
        d = len(self.value)
        return self.game(np.ones((1, d), dtype=bool)) - self.game(~np.eye(d, dtype=bool))


def fit(game: Game, n_samples: int = 1000, sampling: str = "mixed", *, fixed: bool = True, seed: int = 0) -> Slalom:
    """Fit the surrogate to a game by least squares over random masks, or over all 2^d if `n_samples` allows.

    Three fifths of the masks are fitted; on a fifth the ridge penalty is chosen, and both are fitted again with it; on
    the last fifth fidelity is measured. The paper's short sequences are drawn with repetition and in any order; here
    they are subsets in the order of the text. See `heedful.games.surrogate.softmax_fit` for the optimisation, which is
    deterministic.

    Args:
        game: the game.
        n_samples: masks evaluated at most, plus the whole and the empty one.
        sampling: which masks are fitted: "short" (every unit alone, then 1 to 3 units, as in the paper's SLALOM-eff),
            "deletions" (every unit removed, then 1 to 5 units, SLALOM-fidel), "sizes" (any number of units, all numbers
            alike), or "mixed": a quarter, a quarter, half, but every unit alone at least once if half allows.
        fixed: whether there is a fixed term. Without it, the paper's model: the empty mask is not fitted, but has the
            game's own value.
        seed: equal seeds, equal masks.

    Raises:
        SettingError: a setting is out of range, the game has values that are not finite, or the surrogate is no better
            than a constant on the masks it has not seen.

    Source:
        Leemann, Fastowski, Pfeiffer, Kasneci: Attention Mechanisms Don't Learn Additive Models, TMLR 2025, arXiv
        2405.13536.

    Example:
        >>> kept = Terms(np.log([[1.0, 3.0, 4.0]]), np.array([[2.0, -2.0, 0.5]]))
        >>> result = fit(RatioGame(kept, Terms.none(1, 3), Terms(np.log([2.0]), np.ones(1))))
        >>> result.share.round(6), result.value.round(6), round(result.fidelity, 9)
        (array([0.1, 0.3, 0.4]), array([ 2. , -2. ,  0.5]), 1.0)
    """
    check(n_samples, sampling)
    d, generator = game.n_units, np.random.default_rng(seed)
    listed = d <= _MOST_LISTED and 1 << d <= n_samples
    parts = [subsets(d)] if listed else _split(d, n_samples, sampling, generator)
    values = np.asarray(game(np.concatenate(parts)))
    if not np.isfinite(values).all():
        raise SettingError("some masked texts have NaN or infinite values, so no surrogate can be fitted to them")
    ends = np.cumsum([len(part) for part in parts])[:-1]
    samples = [_sample(*pair, listed) for pair in zip(parts, np.split(values, ends), strict=True)]
    fitted = samples[0] if fixed else samples[0].rows(slice(1, None))  # the first is the empty mask
    best = best_fit(fitted, None if listed else samples[1], fixed)
    head = (best.importance, best.value, best.fixed_importance, best.fixed_value)
    empty = best.fixed_value if fixed else float(values[0])
    test = fitted if listed else samples[2]
    fidelity = test.r2(_game(*head, empty)(test.masks))
    if not fidelity > _BETTER:
        raise SettingError(
            f"the SLALOM surrogate fits this prediction no better than a constant (R2 {fidelity:.2g} on "
            f"{len(test.values)} masks): raise n_samples, or use permutation-shap, kernel-shap or lime"
        )
    return Slalom(*head, empty, fidelity, 0 if listed else len(test.values), len(values), best.ridge)


def check(n_samples: int, sampling: str) -> None:
    """Refuse budgets that leave nothing to measure the fit on, and unknown samplings."""
    if n_samples < LEAST:
        raise SettingError(f"n_samples must be at least {LEAST}, got {n_samples}")
    if sampling not in SAMPLINGS:
        raise SettingError(f"unknown sampling {sampling!r}: use one of {', '.join(SAMPLINGS)}")


def draw(d: int, n: int, sampling: str, generator: np.random.Generator) -> Masks:
    """Masks of d > 5 units, neither empty nor whole; see `fit`."""
    alone = min(max(n // 4, d), n // 2)  # without a fixed term, little else tells the value of a light unit
    short, long = {"mixed": (alone, n // 4), "short": (n, 0), "deletions": (0, n), "sizes": (0, 0)}[sampling]
    middle = _of_sizes(generator.integers(1, d, n - short - long), d, generator)
    return np.concatenate([_few(d, short, _SHORT, generator), middle, ~_few(d, long, _DELETED, generator)])


def _few(d: int, n: int, most: int, generator: np.random.Generator) -> Masks:
    """Masks that keep 1 to `most` units: every unit alone, in random order as far as they go; then random ones."""
    alone = np.eye(d, dtype=bool)[generator.permutation(d)[:n]]
    return np.concatenate([alone, _of_sizes(generator.integers(1, most + 1, max(0, n - d)), d, generator)])


def _of_sizes(sizes: Int64[np.ndarray, " n"], d: int, generator: np.random.Generator) -> Masks:
    return generator.permuted(np.arange(d) < sizes[:, None], axis=1)


def _split(d: int, n_samples: int, sampling: str, generator: np.random.Generator) -> list[Masks]:
    """Masks to fit, the empty and the whole one first; to choose the ridge; to measure: each without the ones before.

    Raises:
        SettingError: too few are left to measure on.
    """
    fifth = n_samples // 5
    ends = np.repeat([[False], [True]], d, axis=1)
    first = np.concatenate([ends, draw(d, n_samples - 2 * fifth, sampling, generator)])
    parts, seen = [first], {row.tobytes() for row in first}
    for _ in range(2):
        masks = draw(d, fifth, "sizes", generator)
        parts.append(masks[[row.tobytes() not in seen for row in masks]])
        seen |= {row.tobytes() for row in masks}
    if min(map(len, parts)) < _FEWEST:
        raise SettingError(f"{n_samples} masks leave too few to measure the surrogate on: raise n_samples")
    return parts


def _sample(masks: Masks, values: Float64[np.ndarray, " n"], listed: bool) -> Sample:
    """All masks weigh the same; if there is every one of them, all sizes do."""
    d = masks.shape[1]
    weights = np.array([1.0 / math.comb(d, k) if listed else 1.0 for k in masks.sum(1).tolist()])
    return Sample(masks, values, weights)


def _game(importance: Vector, value: Vector, fixed_importance: float, fixed_value: float, empty: float) -> RatioGame:
    return RatioGame(
        Terms(importance[None], value[None]),
        Terms.none(1, len(value)),
        Terms(np.array([fixed_importance]), np.array([fixed_value])),
        None if fixed_importance > -math.inf else empty,
    )
