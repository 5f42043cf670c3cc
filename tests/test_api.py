"""The front door: explain and compare, and what they do with bad input."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from factory import SENTENCES, make_bert, make_classifier
from heedful import Windows, methods
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError, SettingError, TargetError, TextError

TEXT = "The plot was not good, but the acting was very good!"


@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
def test_every_method_explains_the_same_quantity(classifier: Classifier, output: str) -> None:
    able = [m.card.name for m in methods.METHODS if output != "probability" or m.card.access != "softmax pooling"]
    comparison = heedful.compare(classifier, TEXT, able, target=2, output=output, seed=1)
    logits = classifier.logits([classifier.encode(TEXT).input_ids])[0]
    stated = {"logit": logits[2], "probability": np.exp(logits[2]) / np.exp(logits).sum()}
    stated["logit_difference"] = logits[2] - max(logits[:2])
    for explanation in comparison:
        assert explanation.prediction == pytest.approx(stated[output], rel=1e-12)
        assert (explanation.target, explanation.output) == (2, output)
        assert explanation.units == comparison.explanations[0].units


def test_compare_equals_explain_one_by_one(classifier: Classifier) -> None:
    choices = {"target": "LABEL_2", "output": "probability", "unit": "word", "masking": "delete", "seed": 4}
    specs = ["lime:n_samples=100", "occlusion", "random"]
    comparison = heedful.compare(classifier, TEXT, specs, **choices)
    for explanation, spec in zip(comparison, specs, strict=True):
        alone = heedful.explain(classifier, TEXT, spec, **choices)
        assert replace(alone, seconds=0.0) == replace(explanation, seconds=0.0)


def test_a_result_says_how_it_came_about(classifier: Classifier) -> None:
    result = heedful.explain(classifier, TEXT, "lime:n_samples=100", output="probability", masking="delete", seed=4)
    assert (result.output, result.unit, result.masking, result.seed) == ("probability", "word_type", "delete", 4)
    assert (result.model, result.n_forward) == ("random weights", 1)  # the prediction; the rest is looked up
    assert result.seconds > 0
    assert set(result.versions) == {"heedful", "numpy", "torch", "transformers"}


def test_target_by_index_name_and_default(classifier: Classifier) -> None:
    names = classifier.labels
    predicted = heedful.explain(classifier, TEXT, "occlusion")
    by_name = heedful.explain(classifier, TEXT, "occlusion", target=names[predicted.target])
    by_index = heedful.explain(classifier, TEXT, "occlusion", target=predicted.target)
    assert predicted.target_name == names[predicted.target]
    assert np.array_equal(predicted.scores, by_name.scores)
    assert np.array_equal(predicted.scores, by_index.scores)


def test_the_prediction_explained_is_the_models_own(classifier: Classifier) -> None:
    with torch.no_grad():
        own = classifier.model(**classifier.tokenizer(TEXT, return_tensors="pt")).logits[0]
    result = heedful.explain(classifier, TEXT, "alpha-avg")
    assert result.target == int(own.argmax())
    assert result.prediction == pytest.approx(float(own.max()), rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"target": 3}, TargetError, "no class 3; the classes are 0 'LABEL_0'"),
        ({"target": -1}, TargetError, "no class -1"),
        ({"target": "label_0"}, TargetError, "'LABEL_0', 1 'LABEL_1', 2 'LABEL_2'"),
        ({"output": "odds"}, SettingError, "logit, probability, logit_difference"),
        ({"unit": "letter"}, SettingError, "word_type, word, token, sentence"),
        ({"masking": "hide"}, SettingError, "unk, mask, pad, delete, ignore"),
        ({"method": "lymph"}, SettingError, "unknown method 'lymph'"),
        ({"text": ""}, TextError, "empty"),
        ({"text": " \n\t"}, TextError, "empty"),
        ({"text": "\u200b"}, TextError, "no word"),
        ({"text": "xyzzy plugh"}, TextError, "no word of the text is in the vocabulary"),
        ({"text": "a \ud800 film"}, TextError, "lone surrogate"),
        ({"text": "!!"}, TextError, "nothing to explain: the text has no word type"),
        ({"text": "!!", "method": "shapley-exact"}, TextError, "nothing to explain"),
    ],
)
def test_bad_input_is_one_clear_line(classifier: Classifier, changes: dict, error: type, message: str) -> None:
    arguments = {"text": TEXT, "method": "occlusion"} | changes
    with pytest.raises(error, match=message) as raised:
        heedful.explain(classifier, **arguments)
    assert isinstance(raised.value, InputError)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [None, 3, b"good film", {"text": "good"}, {"a": "x", "b": "y"}, ("a", "b", "c"), ("good", None), [b"good"], [None]],
)
def test_what_is_no_text_is_refused(classifier: Classifier, text: object) -> None:
    for call in (heedful.explain, heedful.compare):
        with pytest.raises(TextError, match="give a text, a pair as a tuple, or a list of these: got"):
            inspect.unwrap(call)(classifier, text, **({"methods": ["occlusion"]} if call is heedful.compare else {}))


def test_a_pair_as_hugging_face_takes_it_is_a_pair(classifier: Classifier) -> None:
    pair, mapping = ("the plot", "a dull film"), {"text": "the plot", "text_pair": "a dull film"}
    expected = heedful.explain(classifier, pair, "occlusion")
    (listed,) = heedful.explain(classifier, [mapping], "occlusion")
    (compared,) = heedful.compare(classifier, mapping, ["occlusion"])
    for found in (heedful.explain(classifier, mapping, "occlusion"), listed, compared):
        assert replace(found, seconds=0.0) == replace(expected, seconds=0.0)


def test_methods_and_windows_of_another_type_are_refused(classifier: Classifier) -> None:
    with pytest.raises(SettingError, match=r"a method is given by name, or as an object such as Lime\(\), got None"):
        inspect.unwrap(heedful.explain)(classifier, TEXT, None)
    with pytest.raises(SettingError, match=r"long_text must be 'truncate', 'windows' or heedful.Windows, got None"):
        inspect.unwrap(Windows.of)(None)


@pytest.mark.parametrize("method", ["attention-mean", "gradient-l2", "lime", "random"])
@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_no_method_explains_punctuation(classifier: Classifier, method: str, long_text: str) -> None:
    with pytest.raises(TextError, match="nothing to explain"):
        heedful.explain(classifier, "! !", method, long_text=long_text)


@pytest.mark.parametrize("bad", ["", " ", None, 3, "! !"])
def test_a_bad_text_among_others_is_named_by_its_place(classifier: Classifier, bad: object) -> None:
    """Before anything is computed, wherever it can be seen from the text alone."""
    with pytest.raises(TextError, match=r"text 2 \(counted from 0\): ") as caught:
        inspect.unwrap(heedful.explain)(classifier, [TEXT, TEXT, bad, None], "occlusion")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "method"),
    [
        *((make_classifier, method) for method in ("shapley-exact", "lime-exact", "occlusion", "attention-mean")),
        *((make_bert, method) for method in ("occlusion", "attention-mean")),
    ],
)
def test_many_texts_are_explained_as_each_alone(make: Callable[[], Classifier], method: str) -> None:
    classifier, texts = make(), [" ".join(SENTENCES[i % 3].split()[i % 5 :]) for i in range(20)]
    together = inspect.unwrap(heedful.explain)(classifier, iter(texts), method, seed=3)
    assert [found.text for found in together] == texts
    for text, found in zip(texts, together, strict=True):
        alone = heedful.explain(classifier, text, method, seed=3)
        assert found.scores == pytest.approx(alone.scores, rel=1e-9, abs=1e-12)
        assert found.prediction == pytest.approx(alone.prediction, rel=1e-12)
        assert (found.target, found.n_forward, found.settings) == (alone.target, alone.n_forward, alone.settings)


def test_texts_of_equal_length_share_a_forward_pass() -> None:
    bert, calls = make_bert(), []
    hook = bert.model.register_forward_pre_hook(lambda *_: calls.append(1))
    heedful.explain(bert, [TEXT] * 10, "random")
    hook.remove()
    assert len(calls) == 1


def test_compare_needs_a_method(classifier: Classifier) -> None:
    with pytest.raises(SettingError, match="at least one method"):
        heedful.compare(classifier, TEXT, [])


def test_nan_logits_are_the_models_fault() -> None:
    classifier = make_classifier()
    with torch.no_grad():
        classifier.model.readout[0, 0] = float("nan")
    with pytest.raises(ModelError, match="NaN"):
        heedful.explain(classifier, TEXT, "occlusion")
    with pytest.raises(ModelError, match="readout holds NaN"):
        heedful.load(classifier.model, classifier.tokenizer)


def test_scores_that_are_not_finite_are_no_result(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = methods.Answer(scores=np.array([1.0, np.nan]))
    monkeypatch.setattr(methods.Occlusion, "answer", lambda *_: broken)
    with pytest.raises(ModelError, match="occlusion gives scores that are NaN or infinite"):
        heedful.explain(classifier, "good film", "occlusion")


def test_a_long_text_is_explained_up_to_the_limit_and_says_so() -> None:
    classifier = make_classifier(max_position_embeddings=8)
    result = heedful.explain(classifier, TEXT, "lime:n_samples=50", unit="word")
    assert result.units == ("The", "plot", "was", "not", "good", "but", "the")
    assert [TEXT[a:b] for a, b in result.cut] == ["acting was very good!"]
    assert heedful.explain(classifier, "the plot", "occlusion").cut == ()


HOSTILE = " Good <!-- 👩‍👩‍👧 e\u0301te\u0301 ש <script>film</script> \x1b[31mplot\x1b[0m a\u200bb \u202edull & \x00 the"


@pytest.mark.parametrize("name", methods.names())
def test_hostile_text_comes_out_right(classifier: Classifier, name: str) -> None:
    result = heedful.explain(classifier, HOSTILE, name, unit="word")
    assert result.text == HOSTILE
    assert all(HOSTILE[a:b] == unit for unit, ((a, b),) in zip(result.units, result.spans, strict=True))
    assert heedful.Explanation.from_json(result.to_json()) == result
    assert not re.search("<!--|<script", result.to_html())


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=30))
def test_any_text_is_explained_or_refused(text: str) -> None:
    classifier = make_classifier()
    try:
        result = heedful.explain(classifier, "film " + text, "occlusion", unit="word")
    except TextError:
        return
    assert len(result) >= 1
    assert np.isfinite(result.scores).all()


@pytest.mark.parametrize("name", methods.names())
def test_the_model_is_left_as_it_came(name: str) -> None:
    classifier = make_classifier(word_dropout=0.5)
    model = classifier.model.train()
    before = copy.deepcopy(model.state_dict())
    heedful.explain(classifier, TEXT, name)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_attention_cannot_speak_against_but_lime_can() -> None:
    """The paper's point, on the built-in model: one word against the prediction."""
    clf = heedful.load("demo")
    text = "The plot was dull and tedious, but the soundtrack was charming."
    comparison = heedful.compare(clf, text, ["alpha-avg", "lime", "occlusion"], target="negative")
    charming = comparison.explanations[0].units.index("charming")
    assert comparison["attention-mean"].scores.min() >= 0
    assert comparison["lime"].scores[charming] < 0
    assert comparison["occlusion"].scores[charming] < 0
