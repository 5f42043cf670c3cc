"""Models in bfloat16: scores near those of the same weights in float32, and a model as it was before."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch

import heedful
import zoo
from heedful.classifier import Classifier
from untouched import assert_same_state, state

TEXT = "The film was not good. But the music was wonderful!"


@cache
def in_two_precisions(architecture: str) -> tuple[Classifier, Classifier]:
    low = zoo.make(architecture)
    low.model.bfloat16()
    return low, Classifier(copy.deepcopy(low.model).float(), low.tokenizer, "the same weights")


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "deberta-v2", "modernbert", "llama"])
@pytest.mark.parametrize(
    "method",
    ["attention-mean", "gradient-l2", "occlusion", "lime:n_samples=40", "permutation-shap:n_permutations=2"],
)
def test_scores_in_bfloat16_are_near_those_in_float32(architecture: str, method: str) -> None:
    low, high = in_two_precisions(architecture)
    before = state(low)
    found, expected = (heedful.explain(one, TEXT, method, target=1, unit="word") for one in (low, high))
    assert_same_state(before, state(low))
    # From words to logits some thirty operations follow one another, and each rounds by up to eps / 2. Together that
    # is an eighth of the largest score, if they all err to the same side; 7 % were seen.
    allowed = 16 * torch.finfo(torch.bfloat16).eps * np.abs(expected.scores).max()
    assert found.scores == pytest.approx(expected.scores, rel=0, abs=allowed)
    assert not np.array_equal(found.scores, expected.scores)  # it did run in another precision
