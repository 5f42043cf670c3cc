"""What a reader takes for a 95 % interval is one: coverage over many ratio games, whose values enumeration knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import heedful
from factory import make_classifier
from games.exact.ratio_games import make_game
from heedful.games.exact import enumeration
from heedful.games.sampled.permutations import permutation_shapley
from heedful.support.student import half_widths

GAMES, UNITS = 400, 8
TEXT = " ".join(f"w{i}" for i in range(14))


@pytest.mark.parametrize(
    "settings",
    [
        {"n_permutations": 6},
        {"n_permutations": 20},
        {"n_permutations": 20, "antithetic": False},
        {"n_permutations": 6, "antithetic": 0.25},
    ],
)
def test_intervals_cover(settings: dict[str, Any]) -> None:
    covered = []
    for seed in range(GAMES):
        game = make_game(seed, UNITS)
        result = permutation_shapley(game, **settings, seed=seed)
        missed = np.abs(result.values - enumeration.shapley(game, UNITS))
        covered.append(np.mean(missed <= half_widths(result.std_error, float(result.degrees_of_freedom)) + 1e-12))
    # units of one game share their permutations, so games are what is counted
    assert np.mean(covered) > 0.95 - 2 * np.std(covered) / np.sqrt(GAMES)


@pytest.mark.parametrize(
    "settings", ["n_permutations=2", "n_permutations=2,antithetic=0.25", "n_permutations=1,antithetic=false"]
)
def test_errors_that_cannot_be_estimated_are_said_to_be_so(settings: str) -> None:
    classifier = make_classifier(texts=(TEXT,))
    result = heedful.explain(classifier, TEXT, f"permutation-shap:{settings}")
    assert np.isnan(result.std_error).all()
    assert np.isnan(result.margin_of_error).all()
    assert "too little was drawn to estimate standard errors" in result.settings["note"]
    for shown in (result.to_html(), result.to_json()):
        assert "too little was drawn to estimate standard errors" in shown


def test_margins_are_wider_than_two_standard_errors_where_few_were_drawn() -> None:
    classifier = make_classifier(texts=(TEXT,))
    few = heedful.explain(classifier, TEXT, "permutation-shap:n_permutations=6")
    assert few.margin_of_error == pytest.approx(half_widths(few.std_error, 2.0))
    many = heedful.explain(classifier, TEXT, "lime:n_samples=2000")
    assert many.details["degrees_of_freedom"] == 2000 - 14 - 1
    assert many.margin_of_error == pytest.approx(1.9612 * many.std_error, rel=1e-2)
    assert "note" not in many.settings
    assert heedful.explain(classifier, TEXT, "occlusion").margin_of_error is None
