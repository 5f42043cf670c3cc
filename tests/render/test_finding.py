"""The finding in sentences: every branch of its rules, with the sentence it must be."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations import field_values, make
from heedful.explanation import Explanation
from heedful.methods.registry import REGISTRY
from heedful.render import finding

TEXT = "dull but charming"
WEIGHTS = {"method": "attention-mean", "signed": False, "scores": [0.5, 0.2, 0.3]}
SHAPLEY = {"method": "shapley-exact", "additive": True, "scores": [-0.9, -0.1, 0.8]}


def of(**fields):
    return make(TEXT, **fields)


def said(*explanations):
    return ["".join(piece.text for piece in sentence) for sentence in finding.findings(explanations)]


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({}, []),
        ({"predicted": 1, "predicted_name": "positive"}, ["Predicted: positive."]),
        (
            {"predicted": 1, "predicted_name": "positive", "probability": 0.81864},
            ["Predicted: positive, with probability 0.819."],
        ),
        (
            {"predicted": 0, "predicted_name": "negative", "probability": 0.75},
            ["Predicted: negative, with probability 0.750.", "Explained here: positive."],
        ),
        # two classes of one name are two classes
        ({"predicted": 0, "predicted_name": "positive"}, ["Predicted: positive.", "Explained here: positive."]),
        ({"unknown": 2}, []),
        ({"unknown": 3}, ["No word is in the classifier's vocabulary: it cannot tell them apart."]),
    ],
)
def test_what_is_known_of_the_prediction(fields, sentences):
    alone = "By lime, “dull” speaks most against positive (-2); nothing speaks for it."
    assert said(of(scores=[-2, -1, 0], **fields)) == [*sentences, alone]
    assert said(make("", [], scores=[], **fields)) == sentences[: 2 * ("predicted" in fields)]


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, "0.000"), (4e-4, "below 0.001"), (6e-4, "0.001"), (0.5, "0.500"), (0.99951, "above 0.999"), (1.0, "1.000")],
)
def test_a_probability_is_rounded_to_zero_or_one_only_if_it_is(probability, words):
    shown = said(of(predicted=1, predicted_name="a", probability=probability))[0]
    assert shown == f"Predicted: a, with probability {words}."


def test_attentions_top_word_speaks_against_the_prediction():
    assert said(of(**WEIGHTS), of(), of(**SHAPLEY)) == [
        "Attention's top word “dull” (0.5 by attention-mean) speaks against positive: -0.9 by shapley-exact.",
        "It is the top word of shapley-exact too.",
        "Agreement of attention-mean and shapley-exact (Kendall's tau-b): signed -0.33, unsigned 1.00.",
    ]


def test_attentions_top_word_speaks_for_it_and_another_matters_more():
    assert said(of(**WEIGHTS), of(**(SHAPLEY | {"scores": [0.3, -0.5, 0.1]}))) == [
        "Attention's top word “dull” (0.5 by attention-mean) speaks for positive: +0.3 by shapley-exact.",
        "The top word of shapley-exact is “but”, which speaks against positive: -0.5.",
        "Agreement of attention-mean and shapley-exact (Kendall's tau-b): signed 1.00, unsigned -0.33.",
    ]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"scores": [0.0, 0.1, 0.8]}, "makes no difference to positive: 0"),
        ({"scores": [-9.5e-18, 0.1, 0.8], "error_bound": 1.7e-15}, "makes no difference to positive: about 0"),
        ({"scores": [0.01, 0.1, 0.8], "std_error": np.array([0.006, 0.1, 0.1])},
         "may speak for or against positive: +0.01 ± 0.0118"),
        ({"scores": [0.01, 0.1, 0.8], "std_error": np.array([0.004, 0.1, 0.1])}, "speaks for positive: +0.01"),
        ({"scores": [-0.01, 0.1, 0.8], "std_error": np.full(3, np.nan)},
         "cannot be told, of so few samples, to speak for or against positive: -0.01"),
        ({"scores": [-0.01, 0.1, 0.8], "error_bound": 0.02}, "may speak for or against positive: -0.01 ± 0.02"),
        ({"scores": [-0.01, 0.1, 0.8], "error_bound": 1e-13}, "speaks against positive: -0.01"),
    ],
)  # fmt: skip
def test_the_sign_is_told_as_far_as_it_is_known(fields, verdict):
    assert said(of(**WEIGHTS), of(method="lime", **fields))[0] == (
        f"Attention's top word “dull” (0.5 by attention-mean) {verdict} by lime."
    )


WEIGHED = (
    "By attention-mean, “dull” weighs most (0.5); whether it speaks for positive or against it, a weight does not say."
)
ORDER = ["shapley-exact", "lime-exact", "kernel-shap", "occlusion", "integrated-gradients"]


@pytest.mark.parametrize(("better", "worse"), list(itertools.combinations(ORDER, 2)))
def test_the_reference_is_the_best_there_is(better, worse):
    row = [of(**WEIGHTS)] + [of(method=n, additive=REGISTRY.card_of(n).additive) for n in (worse, "lrp", better)]
    for some in (row, row[::-1]):
        assert f"by {better}." in said(*some)[0]


def test_of_methods_alike_the_first_is_the_reference():
    for names in (("lime", "occlusion"), ("occlusion", "lime")):
        assert said(of(**WEIGHTS), *(of(method=name) for name in names))[0].endswith(f"by {names[0]}.")


@pytest.mark.parametrize(
    "other",
    [
        {"method": "random"},
        {"method": "random", "additive": True},
        {"method": "gradient-x-input"},
        {"method": "gradient-l2", "signed": False},
        {"method": "somebody's"},
        {"method": "lime", "scores": [np.nan, 0.1, 0.2]},
    ],
)
def test_without_a_reference_attention_is_left_alone(other):
    assert said(of(**other), of(**WEIGHTS)) == [WEIGHED]


def test_a_method_of_ones_own_is_a_reference_if_it_adds_up():
    assert said(of(**WEIGHTS), of(method="somebody's", additive=True))[0].endswith("by somebody's.")


def test_attention_is_the_first_unsigned_method_of_its_family():
    others = [of(method="attention-max", signed=False, scores=[0.1, 0.2, 0.7]), of(**WEIGHTS)]
    weights = [of(method="gradient-l2", signed=False), of(method="attention-head", signed=True)]
    assert said(*weights, *others, of(**SHAPLEY))[0].startswith(
        "Attention's top word “charming” (0.7 by attention-max)"
    )


def test_without_attention_the_reference_speaks():
    both = "By shapley-exact, “charming” speaks most for positive (+0.8), “dull” most against it (-0.9)."
    assert said(of(method="gradient-l2", signed=False), of(**SHAPLEY)) == [both]


def test_attention_that_prefers_nothing_has_no_top_word():
    even = of(**(WEIGHTS | {"scores": [0.25, 0.25, 0.25]}))
    assert said(even, of(**SHAPLEY)) == [
        "attention-mean gives every word the same weight.",
        "By shapley-exact, “charming” speaks most for positive (+0.8), “dull” most against it (-0.9).",
    ]


def test_a_model_that_hardly_reacts_is_the_finding():
    faint = of(**(SHAPLEY | {"scores": [3.7e-05, 0.0, -1e-06], "prediction": 1.45}))
    sentence = "shapley-exact: the classifier hardly reacts, the largest score is 3.7e-05 beside a logit of +1.45."
    assert said(of(**WEIGHTS), faint) == said(faint) == [sentence]


def test_scores_of_zero_are_the_finding():
    zero = of(method="gradient-mean", scores=[0, 0, 0])
    assert said(zero) == ["gradient-mean: all scores are 0."]
    nearly = of(method="gradient-mean", scores=[1e-9, 0, 0], prediction=1.0)
    assert said(nearly) == ["gradient-mean: all scores are about 0, the largest is 1e-09."]
    blind = of(**(WEIGHTS | {"scores": [0, 0, 0]}))
    assert said(blind, of(**SHAPLEY))[:2] == [
        "attention-mean: all scores are 0.",
        "By shapley-exact, “charming” speaks most for positive (+0.8), “dull” most against it (-0.9).",
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "By lime, “dull” speaks most for positive (+1), “charming” most against it (-0.5)."),
        ({"scores": [0.0, 2.0, 1.0]}, "By lime, “but” speaks most for positive (+2); nothing speaks against it."),
        ({"scores": [0.0, -2.0, -1.0]}, "By lime, “but” speaks most against positive (-2); nothing speaks for it."),
        ({"method": "random"}, "random is a control: its scores say nothing about the text."),
        (WEIGHTS, WEIGHED),
        ({"scores": [np.nan] * 3}, None),
        ({"scores": [np.nan, 2, -1]}, "By lime, “but” speaks most for positive (+2), “charming” most against it (-1)."),
    ],
)  # fmt: skip
def test_one_explanation_alone(fields, sentence):
    assert said(of(**fields)) == ([] if sentence is None else [sentence])


@pytest.mark.parametrize(("unit", "word"), [("word_type", "word"), ("token", "token"), ("sentence", "sentence")])
def test_units_go_by_their_names(unit, word):
    assert said(of(**WEIGHTS, unit=unit), of(**SHAPLEY, unit=unit))[0].startswith(f"Attention's top {word} “dull”")


def test_names_with_braces_are_names():
    fields = {"target_name": "{0}", "unit": "{}", "units": ("{}", "{", "}"), "predicted": 1, "predicted_name": "{x}"}
    assert said(of(**WEIGHTS, **fields), of(**SHAPLEY, **fields))[:2] == [
        "Predicted: {x}.",
        "Attention's top {} “{}” (0.5 by attention-mean) speaks against {0}: -0.9 by shapley-exact.",
    ]


@given(field_values(), st.sampled_from(["attention-mean", "lime", "shapley-exact", "random", "x", "gradient-mean"]))
def test_every_explanation_says_something_or_nothing(values, method):
    one = Explanation(**(values | {"method": method}))
    other = Explanation(**(values | {"method": "attention-max", "signed": False}))
    for sentence in [*finding.findings([one]), *finding.findings([one, other])]:
        assert "".join(piece.text for piece in sentence).endswith(".")


@pytest.mark.parametrize(
    ("std_error", "sentence"),
    [
        (
            np.full(3, np.nan),
            "By lime, “charming” scores highest (+0.8): too little was sampled to tell what it speaks for.",
        ),
        (
            np.full(3, 0.5),
            "By lime, “charming” scores highest (+0.8, which may be wrong by 0.98): too little was sampled to tell "
            "what it speaks for.",
        ),
        (np.full(3, 0.1), "By lime, “charming” speaks most for positive (+0.8), “dull” most against it (-0.3)."),
    ],
)
def test_a_method_alone_says_no_more_than_it_knows(std_error, sentence):
    (said_,) = said(of(method="lime", scores=[-0.3, 0.1, 0.8], std_error=std_error))
    assert said_ == sentence
