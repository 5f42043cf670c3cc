"""LIME with words ignored as kappa alpha_j (c_j - F)."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from factory import SENTENCES, make_classifier
from heedful.games import RatioGame, Terms, exact
from heedful.methods import LimeAsymptotic, LimeExact
from heedful.question import Choices, ask
from heedful.studies.attention_meets_post_hoc import affine
from heedful.studies.measuring import table


def drawn(d, seed=0, n_heads=2, fixed=-50.0):
    rng = np.random.default_rng(seed)
    shape = (n_heads, d)
    return RatioGame(
        Terms(rng.normal(0, 0.5, shape), rng.normal(0.3, 1, shape)),
        Terms.none(*shape),
        Terms(np.full(n_heads, fixed), rng.normal(size=n_heads)),
    )


@pytest.mark.parametrize("width", [0.1, 0.25, 1.0, math.inf])
def test_kappa_is_its_integral(width):
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    omega = u * (1 - u) * np.exp(-((1 - np.sqrt(u)) ** 2) / (2 * width**2))
    assert affine.kappa(width) == pytest.approx((omega / u).sum() / omega.sum(), rel=1e-9)


def test_kappa_runs_from_1_to_3():
    assert affine.kappa(math.inf) == pytest.approx(3.0, rel=1e-12)  # 6 times the integral of 1 - u
    assert affine.kappa(0.003) == pytest.approx(1.0, abs=0.02)


def test_slopes_are_derivatives_by_the_attention_logit():
    game, step = drawn(6, fixed=0.5), 1e-5
    for j in range(6):
        moved = []
        for sign in (1, -1):
            log_weight = game.kept.log_weight.copy()
            log_weight[:, j] += sign * step
            kept = Terms(log_weight, game.kept.value)
            moved.append(RatioGame(kept, game.removed, game.fixed)(np.ones((1, 6), dtype=bool))[0])
        assert affine.logit_slopes(game)[j] == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-9)


@pytest.mark.parametrize(("width", "most"), [(0.25, 0.005), (math.inf, 0.02)])
def test_long_texts_come_near_to_the_formula(width, most):
    game = drawn(800)
    affine_, corrected, attention = affine._against(game, exact.lime(game, width).values, width)
    assert affine_["error"] < most
    assert affine_["fitted"] == pytest.approx(affine_["kappa"], rel=most)
    assert affine_["correlation"] > 0.999
    assert corrected["error"] < most
    assert attention["error"] > 0.5  # values decide, not weights
    assert math.isnan(attention["kappa"])


def test_only_the_corrected_formula_knows_a_fixed_part():
    game = drawn(200, fixed=5.0)  # about half of all attention
    own, corrected, _ = affine._against(game, exact.lime(game).values, 0.25)
    assert corrected["error"] < 0.01
    assert own["error"] > 0.1


def test_no_affine_function_of_attention_is_nearer():
    rng = np.random.default_rng(0)
    attention, limit = rng.random(20), rng.normal(size=20)
    rest = limit - affine._nearest_affine(attention, limit)
    assert rest.sum() == pytest.approx(0, abs=1e-12)
    assert rest @ attention == pytest.approx(0, abs=1e-12)
    assert affine._nearest_affine(attention, 2 - 3 * attention) == pytest.approx(2 - 3 * attention)
    assert affine._nearest_affine(np.full(20, 0.05), limit) == pytest.approx(np.full(20, limit.mean()))


@pytest.mark.parametrize("attend_padding", [True, False])
def test_every_row_is_what_explanations_say(attend_padding):
    classifier = make_classifier(attend_padding=attend_padding)
    rows = affine.measure(classifier, SENTENCES, [0.25]).to_pylist()
    assert [row["formula"] for row in rows[:3]] == list(affine.FORMULAS)
    choices = {"target": 1, "masking": "ignore"}
    for i, text in enumerate(SENTENCES):
        truth = heedful.explain(classifier, text, LimeExact(), **choices).scores
        game = ask(classifier, text, Choices(**choices)).ratio_game()
        own, corrected, _ = rows[3 * i : 3 * i + 3]
        image = affine.kappa(0.25) * affine.logit_slopes(game)
        assert own["error"] == pytest.approx(np.linalg.norm(image - truth) / np.linalg.norm(truth))
        assert own["correlation"] == pytest.approx(np.corrcoef(image, truth)[0, 1])
        assert own["fitted"] == pytest.approx(affine.kappa(0.25) * (image @ truth) / (image @ image))
        formula = heedful.explain(classifier, text, LimeAsymptotic("corrected"), **choices).scores
        assert corrected["error"] == pytest.approx(np.linalg.norm(formula - truth) / np.linalg.norm(truth))
        attention = heedful.explain(classifier, text, "attention-mean").scores
        assert own["fixed"] == pytest.approx(1 - attention.sum())


def test_summary_by_hand():
    rows = table(
        {
            "text": i, "n_units": 10 + i, "n_effective": 2.0 + i, "fixed": 0.1 * i, "width": math.inf,
            "formula": "affine", "kappa": 3.0, "fitted": 2.0 + i, "error": 0.1 * i, "scaled_error": 0.0,
            "correlation": 1.0, "kendall": 0.5, "sign": 1.0,
        }
        for i in range(5)
    )  # fmt: skip
    whole, *parts = affine.summary(rows).to_pylist()
    assert (whole["fitted_25"], whole["fitted"], whole["fitted_75"]) == (3.0, 4.0, 5.0)
    assert (whole["error"], whole["kappa"]) == pytest.approx((0.2, 3.0))
    assert {part["by"] for part in parts} == {"n_units", "n_effective", "fixed"}
