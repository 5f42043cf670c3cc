"""The answer at a glance: which words push which way, and what attention's words do by the reference."""

import numpy as np

from explanations import make
from heedful.render.glance import glance
from heedful.render.html import page

TEXT = "dull but charming end"
CHOSEN = {"predicted": 1, "predicted_name": "positive", "probability": 0.75}


def attention(scores, **given):
    return make(TEXT, method="attention-mean", signed=False, scores=scores, **CHOSEN, **given)


def exact(scores, **given):
    return make(TEXT, method="shapley-exact", scores=scores, **CHOSEN, **given)


def test_words_are_those_that_push_most_largest_first():
    seen = glance([attention([0.5, 0.2, 0.2, 0.1]), exact([-2.0, 0.01, 1.5, 0.5])])
    assert [(push.word, push.score, push.share) for push in seen.words] == [
        ("dull", -2.0, -1.0),
        ("charming", 1.5, 0.75),
        ("end", 0.5, 0.25),
    ]
    assert [(look.word, look.share, look.how) for look in seen.looks] == [
        ("dull", 1.0, "against"),
        ("but", 0.4, "none"),
        ("charming", 0.4, "for"),
    ]
    assert seen.disagrees
    assert seen.sentence.startswith("Attention looks most at “dull”, a word that speaks against positive")


def test_attention_agrees_only_with_the_same_top_word_that_speaks_for():
    agrees = glance([attention([0.1, 0.1, 0.9, 0.1]), exact([-0.5, 0.0, 1.5, 0.1])])
    assert not agrees.disagrees
    assert agrees.sentence.endswith("which is also the word that matters most.")
    other = glance([attention([0.1, 0.1, 0.1, 0.9]), exact([-0.5, 0.0, 1.5, 0.4])])
    assert other.disagrees
    assert other.sentence.endswith("another word matters more.")


def test_what_cannot_be_told_is_not():
    assert glance([attention([0.1, 0.1, 0.9, 0.1])]) is None
    assert glance([exact([0.0, 0.0, 0.0, 0.0])]) is None
    assert glance([exact([1.0, -1.0, 0.5, 0.2])]).looks == []
    noisy = make(TEXT, method="lime", scores=[1.0, -0.9, 0.5, 0.2], std_error=np.full(4, 5.0), **CHOSEN)
    seen = glance([attention([0.9, 0.1, 0.1, 0.1]), noisy])
    assert seen.looks[0].how == "unsure"
    assert "too little was sampled" in seen.sentence
    assert glance([attention([0.0, 0.0, 0.0, 0.0]), exact([1.0, -1.0, 0.5, 0.2])]).looks == []


def test_the_report_begins_with_it():
    written = page([attention([0.5, 0.2, 0.2, 0.1]), exact([-2.0, 0.01, 1.5, 0.5])])
    first = written[: written.index('class="facts"')]
    assert '<p class="verdict"><bdi>positive</bdi> <span class="chance">75 %</span></p>' in first
    assert '<li class="con"><bdi class="name">dull</bdi>' in first
    assert "a word that speaks against positive" in first
    assert '<div class="glance">' not in page([make(TEXT, signed=False, method="attention-mean")])
