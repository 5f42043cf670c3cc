"""Where other tools mean the same, numbers must agree: `docs/other-tools.md` lists the settings.

LIME, gradients, Owen values and shapiq have parity tests of their own beside each method's tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import shap
import torch
from captum.attr import FeatureAblation, ShapleyValues

import heedful
import zoo
from heedful.classifier import Classifier
from heedful.games import from_text
from heedful.games.sampled.permutations import permutation_shapley
from heedful.question.forwards import ModelGame
from heedful.text.units import find

TEXT = "what a dull plot"


@pytest.fixture(scope="module")
def bert() -> Classifier:
    return zoo.make("bert")


def on_ids(classifier: Classifier) -> tuple[torch.Tensor, dict[str, object]]:
    """A text's ids, and captum's arguments: words are features, the mask token is the baseline."""
    encoded = classifier.encode(TEXT)
    ids = torch.from_numpy(encoded.input_ids)[None]
    own = from_text(classifier, TEXT, unit="word", masking="mask")
    assert isinstance(own, ModelGame)
    of_token = torch.from_numpy(find(TEXT, encoded.offsets, "word").of_token)
    baseline = torch.where(of_token >= 0, classifier.tokenizer.mask_token_id, ids)
    return ids, {"baselines": baseline, "feature_mask": of_token[None] + 1, "target": 1}


@pytest.mark.parametrize(("method", "theirs"), [("occlusion", FeatureAblation), ("kernel-shap", ShapleyValues)])
def test_captum_on_token_ids(bert: Classifier, method: str, theirs: type) -> None:
    """Special tokens are a feature of captum's with nothing to remove: it gets 0."""
    ids, arguments = on_ids(bert)

    def logits(ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return bert.model(ids).logits

    scores = theirs(logits).attribute(ids, **arguments)[0].double()
    feature = arguments["feature_mask"][0]
    expected = [float(scores[feature == j + 1][0]) for j in range(int(feature.max()))]
    assert not scores[feature == 0].any()
    ours = heedful.explain(bert, TEXT, method, target=1, unit="word", masking="mask")
    # captum keeps attributions of integer inputs in float32
    assert ours.scores == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("explainer", ["kernel", "exact"])
def test_shap_on_masks(bert: Classifier, explainer: str) -> None:
    game = from_text(bert, TEXT)
    d = game.n_units
    nothing, whole = np.zeros((1, d)), np.ones((1, d))

    def value(masks: np.ndarray) -> np.ndarray:
        return game(masks.astype(bool))

    if explainer == "kernel":
        theirs = shap.KernelExplainer(value, nothing).shap_values(whole, nsamples=1 << d, l1_reg=False, silent=True)[0]
    else:
        theirs = shap.ExactExplainer(value, shap.maskers.Independent(nothing))(whole).values[0]
    assert heedful.explain(bert, TEXT, "kernel-shap").scores == pytest.approx(theirs, abs=1e-9)


@dataclass(frozen=True, eq=False)
class Pairwise:
    """A game of units that act alone and two by two: effects on the diagonal, and above it."""

    effects: np.ndarray
    n_forward: int = 0

    @property
    def n_units(self) -> int:
        return len(self.effects)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return ((masks @ self.effects) * masks).sum(1)


def test_shaps_permutations_go_there_and_back() -> None:
    """A permutation and its reverse solve interactions of two, in shap's explainer as in ours."""
    game = Pairwise(np.triu(np.random.default_rng(0).normal(size=(6, 6))))
    alone, together = np.diag(game.effects), np.triu(game.effects, 1)
    truth = alone + (together.sum(0) + together.sum(1)) / 2
    explainer = shap.PermutationExplainer(game, shap.maskers.Independent(np.zeros((1, 6))), seed=0)
    assert explainer(np.ones((1, 6)), max_evals=13).values[0] == pytest.approx(truth)
    assert permutation_shapley(game, 2).values == pytest.approx(truth)
    assert permutation_shapley(game, 2, antithetic=False).values != pytest.approx(truth)
