"""Every method on a pre-trained encoder of 6 layers, fine-tuned on SST-2 by benchmarks/real_model.py: real weights."""

from __future__ import annotations

import numpy as np
import pytest
from test_every_method import OF_THE_PAPER

import heedful
from heedful import methods
from heedful.classifier import Classifier
from untouched import assert_same_state, state

pytestmark = pytest.mark.real

PRAISE = "A gorgeous, witty and deeply moving film."
BLAME = "The plot is dull and the acting is awful."
MIXED = "The soundtrack is wonderful, but the plot is dull and the ending is a mess."
NAMES = [name for name in methods.names() if name not in OF_THE_PAPER]
# signed methods that should know a word of praise from one of blame; raw gradients say how the output moves, not why
OF_WORDS = ["occlusion", "lime", "kernel-shap", "permutation-shap", "partition", "banzhaf", "slalom-shapley", "lrp"]


def test_knows_praise_from_blame(sentiment: Classifier) -> None:
    found = [heedful.explain(sentiment, text, "random").target_name for text in (PRAISE, BLAME)]
    assert found == ["positive", "negative"]


@pytest.mark.parametrize("method", NAMES)
def test_every_method_runs_and_leaves_no_trace(sentiment: Classifier, method: str) -> None:
    before = state(sentiment)
    result = heedful.explain(sentiment, MIXED, method, unit="word", seed=1)
    assert_same_state(before, state(sentiment))
    assert np.isfinite(result.scores).all()
    assert len(set(np.round(result.scores, 12))) > 1 or method == "gradient-mean"  # word vectors are normalised first
    again = heedful.explain(sentiment, MIXED, method, unit="word", seed=1)
    assert np.array_equal(result.scores, again.scores)


@pytest.mark.parametrize("method", OF_WORDS)
def test_words_of_praise_and_blame_get_their_signs(sentiment: Classifier, method: str) -> None:
    result = heedful.explain(sentiment, MIXED, method, target="positive", unit="word", seed=0)
    scores = dict(zip(result.units, result.scores, strict=True))
    assert scores["wonderful"] > 0 > scores["dull"]
    assert scores["mess"] < 0


@pytest.mark.parametrize("method", ["kernel-shap", "permutation-shap", "partition"])
def test_additive_scores_add_up(sentiment: Classifier, method: str) -> None:
    result = heedful.explain(sentiment, BLAME, method, target="negative", unit="word")
    assert result.base_value + result.scores.sum() == pytest.approx(result.prediction, abs=1e-4)


def test_a_surrogate_fits_real_attention(sentiment: Classifier) -> None:
    result = heedful.explain(sentiment, MIXED, "slalom-shapley", target="positive", unit="word")
    assert result.details["fidelity"] > 0.5
    assert result.details["surrogate_error_bound"] < 1e-9 * np.abs(result.scores).max()
    sampled = heedful.explain(sentiment, MIXED, "permutation-shap:n_permutations=40", target="positive", unit="word")
    assert np.corrcoef(result.scores, sampled.scores)[0, 1] > 0.9
