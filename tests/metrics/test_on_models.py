"""Every metric on a classifier of the paper's kind and on another; what they cost, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import heedful
import zoo
from heedful import metrics
from heedful.classifier import Classifier
from heedful.data import Rationale
from heedful.errors import SettingError, TextError
from heedful.explanation import Explanation
from heedful.metrics.registry import REGISTRY
from heedful.question import Choices, Question, ask
from heedful.text.units import words

TEXT = "the plot was not good but the acting was very good"
SPANS = np.array(words(TEXT))
PEOPLE = Rationale(SPANS, np.array([float(TEXT[a:b] in ("not", "good")) for a, b in SPANS]))
EXACT = [card.name for card in REGISTRY.built_in if "exact values" in card.needs]


@pytest.fixture(scope="module")
def bert() -> Classifier:
    return zoo.make("bert")


def posed(classifier: Classifier, method: str) -> tuple[Question, Explanation]:
    return ask(classifier, TEXT, Choices()), heedful.explain(classifier, TEXT, method)


def value(name: str, question: Question, explanation: Explanation) -> float:
    return metrics.judge(metrics.get(name), question, explanation, PEOPLE)


@pytest.mark.parametrize("kind", ["paper", "bert"])
def test_every_metric_gives_a_number_in_its_range(classifier: Classifier, bert: Classifier, kind: str) -> None:
    for method in ("occlusion", "attention-mean", "random"):
        question, explanation = posed(classifier if kind == "paper" else bert, method)
        for card in REGISTRY.built_in:
            if kind == "bert" and card.name in EXACT:
                continue
            number = value(card.name, question, explanation)
            low, high = card.range
            assert low <= number <= high or (method == "attention-mean" and "sign" in card.name)
            assert type(number) is float


@pytest.mark.parametrize("name", EXACT)
def test_exact_values_need_softmax_pooling(bert: Classifier, name: str) -> None:
    with pytest.raises(SettingError, match="exact values need softmax pooling, which bert is not"):
        value(name, *posed(bert, "occlusion"))


def test_every_metric_of_removal_is_its_words(bert: Classifier) -> None:
    """Against texts with words removed one by one, through the front door."""
    question, explanation = posed(bert, "occlusion")
    order = np.argsort(-explanation.scores, kind="stable")
    d, target = len(order), explanation.target

    def probabilities(masks: np.ndarray) -> np.ndarray:
        game = heedful.games.from_text(bert, TEXT, output="probability", target=target)
        return game(masks)

    removed = np.ones((d + 1, d), dtype=bool)
    for step, unit in enumerate(order, start=1):
        removed[step:, unit] = False
    curve = probabilities(removed)
    k = math.ceil(0.2 * d)
    alone = probabilities(~removed[[k]])[0]
    expected = {
        "comprehensiveness": curve[0] - curve[k],
        "sufficiency": curve[0] - alone,
        "deletion": (curve.sum() - (curve[0] + curve[-1]) / 2) / d,
    }
    for name, number in expected.items():
        assert value(name, question, explanation) == pytest.approx(number, abs=1e-9)
    assert value("leave-one-out", question, explanation) == 1.0
    assert value("sign-violations", question, explanation) == 0.0


def test_the_cost_is_as_the_cards_say_and_is_paid_once(bert: Classifier) -> None:
    question, explanation = posed(bert, "occlusion")
    d = len(explanation)
    spent = {}
    for card in REGISTRY.built_in:
        if card.name not in EXACT and "the method's" not in card.cost:
            alone = replace(question)
            value(card.name, alone, explanation)
            spent[card.name] = alone.__dict__["_all_logits"].n_forward if "_all_logits" in alone.__dict__ else 0
    upto = {"2": 2, "6": 6, "d + 1": d + 1, "d + 1, at most steps + 1": d + 1, "n_samples + 1": 101, "none": 0}
    upto["2 n_samples + 1"] = 1  # masked texts: the others are edited
    for name, n in spent.items():
        assert n <= upto[REGISTRY.card_of(name).cost], name
    assert spent["deletion"] == spent["leave-one-out"] == d + 1
    for name in ("leave-one-out", "deletion"):
        value(name, question, explanation)
    before = question._all_logits.n_forward
    for name in ("sign-violations", "top-flip", "decision-flip", "comprehensiveness", "aopc-comprehensiveness"):
        value(name, question, explanation)
    assert question._all_logits.n_forward == before


def test_outputs_that_are_not_there_are_refused_in_a_line() -> None:
    number = zoo.make("bert", num_labels=1, problem_type="regression")
    question, explanation = posed(number, "occlusion")
    for name in ("comprehensiveness", "deletion"):
        with pytest.raises(SettingError, match="predicts a number, not a probability: use output=logit"):
            value(name, question, explanation)
        assert math.isfinite(value(f"{name}:output=logit", question, explanation))
    for name in ("decision-flip", "top-flip"):
        with pytest.raises(SettingError, match="predicts a number, not a class, so no decision can change"):
            value(name, question, explanation)
    with pytest.raises(SettingError, match="at least two classes"):
        value("deletion:output=logit_difference", question, explanation)


def test_each_of_classes_that_do_not_exclude_each_other_is_decided_alone() -> None:
    likeliest = []
    for seed in range(3):
        several = zoo.make("bert", seed, problem_type="multi_label_classification")
        for target in range(3):
            question = ask(several, TEXT, Choices(target=target))
            explanation = heedful.explain(several, TEXT, "occlusion", target=target)
            share = value("decision-flip", question, explanation)
            if question.logits[target] <= 0:
                assert math.isnan(share)
                continue
            likeliest.append(question.logits.argmax() == target)
            d = len(explanation)
            kept = np.ones((d, d), dtype=bool)
            for step, unit in enumerate(np.argsort(-explanation.scores, kind="stable")):
                kept[step:, unit] = False
            gone = np.flatnonzero(question.game()(kept) <= 0)
            assert share == (1.0 if not len(gone) else (gone[0] + 1) / d)
    assert {True, False} == set(likeliest)


def test_nothing_to_remove(classifier: Classifier) -> None:
    question, explanation = posed(classifier, "occlusion")
    empty = replace(question, units=replace(question.units, strings=(), spans=(), positions=()))
    none = replace(explanation, units=(), spans=(), scores=np.zeros(0), std_error=None)
    with pytest.raises(TextError, match="nothing to explain"):
        value("comprehensiveness", empty, none)
