"""ERASER's definitions (DeYoung et al. 2020, section 4), written down again from the paper, beside ours.

Where ours differ, a test says how:

- equation for AOPC: the paper divides by |B| + 1 and sums from k = 0, the empty rationale, on; its released code, and
  ours, average the five bins. So for comprehensiveness the paper's is 5/6 of ours, for sufficiency it takes in the fall
  of the empty text.
- IOU F1 over texts: the released code averages precision and recall over texts, then takes their F1; ours is the F1 of
  each text, whose mean is for the reader to take. For one text they are equal.
- what is a match: the paper says an overlap of more than 0.5, the released code and ours at least 0.5.
- removal: ERASER deletes tokens of the text, ours removes units by the question's masking.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful import metrics
from heedful.data import Rationale
from heedful.question import Choices, Question, ask
from judged import additive, probable, scored, text_of, two_classes

BINS = (1, 5, 10, 20, 50)  # percent
FEW = settings(deadline=None, max_examples=15)


# the paper's definitions, over lists of booleans, one a token


def first_words(scores: list[float], percent: int) -> set[int]:
    """The top words of a bin: integers, so that no rounding decides; ties in the text's order."""
    k = -(-percent * len(scores) // 100)
    return set(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


def spans_of(marked: list[bool]) -> list[set[int]]:
    spans: list[set[int]] = []
    for i, is_marked in enumerate(marked):
        if is_marked and i > 0 and marked[i - 1]:
            spans[-1].add(i)
        elif is_marked:
            spans.append({i})
    return spans


def harmonic(precision: float, recall: float) -> float:
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def token_f1(chosen: list[bool], marked: list[bool]) -> float:
    both = sum(c and m for c, m in zip(chosen, marked, strict=True))
    return harmonic(both / sum(chosen), both / sum(marked))


def iou_matches(chosen: list[bool], marked: list[bool]) -> tuple[float, float]:
    """Precision and recall of spans that overlap one in the other list by at least half of their union."""
    forecast, truth = spans_of(chosen), spans_of(marked)
    matches = sum(max((len(p & t) / len(p | t) for t in truth), default=0.0) >= 0.5 for p in forecast)
    return matches / len(forecast), matches / len(truth)


def area(scores: list[float], marked: list[bool]) -> float:
    """Under precision over recall, from (recall 0, precision 1), a point for every threshold."""
    points = [(0.0, 1.0)]
    for threshold in sorted(set(scores), reverse=True):
        taken = [score >= threshold for score in scores]
        both = sum(t and m for t, m in zip(taken, marked, strict=True))
        points.append((both / sum(marked), both / sum(taken)))
    return sum((r - q) * (p + o) / 2 for (q, o), (r, p) in pairwise(points))


# faithfulness


def judged(spec: str, question: Question, scores: list[float]) -> float:
    return metrics.get(spec).measure(question, scored(scores))


def probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


EFFECTS = st.lists(st.floats(-2, 2).map(lambda x: round(x, 3)), min_size=2, max_size=25)


@FEW
@given(EFFECTS, st.randoms(use_true_random=False))
def test_comprehensiveness_and_sufficiency_of_every_bin(effects: list[float], random: object) -> None:
    scores = [round(random.uniform(-1, 1), 1) for _ in effects]  # with ties
    question, everything = additive(effects), sum(effects)
    falls_without, falls_with_only = [], []
    for percent in BINS:
        top = first_words(scores, percent)
        kept = sum(effects[i] for i in top)
        falls_without.append(probability(everything) - probability(everything - kept))
        falls_with_only.append(probability(everything) - probability(kept))
        share = f"share={percent / 100}"
        assert judged(f"comprehensiveness:{share}", question, scores) == pytest.approx(falls_without[-1], abs=1e-12)
        assert judged(f"sufficiency:{share}", question, scores) == pytest.approx(falls_with_only[-1], abs=1e-12)
    # as the released code averages: always five bins, also where several are the same words
    assert judged("aopc-comprehensiveness", question, scores) == pytest.approx(np.mean(falls_without), abs=1e-12)
    assert judged("aopc-sufficiency", question, scores) == pytest.approx(np.mean(falls_with_only), abs=1e-12)


def test_bins_by_hand() -> None:
    """Ten words worth 0.01, 0.02 ... 0.10 of the probability, from 0.1 on: 0.65 as a whole."""
    shares = [i / 100 for i in range(1, 11)]
    question = probable(shares, 0.1)
    by_bin = [0.10, 0.10, 0.10, 0.19, 0.40]  # 1 word, 1, 1, 2 and 5
    assert judged("aopc-comprehensiveness", question, shares) == pytest.approx(sum(by_bin) / 5)
    left = [0.55 - gone for gone in by_bin]
    assert judged("aopc-sufficiency", question, shares) == pytest.approx(sum(left) / 5)
    # the paper's equation has the empty rationale as well, and six terms
    assert (0.0 + sum(by_bin)) / 6 == pytest.approx(5 / 6 * judged("aopc-comprehensiveness", question, shares))
    paper = (5 * judged("aopc-sufficiency", question, shares) + judged("sufficiency:share=0", question, shares)) / 6
    assert paper == pytest.approx((0.55 + sum(left)) / 6)


def test_negative_values_are_kept() -> None:
    """Words against the class on top: the probability rises without them, and with nothing but the one word for it."""
    question = probable([-0.2, 0.3, -0.1, 0.05], 0.4)
    assert judged("comprehensiveness:share=0.5", question, [4, 1, 3, 2]) == pytest.approx(-0.3)
    assert judged("aopc-comprehensiveness", question, [4, 1, 3, 2]) == pytest.approx((4 * -0.2 - 0.3) / 5)
    assert judged("sufficiency:share=0.25", question, [1, 4, 2, 3]) == pytest.approx(-0.25)
    assert judged("aopc-sufficiency", question, [1, 4, 2, 3]) == pytest.approx((4 * -0.25 - 0.3) / 5)


# plausibility


@pytest.fixture(scope="module")
def question() -> Question:
    return ask(two_classes(), text_of(4), Choices(unit="word"))


def people(marked: list[bool]) -> Rationale:
    text = text_of(len(marked))
    ends = np.cumsum([len(word) + 1 for word in text.split()]) - 1
    starts = np.append(0, ends[:-1] + 1)
    return Rationale(np.stack([starts, ends], axis=1), np.array(marked, dtype=np.float64))


def plausible(spec: str, question: Question, scores: list[float], marked: list[bool]) -> float:
    return metrics.get(spec).measure(question, scored(scores), people(marked))


CASES = st.integers(2, 14).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-4, 4).map(float), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any),
    )
)


@settings(deadline=None, max_examples=60)
@given(CASES, st.sampled_from([5, 10, 20, 50, 100]))
def test_plausibility_of_one_text(question: Question, case: tuple[list[float], list[bool]], percent: int) -> None:
    scores, marked = case
    top = first_words(scores, percent)
    chosen = [i in top for i in range(len(scores))]
    share = f"share={percent / 100}"
    assert plausible(f"token-f1:{share}", question, scores, marked) == pytest.approx(token_f1(chosen, marked))
    iou = plausible(f"iou-f1:{share}", question, scores, marked)
    assert iou == pytest.approx(harmonic(*iou_matches(chosen, marked)))
    assert 0 <= iou <= 1  # two forecasts cannot both be half of one truth, as a token lies between them
    assert plausible("auprc", question, scores, marked) == pytest.approx(area(scores, marked))


def test_spans_by_hand(question: Question) -> None:
    """Marked 0-3, chosen 1-2: an overlap of exactly one half, which counts; of 5 marked it does not."""
    scores = [0.0, 2.0, 2.0, 0.0, 0.0, 0.0]
    assert plausible("iou-f1:share=0.3", question, scores, [True] * 4 + [False] * 2) == 1.0
    assert plausible("iou-f1:share=0.3", question, scores, [True] * 5 + [False]) == 0.0
    assert plausible("token-f1:share=0.3", question, scores, [True] * 4 + [False] * 2) == pytest.approx(2 / 3)
    # chosen 0 and 2, marked 0: precision 1/2, recall 1
    assert plausible("iou-f1:share=0.5", question, [3, 0, 2, 0], [True, False, False, False]) == pytest.approx(2 / 3)
    # precision 1, 1, 2/3, 2/4 at recall 1/2, 1, 1, 1
    assert plausible("auprc", question, [4, 3, 2, 1], [True, True, False, False]) == 1.0
    # precision 0, 1/2, 2/3, 2/4 at recall 0, 1/2, 1, 1
    assert plausible("auprc", question, [3, 4, 2, 1], [True, False, True, False]) == pytest.approx(
        (0 + 1 / 2) / 2 / 2 + (1 / 2 + 2 / 3) / 2 / 2
    )


def test_over_texts_the_released_code_averages_precision_and_recall_first(question: Question) -> None:
    one = [3.0, 0.0, 2.0, 0.0], [True, False, False, False]
    other = [3.0, 2.0, 0.0, 0.0], [True, True, False, True]
    f1 = [plausible("iou-f1:share=0.5", question, *case) for case in (one, other)]
    assert f1 == pytest.approx([2 / 3, 2 / 3])
    pairs = []
    for scores, marked in (one, other):
        pairs.append(iou_matches([i in first_words(scores, 50) for i in range(4)], marked))
    assert pairs == [(0.5, 1.0), (1.0, 0.5)]
    theirs = harmonic(*np.mean(pairs, axis=0))
    assert theirs == pytest.approx(3 / 4)
    assert theirs != pytest.approx(np.mean(f1))
