"""Metrics that remove words: cases by hand, and laws."""

from __future__ import annotations

import math
from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful import metrics
from heedful.errors import InputError, SettingError
from judged import Posed, additive, pose, probable, scored

BY_HAND = probable([0.4, 0.2, 0.1, 0.05], 0.1)  # 0.85 as a whole
RIGHT = [4.0, 3.0, 2.0, 1.0]


def judged(spec: str, question: Posed, scores: list[float], *, signed: bool = True) -> float:
    return metrics.get(spec).measure(question, scored(scores, signed=signed))


@pytest.mark.parametrize(
    ("spec", "scores", "value"),
    [
        ("comprehensiveness:share=0.5", RIGHT, 0.6),
        ("comprehensiveness:share=0.51", RIGHT, 0.7),  # 2.04 words are three
        ("comprehensiveness:share=0.01", RIGHT, 0.4),
        ("comprehensiveness:share=0", RIGHT, 0.0),
        ("sufficiency:share=0.5", RIGHT, 0.15),
        ("sufficiency:share=0", RIGHT, 0.75),
        ("comprehensiveness:share=0.25", [-9, 3, 2, 1], 0.2),
        ("comprehensiveness:share=0.25,order=size", [-9, 3, 2, 1], 0.4),
        ("comprehensiveness:share=0.5", [1, 1, 1, 1], 0.6),  # ties keep the text's order
        ("aopc-comprehensiveness", RIGHT, (4 * 0.4 + 0.6) / 5),
        ("aopc-sufficiency", RIGHT, (4 * 0.35 + 0.15) / 5),
        ("deletion", RIGHT, ((0.85 + 0.1) / 2 + 0.45 + 0.25 + 0.15) / 4),
        ("insertion", RIGHT, ((0.1 + 0.85) / 2 + 0.5 + 0.7 + 0.8) / 4),
        ("deletion:steps=2", RIGHT, (0.85 + 2 * 0.25 + 0.1) / 4),
        ("deletion:steps=1", RIGHT, (0.85 + 0.1) / 2),
        ("decision-flip", RIGHT, 0.25),
        ("decision-flip", [2, 1, 3, 4], 0.75),  # 0.8, 0.7, 0.3
        ("top-flip", RIGHT, 1.0),
        ("top-flip", [1, 4, 2, 3], -1 / 3),
        ("leave-one-out:output=probability", RIGHT, 1.0),
        ("leave-one-out:output=probability", [4, 3, 1, 2], 4 / 6),
        ("sign-violations", [1, -1, 1, 1], 0.25),
        ("sign-violations", [1, -1, 0, 0], 0.5),
        ("sign-violations", [0, 0, 0, 0], math.nan),
        ("infidelity:output=probability", [0.4, 0.2, 0.1, 0.05], 0.0),
        ("infidelity:output=probability", [0, 0, 0, 0], 1.0),
        ("infidelity:output=probability", [-0.4, -0.2, -0.1, -0.05], 1.0),  # the best factor is none
    ],
)
def test_by_hand(spec: str, scores: list[float], value: float) -> None:
    assert judged(spec, BY_HAND, scores) == pytest.approx(value, abs=1e-12, nan_ok=True)


def test_sizes_order_the_words_of_methods_without_signs() -> None:
    assert judged("comprehensiveness:share=0.25", BY_HAND, [-9, 3, 2, 1], signed=False) == pytest.approx(0.4)
    assert judged("leave-one-out", BY_HAND, [-4, 3, 2, 1], signed=False) == 1.0
    assert math.isnan(judged("sign-violations", BY_HAND, RIGHT, signed=False))


def test_long_texts_go_in_steps() -> None:
    d = 120
    question = additive([1 / d] * d)
    lengths: list[int] = []
    play = question.play
    object.__setattr__(question, "play", lambda masks: (lengths.append(len(masks)), play(masks))[1])
    assert judged("deletion:output=logit", question, [1.0] * d) == pytest.approx(0.5)
    assert lengths == [51]


def test_decisions_that_never_change() -> None:
    sure = additive([1.0, 1.0], start=5.0)
    assert judged("decision-flip", sure, [1, 2]) == 1.0
    assert judged("top-flip", sure, [1, 2]) == 0.0
    assert math.isnan(judged("top-flip", additive([1.0]), [1]))


def test_decisions_for_another_class_are_not_asked_for() -> None:
    other = additive([1.0, 1.0], start=-5.0)
    assert math.isnan(judged("decision-flip", other, [1, 2]))
    assert math.isnan(judged("top-flip", other, [1, 2]))


def test_infidelity_is_its_definition() -> None:
    seen: list[np.ndarray] = []

    def log_odds(masks: np.ndarray) -> np.ndarray:
        seen.append(masks)
        return masks @ np.array([1.0, -2.0, 0.5]) + masks[:, 0] * masks[:, 1]

    scores = np.array([1.0, -1.0, 0.3])
    value = judged("infidelity:n_samples=50,share=0.3", pose(3, log_odds, seed=3), scores.tolist())
    masks = seen[-1]
    assert (len(masks), masks[0].all()) == (51, True)
    assert 0.6 < masks[1:].mean() < 0.8
    told, falls = ~masks[1:] @ scores, log_odds(masks)[0] - log_odds(masks)[1:]
    (factor,), (left,), *_ = np.linalg.lstsq(told[:, None], falls, rcond=None)
    assert factor > 0
    assert value == pytest.approx(left / (falls @ falls))
    plain = judged("infidelity:n_samples=50,share=0.3,scaled=false", pose(3, log_odds, seed=3), scores.tolist())
    assert plain == pytest.approx(np.mean((told - falls) ** 2))


def test_sets_of_words_depend_on_the_seed_alone() -> None:
    crossed = lambda masks: 1.0 * masks[:, 0] * masks[:, 1]  # noqa: E731
    values = [judged("infidelity", pose(3, crossed, seed), [1, 1, 0]) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


BETTER = {"higher": max, "lower": min}
ORDERED = [
    "comprehensiveness:share=0.5", "sufficiency:share=0.5", "aopc-comprehensiveness", "aopc-sufficiency", "deletion",
    "insertion", "decision-flip", "top-flip", "infidelity", "leave-one-out", "sign-violations",
]  # fmt: skip
EFFECTS = st.lists(st.floats(0.1, 3).map(lambda x: round(x, 2)), min_size=4, max_size=4, unique=True)


few = settings(deadline=None, max_examples=5)


@pytest.mark.parametrize("spec", ORDERED)
@few
@given(sizes=EFFECTS, signs=st.tuples(*[st.sampled_from([1, 1, -1])] * 4), start=st.sampled_from([-0.3, 0.0, 1.0]))
def test_of_all_orders_the_coefficients_of_an_additive_game_are_best(
    spec: str, sizes: list[float], signs: tuple[int, ...], start: float
) -> None:
    effects = [size * sign for size, sign in zip(sizes, signs, strict=True)]
    question = additive(effects, start)
    truth = judged(spec, question, effects)
    every = [judged(spec, question, list(order)) for order in permutations(effects)]
    if not math.isnan(truth):
        assert truth == pytest.approx(BETTER[metrics.get(spec).card.direction](every), abs=1e-9)


@pytest.mark.parametrize("spec", ORDERED)
@few
@given(
    scores=st.lists(st.floats(-3, 3).map(lambda x: round(x, 2)), min_size=4, max_size=4),
    factor=st.sampled_from([1e-250, 1e-3, 7.0, 1e200]),
    signed=st.booleans(),
)
def test_the_scale_of_scores_plays_no_part(spec: str, scores: list[float], factor: float, signed: bool) -> None:
    question = additive([1.0, -0.5, 2.0, 0.25])
    low, high = metrics.get(spec).card.range
    value = judged(spec, question, scores, signed=signed)
    assert math.isnan(value) or low <= value <= high
    scaled = [score * factor for score in scores]
    assert judged(spec, question, scaled, signed=signed) == pytest.approx(value, abs=1e-12, nan_ok=True)


@few
@given(EFFECTS)
def test_without_everything_as_with_nothing(effects: list[float]) -> None:
    question = additive(effects)
    for output in ("probability", "logit", "explained"):
        everything = judged(f"comprehensiveness:share=1,output={output}", question, effects)
        assert everything == judged(f"sufficiency:share=0,output={output}", question, effects)
        assert judged(f"sufficiency:share=1,output={output}", question, effects) == 0.0
    assert everything == pytest.approx(sum(effects))


def test_random_orders_are_at_chance() -> None:
    """Over all orders the mean is that over all sets of words of a size, whatever the scores."""
    effects = [1.0, -0.5, 2.0, 0.25]
    question = additive(effects, start=-1.0)
    sets = [[set(some) for some in combinations(range(4), k)] for k in range(5)]

    def mean(sets: list[set[int]]) -> float:
        odds = np.array([-1.0 + sum(effects[i] for i in some) for some in sets])
        return float(np.mean(1 / (1 + np.exp(-odds))))

    kept = [mean(some) for some in sets]
    expected = {
        "comprehensiveness:share=0.5": kept[4] - kept[2],
        "sufficiency:share=0.5": kept[4] - kept[2],
        "aopc-comprehensiveness": kept[4] - (4 * kept[3] + kept[2]) / 5,
        "aopc-sufficiency": kept[4] - (4 * kept[1] + kept[2]) / 5,
        "deletion": (sum(kept) - (kept[0] + kept[4]) / 2) / 4,
        "insertion": (sum(kept) - (kept[0] + kept[4]) / 2) / 4,
        "top-flip": 0.0,
        "leave-one-out": 0.0,
    }
    for spec, value in expected.items():
        every = [judged(spec, question, list(order)) for order in permutations([4.0, 3.0, 2.0, 1.0])]
        assert np.mean(every) == pytest.approx(value, abs=1e-12), spec
    signs = [judged("sign-violations", question, list(order)) for order in product([1.0, -1.0], repeat=4)]
    assert np.mean(signs) == 0.5


@pytest.mark.parametrize("spec", ORDERED)
def test_what_is_undefined(spec: str) -> None:
    assert math.isnan(judged(spec, BY_HAND, [1, math.nan, 2, 3]))


@pytest.mark.parametrize("spec", [*ORDERED, "kendall", "exact-error"])
def test_an_explanation_of_other_words_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="by lime has 3 units, the question 4"):
        judged(spec, BY_HAND, [1, 2, 3])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("comp:share=1.5", "share must be from 0 to 1"),
        ("deletion:steps=0", "steps must be at least 1"),
        ("suff:output=loss", "output"),
        ("suff:order=none", "order"),
        ("infidelity:share=1", "share must be above 0 and below 1"),
    ],
)
def test_settings_that_are_refused(spec: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        metrics.get(spec)
