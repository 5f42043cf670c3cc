"""Every method on every architecture: what must hold whatever the model and however the scores come about."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import nn

import heedful
import zoo
from heedful import Explanation, methods
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games.exact import enumeration
from untouched import assert_same_state, state

TEXT = "The film was not good. But the music was wonderful!"
OTHER = "A dull film, and slow: the end was never dull, the music stays."
# enough for laws that hold at any budget, and too little to list all masks of ten words
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
# for laws of the methods' own code: an encoder, a decoder, positions that are relative, and look-up tables
OFTEN = {"bert", "llama", "deberta-v2", "paper"}
on_some = pytest.mark.parametrize(
    ("architecture", "method"),
    [pytest.param(*case, marks=[] if case[0] in OFTEN else pytest.mark.nightly) for case in CASES],
)


@pytest.mark.parametrize("method", sorted(OF_THE_PAPER))
def test_what_only_the_paper_has_is_refused_elsewhere(method: str) -> None:
    with pytest.raises(SettingError, match="use the sampled methods"):
        heedful.explain(classifier_of("bert"), TEXT, method)


@everywhere
def test_scores_belong_to_words_of_the_text(architecture: str, method: str) -> None:
    found = explanation(architecture, method)
    assert found.units == ("The", "film", "was", "not", "good", "But", "the", "music", "was", "wonderful")
    assert [TEXT[start:end] for ((start, end),) in found.spans] == list(found.units)
    assert np.isfinite(found.scores).all()
    assert found.scores.any() or says_nothing(architecture, method)
    assert found.method == method
    assert found.signed or (found.scores >= 0).all()


@on_some
def test_a_text_behind_another_is_explained_as_alone(architecture: str, method: str) -> None:
    _, found = heedful.explain(classifier_of(architecture), [OTHER, TEXT], spec(method), target=1, unit="word")
    alone = explanation(architecture, method).scores
    # seeds and all; texts that share forward passes are rounded in another order
    assert np.abs(found.scores - alone).max() <= 1e-9 * np.abs(alone).max()


@on_some
def test_equal_calls_are_equal(architecture: str, method: str) -> None:
    torch.rand(1)
    np.random.rand()
    again = heedful.explain(classifier_of(architecture), TEXT, spec(method), target=1, unit="word")
    assert np.array_equal(again.scores, explanation(architecture, method).scores)


@pytest.mark.parametrize(("architecture", "method"), [case for case in CASES if methods.get(case[1]).card.random])
def test_another_seed_draws_another_sample(architecture: str, method: str) -> None:
    found = explanation(architecture, method)
    assert not found.details.get("enumerated")
    other = heedful.explain(classifier_of(architecture), TEXT, spec(method), target=1, unit="word", seed=1)
    # more than the same masks in another order would change
    assert np.abs(other.scores - found.scores).max() > 1e-6 * np.abs(found.scores).max()


class InterruptionError(Exception):
    """What no code of ours expects."""


@contextmanager
def at_every_module(classifier: Classifier, do: Callable[[nn.Module], None]) -> Iterator[None]:
    """Something done whenever a module has run."""
    hooks = [module.register_forward_hook(lambda module, *_: do(module)) for module in classifier.model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@cache
def half_trained(architecture: str) -> Classifier:
    """In training mode, with a weight that is not trained: one for all methods, as each leaves it as it was."""
    classifier = zoo.make(architecture)
    classifier.model.train()
    next(classifier.model.parameters()).requires_grad_(requires_grad=False)
    return classifier


@everywhere
def test_the_model_is_untouched_also_after_an_exception(
    architecture: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = half_trained(architecture)
    before, ran = state(classifier), []
    with at_every_module(classifier, ran.append):
        n_forward = heedful.explain(classifier, TEXT, spec(method), unit="word").n_forward
    assert_same_state(before, state(classifier))
    first = ran.index(classifier.model) + 1  # the prediction goes through, what follows does not
    assert (classifier.model in ran[first:]) == (n_forward > 1)
    if n_forward == 1:
        return

    def interrupted() -> None:
        with pytest.raises(InterruptionError):
            heedful.explain(classifier, TEXT, spec(method), unit="word")
        assert_same_state(within, state(classifier))

    for place in ((first + len(ran)) // 2, len(ran) - 1):
        left = iter(range(place))

        def interrupt(_: nn.Module, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise InterruptionError

        with at_every_module(classifier, interrupt):
            within = state(classifier)
            interrupted()
    if architecture != "paper" and methods.get(method).card.access in ("attention", "gradient"):
        monkeypatch.setattr(torch.autograd, "grad", Mock(side_effect=InterruptionError))
        within = state(classifier)
        interrupted()
    assert_same_state(before, state(classifier))


@pytest.mark.parametrize(("architecture", "method"), [case for case in CASES if case[0] in ("bert", "paper")])
def test_texts_pushed_through_the_model_are_counted(architecture: str, method: str) -> None:
    classifier, rows = classifier_of(architecture), []

    def count(_: nn.Module, __: tuple[()], given: dict[str, torch.Tensor]) -> None:
        rows.append(len(given["input_ids"] if given.get("input_ids") is not None else given["inputs_embeds"]))

    hook = classifier.model.register_forward_pre_hook(count, with_kwargs=True)
    found = heedful.explain(classifier, TEXT, spec(method), unit="word")
    hook.remove()
    assert found.n_forward == sum(rows)
    if architecture == "paper" and methods.get(method).card.access in ("outputs", "softmax pooling", "nothing"):
        assert found.n_forward == 1  # the prediction; the rest is looked up


@on_some
def test_a_target_by_index_is_the_one_by_name(architecture: str, method: str) -> None:
    by_name = explanation(architecture, method, "LABEL_1")
    assert (by_name.target, by_name.target_name) == (1, "LABEL_1")
    assert np.array_equal(by_name.scores, explanation(architecture, method).scores)
    of_a_class = methods.get(method).card.access not in ("attention", "nothing")
    if of_a_class and not says_nothing(architecture, method):
        assert not np.array_equal(by_name.scores, explanation(architecture, method, 2).scores)


@on_some
def test_labels_that_do_not_exclude_each_other(architecture: str, method: str) -> None:
    classifier = classifier_of(architecture, "multi_label_classification")
    output = "probability" if method not in OF_THE_PAPER else "logit"
    found = heedful.explain(classifier, TEXT, spec(method), target=2, output=output, unit="word")
    if output == "probability":
        logit = explanation(architecture, method, 2).prediction
        assert found.prediction == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-6)
    if methods.get(method).card.additive:
        assert_adds_up(found)
    changed = with_another_first_class(architecture)
    again = heedful.explain(changed, TEXT, spec(method), target=2, output=output, unit="word")
    # sums over classes, in other orders
    assert again.scores == pytest.approx(found.scores, rel=1e-9, abs=1e-9 * np.abs(found.scores).max())


@cache
def with_another_first_class(architecture: str) -> Classifier:
    classifier = classifier_of(architecture, "multi_label_classification")
    other = copy.deepcopy(classifier.model)
    with torch.no_grad():
        head(other)[0] *= -3.0
    return Classifier(other, classifier.tokenizer, "another first class")


def head(model: nn.Module) -> torch.Tensor:
    """Weights (classes, size) that the logits are read with."""
    return [weight for weight in model.parameters() if weight.ndim == 2 and len(weight) == model.config.num_labels][-1]


@pytest.mark.parametrize("method", [method for architecture, method in CASES if architecture == "bert"])
def test_a_single_logit_is_one_of_several(method: str) -> None:
    several, one = classifier_of("bert"), zoo.make("bert", num_labels=1, problem_type="multi_label_classification")
    weights = several.model.state_dict()
    weights |= {name: weights[name][1:2] for name in ("classifier.weight", "classifier.bias")}
    one.model.load_state_dict(weights)
    found, expected = heedful.explain(one, TEXT, spec(method), unit="word"), explanation("bert", method)
    assert (found.target, found.prediction) == (0, pytest.approx(expected.prediction, rel=1e-12))
    assert found.scores == pytest.approx(expected.scores, rel=1e-9, abs=1e-9 * np.abs(expected.scores).max())


PAIR = ("The plot was dull", "not a good film")


def of_the_pair(masks: np.ndarray, architecture: str = "bert", masking: str = "mask") -> np.ndarray:
    """Logit 1 of the pair, words not kept replaced or deleted token by token, one pair at a time."""
    classifier = classifier_of(architecture)
    encoded = classifier.tokenizer(*PAIR, return_tensors="pt", return_offsets_mapping=True)
    tokens = list(zip(encoded.sequence_ids(), encoded.pop("offset_mapping")[0].tolist(), strict=True))
    words = [(which, *word.span()) for which, text in enumerate(PAIR) for word in re.finditer(r"\w+", text)]
    inside = np.array([[of == which and a < end and start < b for which, start, end in words] for of, (a, b) in tokens])
    logits = []
    for mask in masks:
        gone = torch.from_numpy(inside @ ~mask)
        if masking == "delete":
            given = {name: values[:, ~gone] for name, values in encoded.items()}
        else:
            stand_in = getattr(classifier.tokenizer, f"{masking}_token_id")
            given = {**encoded, "input_ids": torch.where(gone, stand_in, encoded["input_ids"])}
        with torch.no_grad():
            logits.append(classifier.model(**given).logits[0, 1].item())
    return np.array(logits)


def occlusion(game: Callable[[np.ndarray], np.ndarray], d: int) -> np.ndarray:
    return game(np.ones((1, d), dtype=bool)) - game(~np.eye(d, dtype=bool))


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("permutation-shap", enumeration.shapley),
        ("kernel-shap", enumeration.shapley),
        ("banzhaf", enumeration.banzhaf),
        ("partition", lambda game, _: enumeration.owen(game, np.repeat([0, 1], 4))),
        ("lime:n_samples=1000000000000,ridge=0.0", lambda game, d: enumeration.lime(game, d, 0.25)[0]),
        ("occlusion", occlusion),
    ],
)
def test_of_a_pair_words_go_from_both_texts(method: str, expected: Callable[..., np.ndarray]) -> None:
    found = heedful.explain(classifier_of("bert"), PAIR, method, target=1, unit="word", masking="mask")
    assert found.units == tuple(" ".join(PAIR).split())
    truth = expected(of_the_pair, 8)
    assert found.scores == pytest.approx(truth, rel=1e-8, abs=1e-8 * np.abs(truth).max())


@pytest.mark.parametrize("architecture", zoo.NAMES)
@pytest.mark.parametrize("masking", ["unk", "delete"])
def test_of_a_pair_words_go_by_hand_in_every_architecture(architecture: str, masking: str) -> None:
    found = heedful.explain(classifier_of(architecture), PAIR, "occlusion", target=1, unit="word", masking=masking)
    assert found.units == tuple(" ".join(PAIR).split())
    truth = occlusion(partial(of_the_pair, architecture=architecture, masking=masking), 8)
    # batches add up in another order, and some models have softmaxes in float32
    assert found.scores == pytest.approx(truth, rel=1e-5, abs=1e-5 * np.abs(truth).max())


@pytest.mark.parametrize("method", ["lrp", "slalom"])
def test_of_a_pair_relevance_and_the_surrogate_know_both_texts(method: str) -> None:
    found = heedful.explain(classifier_of("bert"), PAIR, method, target=1, unit="word", masking="mask")
    assert found.prediction == pytest.approx(of_the_pair(np.ones((1, 8), dtype=bool))[0], rel=1e-9)
    assert found.scores[:4].any()
    assert found.scores[4:].any()
    if method == "lrp":
        parts = [found.details[part] for part in ("relevance", "constants", "softmax")]
        assert sum(parts) == pytest.approx(found.prediction, abs=1e-6 * np.abs(parts).max())
    else:
        surrogate = found.details["surrogate_prediction"]
        assert found.base_value + found.scores.sum() == pytest.approx(surrogate, rel=1e-9)


@pytest.mark.parametrize(
    ("architecture", "method"),
    [(architecture, method) for architecture, method in CASES if methods.get(method).card.additive],
)
def test_additive_scores_add_up_to_the_prediction(architecture: str, method: str) -> None:
    assert_adds_up(explanation(architecture, method))


def assert_adds_up(found: Explanation) -> None:
    """Exact but for rounding, and for what integrated gradients tolerate."""
    assert found.base_value is not None
    gap = found.base_value + found.scores.sum() - found.prediction
    allowed = {"integrated-gradients": 0.05}.get(found.method, 1e-5)
    assert abs(gap) <= allowed * max(1.0, np.abs(found.scores).max())
