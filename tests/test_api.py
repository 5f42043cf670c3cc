"""The front door: explain and compare, and what they do with bad input."""

from __future__ import annotations

import copy
import inspect
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from factory import SENTENCES, make_bert, make_classifier
from heedful import Windows, methods
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError, SettingError, TargetError, TextError
from unchecked import call

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
        (
            {"target": "label"},
            TargetError,
            r"'LABEL_0', 1 'LABEL_1', 2 'LABEL_2'.*did you mean LABEL_0, LABEL_1 or LABEL_2",
        ),
        ({"target": 10**30}, TargetError, "no class 1000000000000000000000000000000"),
        ({"output": "odds"}, SettingError, "logit, probability, logit_difference"),
        ({"output": "logits"}, SettingError, r"did you mean logit\?"),
        ({"unit": "letter"}, SettingError, "word_type, word, token, sentence"),
        ({"unit": "wordtype"}, SettingError, r"did you mean word_type or word\?"),
        ({"masking": "hide"}, SettingError, "unk, mask, pad, delete, ignore"),
        ({"masking": "masked"}, SettingError, r"did you mean mask\?"),
        ({"method": "lymph"}, SettingError, "unknown method 'lymph'"),
        ({"method": "shap"}, SettingError, "did you mean permutation-shap, kernel-shap"),
        (
            {"method": "lime:samples=3"},
            SettingError,
            r"no setting 'samples'.*did you mean n_samples or sampler\?",
        ),
        ({"method": "lime:n_samples=100,n_samples=200"}, SettingError, "lime: n_samples is given twice"),
        ({"long_text": "windows:sizes=3"}, SettingError, r"windows has no setting 'sizes'.*did you mean size\?"),
        ({"long_text": "truncate:size=3"}, SettingError, "unknown long_text"),
        ({"text": ""}, TextError, "empty"),
        ({"text": " \n\t"}, TextError, "empty"),
        ({"text": "\u200b"}, TextError, "no word"),
        ({"text": "xyzzy plugh"}, TextError, "no word of the text is in the vocabulary"),
        ({"text": "a \ud800 film"}, TextError, "lone surrogate"),
        ({"text": "!!"}, TextError, "nothing to explain: the text has no word type"),
        ({"text": "!!", "method": "shapley-exact"}, TextError, "nothing to explain.*: try unit 'token'"),
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
    [
        3,
        b"good film",
        {"text": "good"},
        {"a": "x", "b": "y"},
        ("a", "b", "c"),
        ("good", None),
        [b"good"],
        [np.ones(2)],
        np.array("good film"),
        torch.tensor(3),
    ],
)
def test_what_is_no_text_is_refused(classifier: Classifier, text: object) -> None:
    with pytest.raises(TextError, match="give a text, a pair as a tuple, or a list of these: got"):
        call(heedful.explain, classifier, text)
    with pytest.raises(TextError, match=r"give a text, or a pair as a tuple: got|compare takes one text"):
        call(heedful.compare, classifier, text, ["occlusion"])


@pytest.mark.parametrize("missing", [None, math.nan, np.float64("nan"), pd.NA])
def test_a_missing_text_is_said_to_be_missing(classifier: Classifier, missing: object) -> None:
    for texts in (missing, ["good film", missing]):
        with pytest.raises(TextError, match=r"the text is missing \(.+\): leave it out, or give another"):
            call(heedful.explain, classifier, texts)
        with pytest.raises(TextError, match="the text is missing"):
            inspect.unwrap(Classifier.predict)(classifier, texts)


def test_a_column_of_a_table_is_several_texts_and_the_table_is_refused(classifier: Classifier) -> None:
    table = pd.DataFrame({"text": ["good film", "dull plot"], "label": [1, 0]})
    assert [one.label for one in classifier.predict(table["text"])] == [
        one.label for one in classifier.predict(table["text"].tolist())
    ]
    assert [one.text for one in call(heedful.explain, classifier, table["text"], "random")] == [
        "good film",
        "dull plot",
    ]
    for ask in (partial(call, heedful.explain), partial(call, heedful.compare), inspect.unwrap(Classifier.predict)):
        with pytest.raises(
            TextError, match=r"give the texts of a table, as in table\['text'\]: got the whole DataFrame"
        ):
            ask(classifier, table)


@pytest.mark.parametrize("texts", [["a film", "a plot"], [("a", "b")], [], iter(["a film"])])
def test_compare_says_how_to_compare_several_texts(classifier: Classifier, texts: object) -> None:
    message = r"compare takes one text, or a pair.*\[heedful.compare\(clf, text\) for text in texts\]"
    with pytest.raises(TextError, match=message):
        call(heedful.compare, classifier, texts, ["occlusion"])


@pytest.mark.parametrize("given", ["lime", methods.Lime(), 3, methods.Lime])
def test_compare_takes_a_list_of_methods(classifier: Classifier, given: object) -> None:
    with pytest.raises(SettingError, match=r"methods is a list, such as \['lime', 'occlusion'\], got"):
        call(heedful.compare, classifier, TEXT, given)


def test_names_are_taken_without_regard_to_case(classifier: Classifier) -> None:
    plain = {"target": "LABEL_1", "output": "probability", "unit": "word", "masking": "unk"}
    loud = {"target": "label_1", "output": "Probability", "unit": "WORD", "masking": "UNK", "long_text": "Truncate"}
    expected = heedful.explain(classifier, TEXT, "occlusion", **plain)
    assert replace(heedful.explain(classifier, TEXT, "OCCLUSION", **loud), seconds=0.0) == replace(
        expected, seconds=0.0
    )
    predicted = heedful.explain(classifier, TEXT, "random")
    assert heedful.explain(classifier, TEXT, "random", target="Predicted").target == predicted.target


REFUSED = """
import math
from unittest.mock import patch
import heedful, numpy
from heedful.errors import InputError
bad = {
    "target": [None, 1.0, True, ["LABEL_0"], b"LABEL_0"],
    "output": [3, "odds"],
    "unit": [None, ["word"], "letters"],
    "masking": [None, 0, "hidden"],
    "seed": [None, "0", 1.5, -1, math.nan, True, 10**5000 * -1],
    "long_text": [None, 3, "cut", "windows:size=0", "windows:size=60.5"],
    "method": [None, 3, heedful.methods.Lime, "limes", "lime:width=3", b"lime"],
    "text": [None, 3, b"text", ("a", 3), {"text": "a"}],
}
with patch("heedful.api.load", side_effect=AssertionError("a model was loaded")):
    for name, values in bad.items():
        for value in values:
            arguments = {"text": "a film", "method": "occlusion"} | {name: value}
            for function in (heedful.explain, heedful.compare):
                if function is heedful.compare:
                    arguments["methods"] = [arguments.pop("method")]
                try:
                    function("demo", **arguments)
                except InputError as refused:
                    assert "\\n" not in str(refused) and len(str(refused)) < 1000
                else:
                    raise AssertionError(f"{name}={value!r} was taken")
"""


def test_whatever_needs_no_model_is_refused_before_one_is_loaded() -> None:
    """In a process of its own, where no checks of the tests stand before the front door."""
    done = subprocess.run([sys.executable, "-c", REFUSED], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_model_without_a_name_is_refused() -> None:
    with pytest.raises(ModelError, match="name the model"):
        heedful.load("")


def test_a_pair_as_hugging_face_takes_it_is_a_pair(classifier: Classifier) -> None:
    pair, mapping = ("the plot", "a dull film"), {"text": "the plot", "text_pair": "a dull film"}
    expected = heedful.explain(classifier, pair, "occlusion")
    (listed,) = heedful.explain(classifier, [mapping], "occlusion")
    (compared,) = heedful.compare(classifier, mapping, ["occlusion"])
    for found in (heedful.explain(classifier, mapping, "occlusion"), listed, compared):
        assert replace(found, seconds=0.0) == replace(expected, seconds=0.0)


@pytest.mark.parametrize("make", [make_classifier, make_bert])
def test_a_word_in_both_texts_of_a_pair_is_two_units(make: Callable[[], Classifier]) -> None:
    """Premise and hypothesis share most of their words, and it matters in which of them one stands."""
    classifier, pair = make(), ("the plot was good", "the plot was not good")
    types = heedful.explain(classifier, pair, "occlusion", target=1)
    words = heedful.explain(classifier, pair, "occlusion", target=1, unit="word")
    assert types.unit == "word_type"
    assert types.units == words.units == ("the", "plot", "was", "good", "the", "plot", "was", "not", "good")
    assert types.scores == pytest.approx(words.scores, rel=1e-12)
    assert abs(types.scores[3] - types.scores[8]) > 1e-3 * np.abs(types.scores).max()


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


def test_a_function_is_compared_by_the_methods_it_allows() -> None:
    clf = heedful.load(lambda texts: [[0.2, 0.8] if "good" in one else [0.7, 0.3] for one in texts], labels=["n", "p"])
    with pytest.warns(UserWarning, match=r"does not allow them: attention-mean, .*gradient-x-input$"):
        compared = heedful.compare(clf, "A good film.")
    assert [e.method for e in compared.explanations] == ["lime", "occlusion", "random"]
    with pytest.raises(ModelError, match="is a function, with no attention and no gradients: use lime"):
        heedful.compare(clf, "A good film.", ["attention-mean", "lime"])
