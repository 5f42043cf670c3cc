"""Every method on every architecture: what must hold whatever the model and however the scores come about."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import heedful
import zoo
from heedful import Explanation, methods
from heedful.classifier import Classifier
from heedful.errors import SettingError
from untouched import assert_same_state, state

TEXT = "The plot was not good."
OTHER = "A dull film, and slow: the end was never dull, the music stays."
# enough for laws that hold at any budget
CHEAP = {
    "lime": "lime:n_samples=40",
    "kernel-shap": "kernel-shap:n_samples=64",
    "permutation-shap": "permutation-shap:n_permutations=2",
    "integrated-gradients": "integrated-gradients:n_steps=20,tolerance=0.005",
    "smoothgrad": "smoothgrad:n_samples=4",
    "slalom": "slalom:n_samples=300",
    "slalom-shapley": "slalom-shapley:n_samples=300",
    "slalom-lime": "slalom-lime:n_samples=300",
    "partition": "partition:n_samples=64",
    "banzhaf": "banzhaf:n_samples=64",
}
# what only the paper's classifier has; everything else must run everywhere
OF_THE_PAPER = {"shapley-exact", "banzhaf-exact", "lime-exact", "lime-asymptotic"}

# Their first layer normalises the word vectors: adding a constant to all components changes nothing, so the mean of the
# gradient is zero whatever the text.
BLIND_TO_A_CONSTANT = {"bert", "distilbert", "roberta", "xlm-roberta", "deberta-v2", "modernbert", "gpt2"}


def says_nothing(architecture: str, method: str) -> bool:
    return method == "gradient-mean" and architecture in BLIND_TO_A_CONSTANT


def spec(method: str) -> str:
    return CHEAP.get(method, method)


@cache
def classifier_of(architecture: str, problem: str | None = None) -> Classifier:
    return zoo.make(architecture, problem_type=problem)


@cache
def explanation(architecture: str, method: str, target: int | str = 1, output: str = "logit") -> Explanation:
    return heedful.explain(classifier_of(architecture), TEXT, spec(method), target=target, output=output, unit="word")


CASES = [
    (architecture, method)
    for architecture in zoo.NAMES
    for method in methods.names()
    if architecture == "paper" or method not in OF_THE_PAPER
]
everywhere = pytest.mark.parametrize(("architecture", "method"), CASES)


@pytest.mark.parametrize("method", sorted(OF_THE_PAPER))
def test_what_only_the_paper_has_is_refused_elsewhere(method: str) -> None:
    with pytest.raises(SettingError, match="use the sampled methods"):
        heedful.explain(classifier_of("bert"), TEXT, method)


@everywhere
def test_scores_belong_to_words_of_the_text(architecture: str, method: str) -> None:
    found = explanation(architecture, method)
    assert found.units == ("The", "plot", "was", "not", "good")
    assert [TEXT[start:end] for ((start, end),) in found.spans] == list(found.units)
    assert np.isfinite(found.scores).all()
    assert found.scores.any() or says_nothing(architecture, method)
    assert found.method == method
    assert found.signed or (found.scores >= 0).all()


@everywhere
def test_alone_equals_among_others_whatever_the_padding_side(architecture: str, method: str) -> None:
    classifier, alone = classifier_of(architecture), explanation(architecture, method)
    side = classifier.tokenizer.padding_side
    try:
        for classifier.tokenizer.padding_side in ("left", "right"):
            _, found = heedful.explain(classifier, [OTHER, TEXT], spec(method), target=1, unit="word")
            # other batches, other orders of sums; float32 softmaxes inside some models
            assert found.scores == pytest.approx(alone.scores, rel=1e-5, abs=1e-5 * np.abs(alone.scores).max())
    finally:
        classifier.tokenizer.padding_side = side


@everywhere
def test_equal_calls_are_equal(architecture: str, method: str) -> None:
    torch.rand(1)
    np.random.rand()
    again = heedful.explain(classifier_of(architecture), TEXT, spec(method), target=1, unit="word")
    assert np.array_equal(again.scores, explanation(architecture, method).scores)


@everywhere
def test_the_model_is_untouched_also_after_an_exception(architecture: str, method: str) -> None:
    class InterruptionError(Exception):
        pass

    classifier = zoo.make(architecture)
    classifier.model.train()
    next(classifier.model.parameters()).requires_grad_(requires_grad=False)
    before = state(classifier)
    heedful.explain(classifier, TEXT, spec(method), unit="word")
    assert_same_state(before, state(classifier))
    left = [1]  # the prediction goes through, what follows does not

    def interrupt(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise InterruptionError

    list(classifier.model.modules())[-1].register_forward_hook(interrupt)
    before = state(classifier)
    try:
        heedful.explain(classifier, TEXT, spec(method), unit="word")
    except InterruptionError:
        assert_same_state(before, state(classifier))


@everywhere
def test_a_target_by_index_is_the_one_by_name(architecture: str, method: str) -> None:
    by_name = explanation(architecture, method, "LABEL_1")
    assert (by_name.target, by_name.target_name) == (1, "LABEL_1")
    assert np.array_equal(by_name.scores, explanation(architecture, method).scores)
    of_a_class = methods.get(method).card.access not in ("attention", "nothing")
    if of_a_class and not says_nothing(architecture, method):
        assert not np.array_equal(by_name.scores, explanation(architecture, method, 2).scores)


@everywhere
def test_labels_that_do_not_exclude_each_other(architecture: str, method: str) -> None:
    classifier = classifier_of(architecture, "multi_label_classification")
    output = "probability" if method not in OF_THE_PAPER else "logit"
    found = heedful.explain(classifier, TEXT, spec(method), target=2, output=output, unit="word")
    if output == "logit":
        return
    logit = explanation(architecture, method, 2).prediction
    assert found.prediction == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-6)


@pytest.mark.parametrize(
    ("architecture", "method"),
    [(architecture, method) for architecture, method in CASES if methods.get(method).card.additive],
)
def test_additive_scores_add_up_to_the_prediction(architecture: str, method: str) -> None:
    found = explanation(architecture, method)
    assert found.base_value is not None
    gap = found.base_value + found.scores.sum() - found.prediction
    allowed = {"integrated-gradients": 0.05}.get(method, 1e-5)
    assert abs(gap) <= allowed * max(1.0, np.abs(found.scores).max())
