"""Laws of every metric in the registry, on classifiers whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
import zoo
from factory import SENTENCES, make_classifier
from heedful import methods, metrics
from heedful.classifier import Classifier
from heedful.data import Rationale, planted
from heedful.explanation import Explanation
from heedful.metrics.registry import REGISTRY
from heedful.question import Choices, Question, ask
from heedful.text.units import words

CARDS = {card.name: card for card in REGISTRY.built_in}
NAMES = list(CARDS)
PLAUSIBILITY = {name for name, card in CARDS.items() if "rationales" in card.needs}
AGAINST_EXACT = {name for name, card in CARDS.items() if "exact values" in card.needs}
ASKED_AGAIN = {"seed-stability", "edit-sensitivity", "batch-sensitivity"}  # of the method, whatever the scores

TEXT = "plot dull but acting superb"  # five units
PEOPLE = Rationale(np.array(words(TEXT)), np.array([0.0, 0.0, 0.0, 1.0, 1.0]))


@pytest.fixture(scope="module")
def demo() -> Classifier:
    return heedful.load("demo")


@pytest.fixture(scope="module")
def posed(demo: Classifier) -> tuple[Question, Explanation]:
    return ask(demo, TEXT, Choices()), heedful.explain(demo, TEXT, "shapley-exact")


def judged(name: str, question: Question, explanation: Explanation) -> float:
    return metrics.judge(metrics.get(name), question, explanation, PEOPLE)


# chance


def sets(question: Question, k: int, *, keep: bool) -> np.ndarray:
    """The probability of the class with k units kept, or removed, for every set of k."""
    d = len(question.units)
    masks = np.array([np.isin(range(d), some) == keep for some in combinations(range(d), k)])
    return question.output_of("probability", question.output.target)(question.logits_of(masks))


def chances(question: Question) -> dict[str, float]:
    """What scores in random order get on average, where that can be written down."""
    d = len(question.units)
    whole = sets(question, d, keep=True)[0]
    without, only = (
        {k: float(whole - sets(question, k, keep=keep).mean()) for k in range(d + 1)} for keep in (False, True)
    )
    curve = np.array([sets(question, k, keep=True).mean() for k in range(d + 1)])
    area = float(np.trapezoid(curve, np.arange(d + 1) / d))
    k = math.ceil(0.2 * d)
    counts = [math.ceil(share * d) for share in (0.01, 0.05, 0.1, 0.2, 0.5)]
    return {
        **dict.fromkeys(("comprehensiveness", "soft-comprehensiveness"), without[k]),
        **dict.fromkeys(("sufficiency", "soft-sufficiency"), only[k]),
        "aopc-comprehensiveness": float(np.mean([without[n] for n in counts])),
        "aopc-sufficiency": float(np.mean([only[n] for n in counts])),
        **dict.fromkeys(("deletion", "insertion"), area),
        **dict.fromkeys(("top-flip", "replacement-flip:n_samples=4", "leave-one-out"), 0.0),
        **dict.fromkeys(("kendall", "spearman", "weighted-kendall", "seed-stability:n_seeds=1"), 0.0),
        **dict.fromkeys(("sign-violations", "sign-agreement"), 0.5),
        "top-k-overlap:k=2": 2 / d,
        **dict.fromkeys(("token-f1", "mass-inside"), 2 / 5),  # two of five tokens are marked
    }


BY_ENUMERATION = ("decision-flip", "iou-f1", "auprc")  # the mean over all orders of the units
# errors and distances have no such value, only better and worse; random scores heed no text, so nothing moves them
OTHERS = {"infidelity", "exact-error", "jensen-shannon", "edit-sensitivity", "batch-sensitivity"}


@pytest.fixture(scope="module")
def at_random(posed: tuple[Question, Explanation]) -> list[tuple[Question, Explanation]]:
    """The method "random" under many seeds, which metrics that draw share with it."""
    question, _ = posed
    one = heedful.explain(question.classifier, TEXT, "random", seed=3)
    asked = [replace(question, seed=seed) for seed in range(150)]
    every = [replace(one, scores=methods.Random().answer(one_asked).scores) for one_asked in asked]
    np.testing.assert_array_equal(every[3].scores, one.scores)
    return list(zip(asked, every, strict=True))


def values_of(name: str, at_random: list[tuple[Question, Explanation]]) -> tuple[float, float]:
    """Mean over the seeds, and its standard error."""
    values = np.array([judged(name, *one) for one in at_random])
    values = values[~np.isnan(values)] if name == "mass-inside" else values  # undefined where no score is above 0
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))


def test_chance_is_known_of_every_metric(posed: tuple[Question, Explanation]) -> None:
    known = {name.partition(":")[0] for name in chances(posed[0])}
    assert known | set(BY_ENUMERATION) | OTHERS == set(NAMES)
    assert len(posed[0].units) == 5


def test_random_scores_are_at_chance(
    posed: tuple[Question, Explanation], at_random: list[tuple[Question, Explanation]]
) -> None:
    question, exact = posed
    expected = chances(question)
    for name in BY_ENUMERATION:
        orders = [replace(exact, scores=np.array(order, dtype=np.float64)) for order in permutations(range(5))]
        expected[name] = float(np.mean([judged(name, question, one) for one in orders]))
    for name, chance in expected.items():
        some = at_random[: 150 if "sufficiency" in name or "comprehensiveness" in name else 60]  # two that are near
        mean, error = values_of(name, some)
        assert abs(mean - chance) < 4 * error + 1e-12, (name, mean, chance, error)
        assert error < (0.05 if len(some) == 150 else 0.1), name  # or the test says nothing


def test_random_scores_are_worse_than_exact_ones_where_chance_has_no_value(
    posed: tuple[Question, Explanation], at_random: list[tuple[Question, Explanation]]
) -> None:
    question, exact = posed
    for name in ("infidelity", "exact-error", "jensen-shannon"):
        mean, error = values_of(name, at_random[:20])
        assert mean - 4 * error > judged(name, question, exact), name
    random = heedful.explain(question.classifier, TEXT, "random")
    for name in ("edit-sensitivity", "batch-sensitivity"):
        assert judged(name, question, random) == 0.0


# the truth


def reviews(n: int) -> Iterator[tuple[str, Rationale]]:
    data = planted.as_dataset(planted.generate(n, seed=11))
    yield from zip(data.texts, data.rationales, strict=True)


# How far the best may be ahead of exact Shapley values, in the metric's own unit: nothing where the reference is exact;
# a tie is 0.01 elsewhere. Leave-one-out and signs are occlusion by definition, infidelity is what regressions minimise.
AHEAD = {
    **dict.fromkeys(("kendall", "exact-error", "sign-agreement"), 0.0),
    **dict.fromkeys(set(NAMES) - AGAINST_EXACT - PLAUSIBILITY - ASKED_AGAIN, 0.01),
    "leave-one-out": 0.1, "sign-violations": 0.1, "infidelity": 0.1,
}  # fmt: skip
RIVALS = [name for name in methods.names() if name not in ("lime-exact", "attention-flow", "slalom")]  # the slow ones


def test_exact_values_are_best_or_tied_on_the_planted_classifier(demo: Classifier) -> None:
    values: dict[str, dict[str, list[float]]] = {name: {rival: [] for rival in RIVALS} for name in AHEAD}
    for text, people in reviews(2):
        question = ask(demo, text, Choices())
        for rival in RIVALS:
            explanation = heedful.explain(demo, text, rival)
            for name, by_method in values.items():
                value = metrics.judge(metrics.get(name), question, explanation, people)
                by_method[rival].append(-value if CARDS[name].direction == "lower" else value)
    for name, by_method in values.items():
        means = {rival: np.mean(some) for rival, some in by_method.items() if not np.isnan(some).any()}
        best = max(means, key=lambda rival: means[rival])
        assert means["shapley-exact"] >= means[best] - AHEAD[name], (name, best, means[best], means["shapley-exact"])
        assert means["shapley-exact"] >= means["random"], name


@pytest.mark.parametrize("name", sorted(PLAUSIBILITY))
def test_what_was_planted_is_most_plausible(demo: Classifier, name: str) -> None:
    for text, people in reviews(4):
        question, exact = (
            ask(demo, text, Choices(unit="word")),
            heedful.explain(demo, text, "shapley-exact", unit="word"),
        )
        planted_weights = replace(exact, scores=people.weights)
        best = metrics.judge(metrics.get(name), question, planted_weights, people)
        assert best == pytest.approx(1.0)
        assert metrics.judge(metrics.get(name), question, exact, people) <= best + 1e-12


@pytest.fixture(scope="module")
def additive() -> Classifier:
    """Uniform attention, words replaced: every word adds its own part to the difference of two logits."""
    classifier = make_classifier(num_labels=2)
    with torch.no_grad():
        classifier.model.query.zero_()
    return classifier


ALIKE = [
    "occlusion", "permutation-shap", "kernel-shap", "partition", "banzhaf", "banzhaf-exact", "integrated-gradients",
    "lime-exact", "lime-asymptotic", "slalom-shapley", "slalom-lime",
]  # fmt: skip
# Judged by the order of the words or by sums of scores. Soft metrics reward a higher peak than the truth has, and a
# word that is replaced by another is no longer this game.
NOT_OF_THE_GAME = {"soft-comprehensiveness", "soft-sufficiency", "replacement-flip"}
UNBEATEN = [name for name in NAMES if name not in PLAUSIBILITY | ASKED_AGAIN | NOT_OF_THE_GAME]


@pytest.mark.parametrize("unit", ["word", "word_type"])
def test_of_an_additive_classifier_all_say_the_same(additive: Classifier, unit: str) -> None:
    assert {name for name in methods.names() if methods.REGISTRY.card_of(name).additive} <= {*ALIKE, "shapley-exact"}
    for text in SENTENCES[:2]:
        exact = heedful.explain(additive, text, "shapley-exact", unit=unit, output="logit_difference")
        for name in ALIKE:
            other = heedful.explain(additive, text, name, unit=unit, output="logit_difference")
            # the regressions of slalom are solved to about 1e-12
            np.testing.assert_allclose(
                other.scores, exact.scores, atol=1e-10 * np.abs(exact.scores).max(), err_msg=name
            )


def test_of_an_additive_classifier_the_exact_one_is_unbeaten(additive: Classifier) -> None:
    for text in SENTENCES:
        question = ask(additive, text, Choices(unit="word", output="logit_difference"))
        exact, *others = (
            heedful.explain(additive, text, name, unit="word", output="logit_difference")
            for name in ("shapley-exact", "lime", "gradient-x-input", "lrp", "attention-mean", "gradient-l2", "random")
        )
        for name in UNBEATEN:
            best, sign = judged(name, question, exact), -1 if CARDS[name].direction == "lower" else 1
            for other in others:
                value = judged(name, question, other)
                assert math.isnan(value) or sign * value <= sign * best + 1e-9, (name, other.method)


# every metric


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_gives_no_number(posed: tuple[Question, Explanation], name: str) -> None:
    question, explanation = posed
    for place in (0, 3):
        scores = explanation.scores.copy()
        scores[place] = math.nan
        assert math.isnan(judged(name, question, replace(explanation, scores=scores)))


@settings(deadline=None, max_examples=8)
@given(
    scores=st.lists(st.floats(-1e150, 1e150), min_size=5, max_size=5),  # whose squares are numbers
    signed=st.booleans(),
)
def test_values_are_in_the_range_of_the_card(
    posed: tuple[Question, Explanation], scores: list[float], signed: bool
) -> None:
    question, explanation = posed
    given = replace(explanation, scores=np.array(scores), signed=signed)
    for name, card in CARDS.items():
        if name in ASKED_AGAIN:
            continue
        value, (low, high) = judged(name, question, given), card.range
        assert math.isnan(value) or low <= value <= high, name


def test_the_direction_is_that_of_the_card(demo: Classifier) -> None:
    """Exact values against the same values handed to the units in reverse."""
    values: dict[str, list[float]] = {name: [] for name in NAMES if name not in ASKED_AGAIN}
    for text, people in reviews(3):
        question, exact = ask(demo, text, Choices()), heedful.explain(demo, text, "shapley-exact")
        order = np.argsort(exact.scores)
        scores = np.empty(len(order))
        scores[order] = exact.scores[order[::-1]]
        for name, ahead in values.items():
            better, worse = (
                metrics.judge(metrics.get(name), question, one, people)
                for one in (exact, replace(exact, scores=scores))
            )
            ahead.append(worse - better if CARDS[name].direction == "lower" else better - worse)
    for name, ahead in values.items():
        assert np.mean(ahead) > 0.1, name


@pytest.mark.parametrize("kind", ["bert", "paper"])
@pytest.mark.parametrize("soft", ["", "soft-"])
def test_without_everything_as_with_nothing(kind: str, soft: str) -> None:
    classifier = zoo.make(kind)
    question, explanation = ask(classifier, TEXT, Choices()), heedful.explain(classifier, TEXT, "occlusion")
    nothing = judged(f"{soft}sufficiency:share=0", question, explanation)
    assert judged(f"{soft}comprehensiveness:share=1", question, explanation) == nothing
    whole, empty = question.output_of("probability", question.output.target)(
        question.logits_of(np.array([[True], [False]]).repeat(len(explanation), axis=1))
    )
    assert nothing == pytest.approx(whole - empty, abs=1e-12)
    assert judged(f"{soft}comprehensiveness:share=0", question, explanation) == 0.0
    assert judged(f"{soft}sufficiency:share=1", question, explanation) == 0.0
