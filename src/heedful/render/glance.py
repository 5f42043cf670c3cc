"""The answer at a glance: which words push which way, and whether the words that attention looks at do.

Attention and the reference are chosen as in `heedful.render.finding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heedful.explanation import Explanation
from heedful.render import view
from heedful.render.finding import Named, attention_of, name_all, reference_of, verdict_on
from heedful.render.reaction import reaction

_PUSHES, _LOOKS = 6, 3  # words
_SMALL = 0.03  # of the largest score: a push too small to show
_HOW = {"speaks for": "for", "speaks against": "against", "makes no difference to": "none"}


@dataclass(frozen=True)
class Push:
    """A word that pushes.

    Attributes:
        word: the word.
        score: its score.
        share: that score over the largest absolute one, -1 to 1.
    """

    word: str
    score: float
    share: float


@dataclass(frozen=True)
class Look:
    """A word that attention looks at.

    Attributes:
        word: the word.
        share: its weight over the largest one.
        how: what it does by the reference: "for", "against", "none" or "unsure".
        said: the same in words.
    """

    word: str
    share: float
    how: str
    said: str


@dataclass(frozen=True)
class Glance:
    """What is seen first.

    Attributes:
        reference: the method that tells what words do.
        words: those that push most, largest first.
        looks: those that attention weighs most, heaviest first; none without attention, or if a row is faint.
        disagrees: whether attention's top word does not speak for the target, or is not the reference's top word.
        sentence: attention's case in a sentence.
    """

    reference: str
    words: list[Push]
    looks: list[Look]
    disagrees: bool
    sentence: str


def glance(explanations: Sequence[Explanation]) -> Glance | None:
    """Return what is seen first of explanations of one prediction; None where no signed method tells what words do.

    Example:
        >>> import heedful
        >>> clf = heedful.load("demo")
        >>> both = heedful.compare(clf, "The ending was dull but charming.", ["attention-mean", "shapley-exact"])
        >>> seen = glance(both.explanations)
        >>> sorted(push.word for push in seen.words[:2]), seen.looks[0].how, seen.disagrees
        (['charming', 'dull'], 'against', True)
    """
    named = name_all(explanations)
    attention, reference = attention_of(named), reference_of(named)
    if reference is None or not len(reference.explanation) or reaction(reference.explanation).kind != "clear":
        return None
    words = _pushes(reference.explanation)
    if attention is None or reaction(attention.explanation).kind != "clear":
        return Glance(reference.label, words, [], False, "")
    looks = _looks(attention.explanation, reference)
    if not looks:
        return Glance(reference.label, words, [], False, "")
    same = attention.top() == reference.top()
    sentence = _sentence(looks[0], reference, same=same)
    return Glance(reference.label, words, looks, not same or looks[0].how != "for", sentence)


def _pushes(reference: Explanation) -> list[Push]:
    order = view.ranking(reference)[:_PUSHES]
    largest = float(np.abs(reference.scores).max())
    pushes = [
        Push(reference.units[unit], float(reference.scores[unit]), float(reference.scores[unit]) / largest)
        for unit in order
    ]
    return [push for push in pushes if abs(push.share) >= _SMALL]


def _looks(attention: Explanation, reference: Named) -> list[Look]:
    order = view.ranking(attention)[:_LOOKS]
    largest = float(attention.scores[order[0]])
    if not largest > 0:
        return []
    looks = []
    for unit in order:
        how, _ = verdict_on(reference.explanation, unit)
        small = abs(float(reference.explanation.scores[unit])) < _SMALL * reaction(reference.explanation).largest
        kind = "none" if small else _HOW.get(how, "unsure")
        said = {
            "for": f"pushes towards {reference.explanation.target_name}",
            "against": f"pushes away from {reference.explanation.target_name}",
            "none": "hardly pushes at all",
            "unsure": "too little was sampled to tell",
        }[kind]
        looks.append(Look(attention.units[unit], float(attention.scores[unit]) / largest, kind, said))
    return looks


def _sentence(top: Look, reference: Named, *, same: bool) -> str:
    """Attention's case: which word it looks at most, and what that one does."""
    target = reference.explanation.target_name
    start = f"Attention looks most at “{top.word}”"
    if top.how == "against":
        return f"{start}, a word that speaks against {target}: attention shows where the model looks, not for what."
    if top.how == "none":
        return f"{start}, a word that hardly matters to {target}."
    if top.how == "unsure":
        return f"{start}; too little was sampled to tell what it does."
    best = "which is also the word that matters most" if same else "which speaks for it, but another word matters more"
    return f"{start}, {best}."
