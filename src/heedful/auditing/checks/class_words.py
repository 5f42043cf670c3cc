"""Words that carry a class across a data set, and unranked words that are as frequent, to compare them with."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.support.intervals import Estimate, of_few

FEWEST = 5  # texts predicted as a class that a word must occur in
CONTROLS = 5  # words as frequent that each ranked word is compared with
_NEAREST = 10  # words, by number of texts, that controls are drawn from


@dataclass(frozen=True)
class ClassWord:
    """A word that speaks for a class.

    Attributes:
        label: the class.
        rank: place in the class, from 1.
        word: the word in lower case.
        evidence: sum of its effects over the texts predicted as the class, by their number.
        effect: mean of its effects where it occurs in them.
    """

    label: str
    rank: int
    word: str
    evidence: float
    effect: Estimate


def key(unit: str) -> str:
    """Return what makes two units one word: all but upper and lower case.

    Example:
        >>> key("Superb")
        'superb'
    """
    return unit.casefold()


def effects_by_word(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the effect of every word of a text: that of all its units."""
    effects = defaultdict[str, float](float)
    for unit, score in zip(row["units"], row["scores"], strict=True):
        effects[key(unit)] += score
    return effects


def ranked(rows: Sequence[Mapping[str, Any]], labels: Sequence[str], limit: int) -> list[ClassWord]:
    """Return the words of each class that its texts owe most to, best first, class by class.

    Args:
        rows: a text each: "units", their signed "scores" for the class "predicted".
        labels: the classes.
        limit: words a class.

    Example:
        >>> noise = (-0.2, -0.1, 0.0, 0.1, 0.2)
        >>> rows = [{"units": ["A", "good"], "scores": [s, 1 + s], "predicted": "yes"} for s in noise]
        >>> [(one.label, one.word, round(one.evidence, 3)) for one in ranked(rows, ["no", "yes"], 3)]
        [('yes', 'good', 1.0)]
    """
    words = list[ClassWord]()
    for label in labels:
        texts = [effects_by_word(row) for row in rows if row["predicted"] == label]
        effects = defaultdict[str, list[float]](list)
        for text in texts:
            for word, effect in text.items():
                effects[word].append(effect)
        evidence = {word: sum(each) / len(texts) for word, each in effects.items() if len(each) >= FEWEST}
        chosen = list[ClassWord]()
        for word in sorted(evidence, key=lambda one: (-evidence[one], one)):
            if len(chosen) == limit or evidence[word] <= 0:
                break
            mean = of_few(np.array(effects[word]))
            if math.isnan(mean.low) or mean.low > 0:  # not a number: all effects are equal
                chosen.append(ClassWord(label, len(chosen) + 1, word, evidence[word], mean))
        words += chosen
    return words


def controls(
    words: Sequence[ClassWord], rows: Sequence[Mapping[str, Any]], seed: int
) -> tuple[list[list[str]], Counter[str]]:
    """Draw words that are not ranked and about as frequent: at most five for each word. Also: texts with each word.

    Example:
        >>> word = ClassWord("yes", 1, "good", 1.0, Estimate(1.0, 1.0, 1.0, 5))
        >>> rows = [{"units": ["a", "good"], "scores": [0.0, 1.0]}, {"units": ["a", "bad"], "scores": [0.0, 1.0]}]
        >>> drawn, n_texts = controls([word], rows, seed=0)
        >>> sorted(drawn[0]), n_texts["a"]
        (['a', 'bad'], 2)
    """
    n_texts, pool = _others(words, rows)
    logs = np.log([n_texts[word] for word in pool])
    rng, drawn = np.random.default_rng(seed), list[list[str]]()
    for one in words:
        nearest = _by_frequency(n_texts[one.word], logs, rng)[:_NEAREST]
        drawn.append([pool[nearest[i]] for i in rng.permutation(len(nearest))[:CONTROLS]])
    return drawn, n_texts


def control_sets(
    some: Sequence[str], words: Sequence[ClassWord], rows: Sequence[Mapping[str, Any]], seed: int
) -> list[frozenset[str]]:
    """Draw five sets to compare some of the words with together: as many words, about as frequent one by one.

    Without any, if there are not as many words that are not ranked.

    Example:
        >>> word = ClassWord("yes", 1, "good", 1.0, Estimate(1.0, 1.0, 1.0, 5))
        >>> rows = [{"units": ["good", "a"], "scores": [0.0, 1.0]}, {"units": ["good", "bad"], "scores": [0.0, 1.0]}]
        >>> sorted(map(len, control_sets(["good"], [word], rows, seed=0)))
        [1, 1, 1, 1, 1]
    """
    n_texts, pool = _others(words, rows)
    logs = np.log([n_texts[word] for word in pool])
    rng, wanted = np.random.default_rng((seed, len(some))), list(dict.fromkeys(some))
    if len(pool) < len(wanted):
        return []
    sets = list[frozenset[str]]()
    for _ in range(CONTROLS):
        drawn = set[int]()
        for i in rng.permutation(len(wanted)):
            left = (place for place in _by_frequency(n_texts[wanted[i]], logs, rng) if place not in drawn)
            nearest = [*islice(left, _NEAREST)]
            drawn.add(nearest[rng.integers(len(nearest))])
        sets.append(frozenset(pool[place] for place in drawn))
    return sets


def _others(words: Sequence[ClassWord], rows: Sequence[Mapping[str, Any]]) -> tuple[Counter[str], list[str]]:
    """The number of texts with each word, and the words that are not ranked."""
    n_texts = Counter(word for row in rows for word in {key(unit) for unit in row["units"]})
    taken = {one.word for one in words}
    return n_texts, sorted(word for word in n_texts if word not in taken)


def _by_frequency(n_texts: int, logs: Float64[np.ndarray, " pool"], rng: np.random.Generator) -> list[int]:
    """Places of other words, the most alike in frequency first; those that are equally so in random order.

    Args:
        n_texts: how many texts have the word.
        logs: of each other word, the logarithm of that.
        rng: what is random.
    """
    order = rng.permutation(len(logs))
    distance = np.round(np.abs(logs[order] - math.log(n_texts)), 9)  # so that twice and half are as near
    return [int(place) for place in order[np.argsort(distance, kind="stable")]]
