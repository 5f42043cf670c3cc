"""Attention, occlusion, random, and the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch

import heedful
from factory import make_bert, make_classifier
from heedful import methods
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games.sampled import banzhaf, kernel_regression, permutations

TEXT = "the plot was not good but the acting was very good !"


def test_attention_by_hand() -> None:
    """One head, key and query of size 1: the weights are written out."""
    classifier = make_classifier(texts=("a b c",), num_attention_heads=1, key_size=1, position_scale=0.0)
    model = classifier.model
    with torch.no_grad():
        model.embeddings.weight.zero_()
        model.embeddings.weight[2, 0] = 1.0  # [CLS]
        for word, logit in (("a", 0.0), ("b", np.log(2.0)), ("c", np.log(4.0))):
            model.embeddings.weight[classifier.tokenizer.convert_tokens_to_ids(word), 1] = logit
        model.query.zero_()
        model.key.zero_()
        model.query[0, 0, 0] = 1.0
        model.key[0, 0, 1] = 1.0
        model.positions.zero_()
    result = heedful.explain(classifier, "a b c", "alpha-avg")
    assert result.scores == pytest.approx([1 / 8, 2 / 8, 4 / 8])  # and 1/8 for [CLS] itself


def test_mean_and_max_are_over_heads(classifier: Classifier) -> None:
    heads = [heedful.explain(classifier, TEXT, f"attention-head:head={h}", unit="token").scores for h in range(3)]
    mean, largest = (heedful.explain(classifier, TEXT, m, unit="token") for m in ("alpha-avg", "alpha-max"))
    assert mean.scores == pytest.approx(np.mean(heads, axis=0))
    assert np.array_equal(largest.scores, np.max(heads, axis=0))
    assert not mean.signed
    assert (mean.scores >= 0).all()


def test_a_head_that_is_not_there(classifier: Classifier) -> None:
    with pytest.raises(SettingError, match="heads 0 to 2"):
        heedful.explain(classifier, TEXT, methods.AttentionHead(3))
    with pytest.raises(SettingError, match="head must be at least 0, got -1"):
        methods.AttentionHead(-1)


def test_repeated_words_are_never_lost(classifier: Classifier) -> None:
    words = heedful.explain(classifier, TEXT, "alpha-avg", unit="word")
    assert words.units.count("good") == words.units.count("the") == 2
    types = heedful.explain(classifier, TEXT, "alpha-avg")
    assert types.units.count("good") == 1
    assert len(types.spans[types.units.index("good")]) == 2
    assert types.scores.sum() == pytest.approx(words.scores.sum())
    assert types.settings["aggregation"] == "sum over tokens"


@pytest.mark.parametrize("masking", ["unk", "mask", "pad"])
def test_occlusion_is_the_fall_of_the_output(classifier: Classifier, masking: str) -> None:
    result = heedful.explain(classifier, TEXT, "occlusion", unit="word", masking=masking, target=1)
    encoded = classifier.encode(TEXT)
    for j, position in enumerate(range(1, 12)):
        ids = encoded.input_ids.copy()
        ids[position] = classifier.replacement_id(masking)
        fall = result.prediction - classifier.logits([ids])[0, 1]
        assert result.scores[j] == pytest.approx(fall, abs=1e-12)


def test_occlusion_by_deletion_is_a_shorter_text(classifier: Classifier) -> None:
    result = heedful.explain(classifier, "a dull film", "occlusion", masking="delete", target=0)
    without = classifier.logits([classifier.encode("a film").input_ids])[0, 0]
    assert result.scores[1] == pytest.approx(result.prediction - without, abs=1e-12)


def test_random_depends_on_the_seed_alone(classifier: Classifier) -> None:
    draws = [heedful.explain(classifier, TEXT, "random", seed=s).scores for s in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_random_is_standard_normal(classifier: Classifier) -> None:
    draws = np.array([heedful.explain(classifier, TEXT, "random", seed=s).scores for s in range(100)]).ravel()
    # 5 standard errors of the mean, and of the mean square, whose variance is 2
    assert abs(draws.mean()) < 5 / np.sqrt(len(draws))
    assert abs((draws**2).mean() - 1) < 5 * np.sqrt(2 / len(draws))


@pytest.mark.parametrize("method", ["lime:n_samples=40", "occlusion", "random"])
def test_texts_pushed_through_the_model_are_counted(method: str) -> None:
    classifier, rows = make_bert(), []
    hook = classifier.model.bert.encoder.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    result = heedful.explain(classifier, TEXT, method)
    hook.remove()
    assert result.n_forward == sum(rows)


@pytest.mark.parametrize("name", methods.names())
def test_every_method_leaves_random_state_alone_and_tells_its_settings(classifier: Classifier, name: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    result = heedful.explain(classifier, TEXT, name)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    method = methods.get(name)
    assert {f.name for f in fields(method)} <= set(result.settings)
    assert (result.method, result.signed) == (name, method.card.signed)
    assert (result.seed is None) == (not method.card.random)
    assert (result.masking is None) == (not method.card.removes)


@pytest.mark.parametrize("name", methods.names())
@pytest.mark.parametrize("unit", ["word_type", "word", "token", "sentence"])
def test_alone_equals_among_others(classifier: Classifier, name: str, unit: str) -> None:
    texts = ["a dull film", TEXT, "what a film ! the end stays with you"]
    together = heedful.explain(classifier, texts, name, unit=unit)
    for text, result in zip(texts, together, strict=True):
        alone = heedful.explain(classifier, text, name, unit=unit)
        assert np.array_equal(alone.scores, result.scores)


@pytest.mark.parametrize(
    ("spec", "number"),
    [
        ("lime", "n_samples"),
        ("lime", "n_features"),
        ("partition", "n_samples"),
        ("smoothgrad", "n_samples"),
        ("integrated-gradients", "n_steps"),
        ("slalom", "n_samples"),
    ],
)
def test_numbers_of_things_are_whole(spec: str, number: str) -> None:
    method = methods.get(spec)
    for value in (100.5, "100"):
        object.__setattr__(method, number, value)  # the tests' own checks of types stand before the front door
        with pytest.raises(SettingError, match=f"{number} must be a whole number, got {value!r}"):
            method.__post_init__()
    object.__setattr__(method, number, np.int64(100))
    method.__post_init__()


@pytest.mark.parametrize(
    ("check", "other"),
    [
        (permutations.check_permutations, False),
        (kernel_regression.check_sampling, "kernel"),
        (banzhaf.check_banzhaf, "msr"),
    ],
)
def test_numbers_of_draws_are_whole(check: Callable[..., None], other: object) -> None:
    with pytest.raises(SettingError, match=r"must be a whole number, got 100.5"):
        inspect.unwrap(check)(100.5, other)
    inspect.unwrap(check)(np.int64(100), other)


def test_names_and_aliases_are_unique_and_found() -> None:
    every = [n for m in methods.METHODS for n in (m.card.name, *m.card.aliases)]
    assert len(every) == len(set(every))
    assert all(isinstance(methods.get(n), methods.Method) for n in every)


def test_settings_are_read_by_their_type() -> None:
    assert methods.get("kernel-shap:paired=false,n_samples=64") == methods.KernelShap(n_samples=64, paired=False)
    for text, share in (("false", False), ("true", True), ("0.25", 0.25)):
        assert methods.get(f"permutation-shap:antithetic={text}") == methods.PermutationShap(antithetic=share)
    assert methods.get("lime:kernel_width=inf,n_features=3") == methods.Lime(kernel_width=np.inf, n_features=3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lume", "unknown method 'lume': did you mean lime"),
        ("lime:samples=3", "no setting 'samples'; it has n_samples"),
        ("lime:n_samples=many", "n_samples must be a whole number"),
        ("lime:n_samples=true", "n_samples must be a whole number"),
        ("lime:kernel_width=wide", "kernel_width must be a number"),
        ("lime:n_samples", "n_samples must be a whole number"),
        ("random:x=1", "it has none"),
        ("kernel-shap:paired=yes", "paired must be true or false, got 'yes'"),
        ("kernel-shap:paired=1", "paired must be true or false, got '1'"),
        ("permutation-shap:antithetic=half", "antithetic must be true or false or a number, got 'half'"),
        ("permutation-shap:antithetic=1.5", "antithetic must be from 0 to 1, got 1.5"),
    ],
)
def test_misspelt_methods_say_what_there_is(spec: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        methods.get(spec)
