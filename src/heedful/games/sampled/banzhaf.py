"""Banzhaf values of any game from random masks, with standard errors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import SettingError
from heedful.games.protocol import Game
from heedful.games.sampled.stopping import Sampled, Stop, Vector, check_precision
from heedful.support.settings import check_whole

ESTIMATORS = ("regression", "msr")
_ROWS = 50  # masks, or pairs of them, before a standard error is trusted


def check_banzhaf(n_samples: int, estimator: str) -> None:
    """Refuse a budget of nothing and an unknown estimator."""
    check_whole("n_samples", n_samples, 2)
    if estimator not in ESTIMATORS:
        raise SettingError(f"unknown estimator {estimator!r}: use one of {', '.join(ESTIMATORS)}")


def banzhaf_sampled(  # as many arguments as there are choices
    game: Game,
    n_samples: int = 4096,
    *,
    estimator: str = "regression",
    paired: bool = True,
    precision: float | None = None,
    seed: int = 0,
) -> Sampled:
    """Banzhaf values from masks in which every unit is kept with chance one half.

    "msr" reuses every mask for every unit: the mean value of the masks with the unit minus that of the masks without.
    What the other units do is noise there. "regression" fits all units together: the additive game nearest to the
    values of all masks has the Banzhaf values as its coefficients, so the fit converges to the same, and an additive
    game is exact from any sample. With `paired`, a mask comes with its complement: only the difference of their
    values matters then, in which effects of two units together cancel.

    Standard errors are robust ones with residuals divided by sqrt(1 - leverage) (HC2, MacKinnon and White 1985); for
    "msr" without pairs these are Welch's. They are NaN where a mask alone decides on a coefficient.

    Args:
        game: the game.
        n_samples: evaluations of the game at most, that of no unit among them.
        estimator: "regression" or "msr".
        paired: draw a mask together with its complement.
        precision: stop at this largest standard error, as a share of the largest absolute value; see `Stop`. A shorter
            run takes the first of the same masks.
        seed: equal seeds, equal results.

    Raises:
        SettingError: too few samples to tell the units apart; unknown estimator; a precision not above 0; a game of
            several outputs.

    Source:
        "msr": Wang and Jia, Data Banzhaf, AISTATS 2023, section 4. "regression": Hammer and Holzman 1992; in pairs:
        Liu et al., Kernel Banzhaf, 2024.

    Example:
        >>> from heedful.games import RatioGame, Terms
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> banzhaf_sampled(game, 20).values.round(9)
        array([ 0.575, -2.175])
    """
    check_banzhaf(n_samples, estimator)
    check_precision(precision)
    d, together, joint = game.n_units, 2 if paired else 1, estimator == "regression"
    most = (n_samples - 1) // together
    masks = _draw(most, d, seed)
    if not _told_apart(masks, joint, paired):
        enough = 1 + together * _enough(d, most, joint, paired, seed)
        raise SettingError(f"{n_samples} samples cannot tell {d} units apart: give n_samples of at least {enough}")
    nothing = game(np.zeros((1, d), dtype=bool))
    if nothing.ndim > 1:
        raise SettingError(f"sampling takes one output at a time, the game has {nothing.shape[1]}")
    stop, values, done = Stop(precision, max(_ROWS, 4 * d)), np.empty(most), 0
    for look in stop.looks(most):
        values[done:look] = _evaluate(game, masks[done:look], paired)
        done = look
        coefficients, error = _least_squares(masks[:done], values[:done], joint, paired)
        if precise := stop.reached(done, coefficients, error):
            break
    return Sampled(
        coefficients,
        error,
        float(nothing[0]),
        1 + done * together,
        done - (d if joint else 1) - (not paired),
        precise=None if precision is None else precise,
    )


def _draw(n: int, d: int, seed: int) -> Bool[np.ndarray, "n units"]:
    return np.random.default_rng(seed).integers(2, size=(n, d), dtype=np.uint8).astype(bool)


def _enough(d: int, n: int, joint: bool, paired: bool, seed: int) -> int:
    """More than n draws, about as few as tell the units apart."""
    n = max(n + 1, d if joint else 1)
    while not _told_apart(_draw(n, d, seed), joint, paired):
        n += 1 + n // 8
    return n


def _evaluate(game: Game, masks: Bool[np.ndarray, "n units"], paired: bool) -> Float64[np.ndarray, " n"]:
    """Values; of pairs, their difference."""
    if not paired:
        return game(masks)
    ahead, behind = np.split(game(np.concatenate([masks, ~masks])), 2)
    return ahead - behind


def _design(masks: Bool[np.ndarray, "n units"], paired: bool) -> Float64[np.ndarray, "n units"]:
    """Regressors: of pairs, signs, without an intercept; else kept or not, with the intercept centred away."""
    return 2.0 * masks - 1.0 if paired else masks - masks.mean(0)


def _told_apart(masks: Bool[np.ndarray, "n units"], joint: bool, paired: bool) -> bool:
    if len(masks) < (masks.shape[1] if joint else 1):
        return False
    x = _design(masks, paired)
    if not joint:
        return bool((x**2).sum(0).all())
    spread = np.linalg.eigvalsh(x.T @ x)
    return bool(spread[0] > 1e-9 * spread[-1])


def _least_squares(
    masks: Bool[np.ndarray, "n units"], y: Float64[np.ndarray, " n"], joint: bool, paired: bool
) -> tuple[Vector, Vector]:
    """Coefficients of all units together, or of each alone, and their standard errors."""
    x = _design(masks, paired)
    centred = y if paired else y - y.mean()
    gram = x.T @ x
    pull = x @ np.linalg.inv(gram) if joint else x / np.diag(gram)
    coefficients = pull.T @ centred
    # a column for every fit: one, or one a unit
    parts, leverage = x * coefficients, pull * x
    if joint:
        parts, leverage = parts.sum(1, keepdims=True), leverage.sum(1, keepdims=True)
    slack = 1.0 - leverage - (0.0 if paired else 1.0 / len(y))
    if slack.min() < 1e-9:
        return coefficients, np.full(len(coefficients), np.nan)
    residual = (centred[:, None] - parts) / np.sqrt(slack)
    return coefficients, np.sqrt(((pull * residual) ** 2).sum(0))
