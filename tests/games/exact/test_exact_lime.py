"""LIME's limit and its expected normal equations: enumeration, laws, extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from ratio_games import REMOVALS, close, make_game, recipes

from heedful.errors import PrecisionError, SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import engine, enumeration, reference
from heedful.games.exact.lime import weights

relaxed = settings(deadline=None, max_examples=25)  # compiled on the first call
WIDTHS = [0.1, 0.25, 1.0, math.inf]


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("spread", [0.1, 10.0, 60.0])
@pytest.mark.parametrize("n_samples", [None, 50, 5000])
@pytest.mark.parametrize("width", WIDTHS)
def test_equals_enumeration(width: float, n_samples: int | None, spread: float, removal: str) -> None:
    game = make_game(3, 9, 2, spread, removal)
    fit = exact.lime(game, width, n_samples, ridge=2.0)
    values, intercept = enumeration.lime(game, 9, width, 0.0 if n_samples is None else 2.0 / n_samples)
    # at width 0.1 the enumerated normal equations have a condition number near 100
    assert close(fit.values, values)
    assert fit.intercept == pytest.approx(intercept, abs=1e-11)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("units", [3, 4, 14])
def test_few_and_many_units_with_two_outputs(units: int, width: float) -> None:
    game = make_game(units, units, 2, 3.0, outputs=2)
    fit = exact.lime(game, width)
    values, intercept = enumeration.lime(game, units, width)
    # with three units and width 0.1 enumeration's own condition number reaches 1e4
    assert close(fit.values, values, 1e-12 if width > 0.1 else 1e-10)
    assert fit.intercept == pytest.approx(intercept, abs=1e-10)


@pytest.mark.parametrize("width", [0.05, *WIDTHS])
def test_two_units_interpolate(width: float) -> None:
    # three masks, three unknowns: the weights do not matter, however small
    game = make_game(1, 2, 2, 3.0)
    nothing, first, second = game(np.array([[False, False], [True, False], [False, True]]))
    fit = exact.lime(game, width)
    assert fit.values == pytest.approx([first - nothing, second - nothing], abs=1e-13)
    assert fit.intercept == pytest.approx(nothing, abs=1e-13)


def test_a_single_unit_takes_the_line_through_both_ends() -> None:
    game = make_game(1, 1, 2, 3.0, outputs=2)
    nothing, everything = game.ends()
    fit = exact.lime(game)
    assert fit.values[0] == pytest.approx(everything - nothing, abs=1e-14)
    assert fit.intercept == pytest.approx(nothing, abs=1e-14)
    assert (exact.lime(game, n_samples=100).values == 0).all()  # every sample is the empty text: nothing to learn


@given(recipes)
@relaxed
def test_any_game(recipe: dict[str, object]) -> None:
    recipe |= {"units": max(3, int(str(recipe["units"])))}
    game = make_game(**recipe)  # type: ignore[arg-type]
    fit = exact.lime(game)
    # solving for coefficients multiplies the rounding of the values, which are of size 1
    assert fit.values == pytest.approx(enumeration.lime(game, game.n_units, 0.25)[0], rel=1e-12, abs=3e-14)


@given(recipes)
@relaxed
def test_an_additive_score_is_recovered(recipe: dict[str, object]) -> None:
    # equal weights whatever is kept: the score is linear in the mask, and LIME's fit is that line at any width
    game = make_game(**(recipe | {"removal": "replace"}))  # type: ignore[arg-type]
    kept = Terms(game.removed.log_weight, game.kept.value)
    fixed = RatioGame(kept, game.removed, game.fixed)
    nothing = fixed.ends()[0]
    if game.n_units == 1:
        return
    fit = exact.lime(fixed)
    assert close(fit.values, exact.shapley(fixed).values, 1e-11)
    assert fit.intercept == pytest.approx(nothing, abs=1e-12)


def test_ridge_shrinks_and_fades_with_the_samples() -> None:
    game = make_game(2, 6)
    limit = np.abs(exact.lime(game).values).sum()
    sizes = [np.abs(exact.lime(game, n_samples=n).values).sum() for n in (10, 1000, 10**9)]
    assert sizes[0] < sizes[1] < sizes[2] < limit
    assert sizes[2] == pytest.approx(limit, rel=1e-6)
    assert close(exact.lime(game, n_samples=10, ridge=0.0).values, exact.lime(game).values)


def test_identical_units_get_identical_coefficients() -> None:
    game = make_game(4, 3, 2, 2.0)
    order = [0, 1, 2, 0]
    kept, removed = (Terms(t.log_weight[:, order], t.value[:, order]) for t in (game.kept, game.removed))
    values = exact.lime(RatioGame(kept, removed, game.fixed)).values
    assert values[0] == pytest.approx(values[3], abs=1e-15)


def test_sampled_fits_scatter_around_the_exact_one() -> None:
    """LIME as the package samples it, without its first row: 20 runs of 2,000 masks, ridge 1."""
    game, d, n = make_game(7, 12, 2, 2.0), 12, 2000
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(20):
        masks = rng.random((n, d)).argsort(1) >= rng.integers(1, d + 1, size=(n, 1))
        weight = np.exp(-((1 - np.sqrt(masks.mean(1))) ** 2) / (2 * 0.25**2))
        design = np.column_stack([np.ones(n), masks])
        normal = design.T @ (weight[:, None] * design) + np.diag([0.0] + [1.0] * d)
        runs.append(np.linalg.solve(normal, design.T @ (weight * game(masks)))[1:])
    fit = exact.lime(game, n_samples=n)
    errors = np.std(runs, axis=0, ddof=1) / math.sqrt(20)
    z = (np.mean(runs, axis=0) - fit.values) / errors
    # 12 Student variables with 19 degrees of freedom: the sum of squares has mean 13.4, and is below 40 in all but 1e-4
    assert (z**2).sum() < 40
    assert errors.max() < 0.05 * np.abs(fit.values).max()  # sharp enough to tell


@pytest.mark.parametrize(("units", "spread", "removal"), [(60, 5.0, "replace"), (60, 20.0, "ignore")])
def test_equals_the_reference(units: int, spread: float, removal: str) -> None:
    game = make_game(5, units, 2, spread, removal)
    assert close(exact.lime(game).values, reference.lime(game, 0.25))


@pytest.mark.parametrize(("units", "heads", "spread"), [(4, 2, 10.0), (90, 2, 5.0), (2000, 1, 3.0)])
def test_without_a_kernel_units_differ_as_by_the_semivalue_of_beta_2_2(units: int, heads: int, spread: float) -> None:
    # the sizes are uniform and the fit weighs them by p (1 - p): see the theory page
    game = make_game(6, units, heads, spread)
    values, other = exact.lime(game, math.inf).values, exact.semivalue(game, exact.Beta(2, 2)).values
    assert close(values - values.mean(), other - other.mean())


def test_weights_are_those_of_the_package() -> None:
    # lime: distance 100 (1 - cosine), kernel sqrt(exp(-distance^2 / 25^2)); removed units uniform on 1..d
    d, removed = 8, np.arange(1, 9)
    cosine = np.sqrt((d - removed) / d)
    package = np.sqrt(np.exp(-((100 * (1 - cosine)) ** 2) / 25**2)) / d
    ours = weights(d, 0.25)
    assert ours.sizes[d - removed, 0] * math.exp(ours.log_scale) == pytest.approx(package, rel=1e-13, abs=0)
    assert ours.sizes[d, 0] == 0


@given(recipes)
@relaxed
def test_certificate_holds_when_there_is_an_error(recipe: dict[str, object]) -> None:
    recipe |= {"units": max(3, int(str(recipe["units"])))}
    game = make_game(**recipe)  # type: ignore[arg-type]
    expected = enumeration.lime(game, game.n_units, 0.25)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FIRST", 1e-4)
        fit = exact.lime(game, tolerance=0.5)
    assert np.abs(fit.values - expected).max() <= fit.error_bound + 1e-13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_width": 0.0}, "kernel_width"),
        ({"kernel_width": math.nan}, "kernel_width"),
        ({"kernel_width": 1e-3}, "larger one"),
        ({"n_samples": 0}, "n_samples"),
        ({"ridge": -1.0}, "ridge"),
        ({"ridge": math.nan}, "ridge"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_senseless_settings_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        exact.lime(make_game(units=2), **arguments)  # type: ignore[arg-type]


def test_what_double_precision_cannot_give_is_refused() -> None:
    with pytest.raises(PrecisionError, match="raise the tolerance"):
        exact.lime(make_game(), tolerance=1e-17)
