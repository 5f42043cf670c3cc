"""Budgets that grow with the text: what is drawn by default is enough for scores and standard errors at any length."""

from __future__ import annotations

import numpy as np
import pytest

import heedful
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.methods import budget

WORDS = 30
TEXT = " ".join(f"w{i}" for i in range(WORDS))
METHODS = ("kernel-shap", "partition", "banzhaf")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return make_classifier(texts=(TEXT,), max_position_embeddings=64)


@pytest.mark.parametrize("method", METHODS)
def test_a_long_text_gets_more_masks(classifier: Classifier, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "DEFAULT", 20)  # as 4,096 are too few for 2,500 units
    result = heedful.explain(classifier, TEXT, method)
    assert result.settings["n_samples"] == 8 * WORDS
    assert 6 * WORDS <= result.details["n_evaluations"] <= 8 * WORDS
    assert np.isfinite(result.std_error).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_shorter_one_gets_as_many_as_ever(classifier: Classifier, method: str) -> None:
    result = heedful.explain(classifier, TEXT, method)
    given = heedful.explain(classifier, TEXT, f"{method}:n_samples=4096")
    assert np.array_equal(result.scores, given.scores)
    assert result.settings == given.settings


@pytest.mark.parametrize("method", [*METHODS, "kernel-shap:paired=false", "banzhaf:paired=false"])
def test_too_small_a_budget_is_refused_with_one_that_does(classifier: Classifier, method: str) -> None:
    small = f"{method}{',' if ':' in method else ':'}n_samples="
    with pytest.raises(SettingError, match="give n_samples of at least") as refused:
        heedful.explain(classifier, TEXT, f"{small}20")
    enough = int(str(refused.value).rpartition(" ")[2])
    assert 20 < enough <= 4 * WORDS
    assert np.isfinite(heedful.explain(classifier, TEXT, f"{small}{enough}").scores).all()
