"""Short film reviews with planted reasons: every word's part in the label is known.

A review is two to six sentences: opinions, and neutral sentences about the plot. Its label is the sign of its score,
the sum over its sentiment words of

    sign (+1, -1) x strength (strong 2, mild 1) x change (negator -1, intensifier 1.5, downtoner 0.5; mild words only)
        x contrast (2 after "but", "yet" or "however", 0.5 under "although", "though" or "while", else 1)

and is at least `MARGIN` away from zero. A sentiment word whose term has the label's sign speaks "for" the label, any
other "against" it; negators, intensifiers, downtoners and words of contrast are "modifiers", and all else is
"neutral". A bag of words cannot learn the rule: it does not see which word a negator or a contrast belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np

from heedful.data import Dataset, Rationale
from heedful.data.planted_words import POOLS, SENTIMENT
from heedful.errors import SettingError
from heedful.text.spans import Span

T = TypeVar("T")

LABELS = ("negative", "positive")
MARGIN = 2.0

_CHANGE = {"plain": 1.0, "flip": -1.0, "more": 1.5, "less": 0.5}


@dataclass(frozen=True)
class PlantedReview:
    """A review and the part every word of it plays in its label.

    Attributes:
        text: the review.
        label: number of its class in `LABELS`.
        spans: start and end of every word as characters of the text.
        roles: "for", "against", "neutral" or "modifier", one a word.
        strength: size of each word's term in the score; 0 for neutral words and modifiers.
    """

    text: str
    label: int
    spans: tuple[Span, ...]
    roles: tuple[str, ...]
    strength: tuple[float, ...]

    @property
    def weights(self) -> tuple[float, ...]:
        """What each word says for the review's own label: its strength, with a minus for words against."""
        return tuple(-s if role == "against" else s for role, s in zip(self.roles, self.strength, strict=True))

    @property
    def score(self) -> float:
        """The planted score: at least `MARGIN` for a positive review, at most minus `MARGIN` for a negative one."""
        return sum(self.weights) if self.label else -sum(self.weights)


def generate(n: int, seed: int = 0) -> tuple[PlantedReview, ...]:
    """The first n reviews of a seed; review i depends on the seed and on i alone.

    Raises:
        SettingError: n or the seed is negative.

    Example:
        >>> review = generate(3)[2]
        >>> print(LABELS[review.label], review.score, review.text)
        negative -2.0 I found the plot fairly generic. My brother slightly enjoyed the story. The actors were an insult.
            The story follows a travelling fisherman and a doctor through Warsaw.
        >>> [(review.text[a:b], role) for (a, b), role in zip(review.spans, review.roles) if role != "neutral"]
        [('fairly', 'modifier'), ('generic', 'for'), ('slightly', 'modifier'), ('enjoyed', 'against'),
            ('insult', 'for')]
    """
    if n < 0 or seed < 0:
        raise SettingError(f"n and seed must not be negative, got {n} and {seed}")
    return tuple(_review(_Dice(seed, i)) for i in range(n))


def as_dataset(reviews: Sequence[PlantedReview]) -> Dataset:
    """The reviews as a data set; its rationales hold the roles, and `PlantedReview.weights`.

    Example:
        >>> data = as_dataset(generate(100))
        >>> len(data), data.label_names, data.rationales[0].roles[0]
        (100, ('negative', 'positive'), 'neutral')
    """
    return Dataset(
        tuple(review.text for review in reviews),
        np.array([review.label for review in reviews], dtype=np.int64),
        LABELS,
        "planted reviews",
        tuple(Rationale(np.array(r.spans, dtype=np.int64), np.array(r.weights), r.roles) for r in reviews),
    )


def vocabulary() -> frozenset[str]:
    """Every word that a review can hold, in lower case.

    Example:
        >>> "superb" in vocabulary(), len(vocabulary()) > 400
        (True, True)
    """
    templates = _NEUTRAL + tuple(template for group in _OPINION.values() for template in group)
    pools = [*SENTIMENT.values(), *(slot.pool for template in templates for slot in template)]
    return frozenset(word.lower() for pool in (*pools, _BUT, _ALTHOUGH, ("however", "an")) for word in pool)


class _Word(NamedTuple):
    text: str
    role: str = "neutral"  # or "modifier"; that of a sentiment word depends on the label
    mark: str = ""  # the punctuation after it
    value: float = 0.0  # its term in the score


_NONE = _Word("")


class _Slot(NamedTuple):
    pool: tuple[str, ...]  # the words that can stand here; none: the sentiment word
    role: str
    mark: str


class _Dice:
    """Uniform draws for one review: plain doubles of PCG64, which are the same on every machine."""

    def __init__(self, seed: int, i: int) -> None:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(i,))))
        self._draws = _endless(rng)
        self.work = self.pick(POOLS["work"])  # a review is of one work

    def chance(self, p: float) -> bool:
        return next(self._draws) < p

    def pick(self, pool: Sequence[T]) -> T:
        return pool[int(next(self._draws) * len(pool))]


def _endless(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(128).tolist()


def _review(dice: _Dice) -> PlantedReview:
    label = dice.pick((0, 1))
    side = 1 if label else -1
    score = 0.0
    while score * side < MARGIN:
        sentences = [_opinion(dice, side) for _ in range(dice.pick(_OPINIONS))]
        score = sum(word.value for sentence in sentences for word in sentence)
    first, step = dice.pick(range(len(_NEUTRAL))), dice.pick(range(1, len(_NEUTRAL)))  # no template twice
    for _ in range(1 if len(sentences) > 4 else dice.pick((1, 2))):
        sentences.insert(dice.pick(range(len(sentences) + 1)), _fill(dice, _NEUTRAL[first], _NONE))
        first = (first + step) % len(_NEUTRAL)
    return _written(sentences, label, side)


def _opinion(dice: _Dice, side: int) -> list[_Word]:
    """One sentence about the film: a single clause that mostly takes the review's side, or two in contrast."""
    sign = side if dice.chance(_LOYALTY) else -side
    if not dice.chance(_CONTRAST):
        return _clause(dice, sign, 1.0)
    kind = dice.pick(("but", "however", "although"))
    if kind == "although":
        weaker = _closed(_clause(dice, -sign, 0.5), ",")
        return [_Word(dice.pick(_ALTHOUGH), "modifier"), *weaker, *_clause(dice, sign, 1.0)]
    link = _Word("however", "modifier", ",") if kind == "however" else _Word(dice.pick(_BUT), "modifier")
    weaker = _closed(_clause(dice, -sign, 1.0), ";" if kind == "however" else ",")
    return [*weaker, link, *_clause(dice, sign, 2.0)]


def _clause(dice: _Dice, sign: int, contrast: float) -> list[_Word]:
    """A clause whose sentiment word adds to the score with this sign; strong words stand unchanged."""
    part = dice.pick(("adjective", "adjective", "verb", "noun"))
    change = "flip" if dice.chance(_FLIP) else dice.pick(("plain", "plain", "plain", "more", "less"))
    strength = dice.pick((1, 2)) if change == "plain" else 1
    polarity = -sign if change == "flip" else sign
    word = dice.pick(SENTIMENT[part, polarity * strength])
    value = polarity * strength * _CHANGE[change] * contrast
    return _fill(dice, dice.pick(_OPINION[part, change]), _Word(word, value=value))


def _fill(dice: _Dice, template: tuple[_Slot, ...], sentiment: _Word) -> list[_Word]:
    words = []
    for slot in template:
        if len(slot.pool) > 1:
            text = dice.work if slot.pool is POOLS["work"] else dice.pick(slot.pool)
            words.append(_Word(text, slot.role, slot.mark))
        else:
            words.append(_Word(slot.pool[0], slot.role, slot.mark) if slot.pool else sentiment)
    return words


def _closed(clause: list[_Word], mark: str) -> list[_Word]:
    return [*clause[:-1], clause[-1]._replace(mark=mark)]


def _written(sentences: list[list[_Word]], label: int, side: int) -> PlantedReview:
    """Put the words on paper: capital letters, articles, punctuation, and where every word came to stand."""
    pieces: list[str] = []
    spans: list[Span] = []
    at = 0
    for sentence in sentences:
        for k, (word, after) in enumerate(pairwise((*sentence, _NONE))):
            text = "an" if word.text == "a" and after.text.startswith(_VOWELS) else word.text
            text = text[0].upper() + text[1:] if k == 0 else text
            spans.append((at, at + len(text)))
            pieces.append(text + (word.mark or ("" if after.text else ".")) + " ")
            at += len(pieces[-1])
    words = [word for sentence in sentences for word in sentence]
    roles = tuple(("for" if w.value * side > 0 else "against") if w.value else w.role for w in words)
    return PlantedReview("".join(pieces)[:-1], label, tuple(spans), roles, tuple(abs(w.value) for w in words))


# Tuned for a bag of words to be right on about nine held-out reviews in ten.
_LOYALTY, _CONTRAST, _FLIP = 0.85, 0.2, 0.12  # chances: a sentence takes the review's side; has two clauses; a negator
_OPINIONS = (1, 2, 3, 3, 4, 4)
_VOWELS = ("a", "e", "i", "o", "u", "honest")  # no word here has a vowel that sounds as in "useful"
_BUT = ("but", "yet")
_ALTHOUGH = ("although", "though", "while")


def _templates(text: str) -> tuple[tuple[_Slot, ...], ...]:
    """A template a line: $ the sentiment word, {x} a word of that pool, * a modifier; "was" also in the plural."""
    lines = [line.strip() for line in text.strip().splitlines()]
    plural = [line.replace("{one} was", "{many} were").replace("{one} *was", "{many} *were") for line in lines]
    return tuple(tuple(_slot(item) for item in line.split()) for line in dict.fromkeys(lines + plural))


def _slot(item: str) -> _Slot:
    word = item.strip("*,")
    named = POOLS[word[1:-1]] if word.startswith("{") else (word,)
    role = "modifier" if item.startswith("*") else "neutral"
    return _Slot(() if word == "$" else named, role, "," if item.endswith(",") else "")


_OPINION = {
    ("adjective", "plain"): _templates("""the {one} was $
        I found the {any} $
        the {any} seemed $
        this is a $ {work}
        it has a $ {part}"""),
    ("adjective", "flip"): _templates("""the {one} was *{not} $
        the {one} *wasn't $
        *nobody found the {any} $
        there was *nothing $ about the {any}
        this is *{not} a $ {work}
        it *lacks a $ {part}"""),
    ("adjective", "more"): _templates("""the {one} was *{very} $
        I found the {any} *{very} $
        this is a *{very} $ {work}"""),
    ("adjective", "less"): _templates("""the {one} was *{somewhat} $
        I found the {any} *{somewhat} $
        this is a *{somewhat} $ {work}"""),
    ("verb", "plain"): _templates("""I $ the {any}
        my {kin} $ the {any}
        the audience $ the {any}"""),
    ("verb", "flip"): _templates("""I *{never} $ the {any}
        my {kin} *{never} $ the {any}
        *nobody $ the {any}"""),
    ("verb", "more"): _templates("""I *{truly} $ the {any}
        my {kin} *{truly} $ the {any}"""),
    ("verb", "less"): _templates("""I *{mildly} $ the {any}
        my {kin} *{mildly} $ the {any}"""),
    ("noun", "plain"): _templates("""the {one} was a $
        this {work} is a $
        I would call the {any} a $"""),
    ("noun", "flip"): _templates("""the {one} was *{not} a $
        this {work} is *{not} a $
        *nobody would call the {any} a $"""),
    ("noun", "more"): _templates("""the {one} was a *{real} $
        this {work} is a *{real} $"""),
    ("noun", "less"): _templates("""the {one} was a *{minor} $
        this {work} is a *{minor} $"""),
}

_NEUTRAL = _templates("""{woman} is a {trade} from {town} who {does} a {thing}
    {man} is a {age} {trade} who {goes} to {town} with a {thing}
    the story follows a {age} {trade} and a {trade} through {town}
    {woman} meets {man} at the {spot} one {season} morning
    {man} and {woman} open a {shop} near the {spot}
    in {town}, a {trade} {does} a {thing} and {goes} to the {spot}
    years later, {woman} {goes} to {town} to see the {spot}
    it is set in a {shop} near the {spot} of {town}
    we saw it on a {day} evening with my {kin}
    the script is by {woman} and the music by {man}
    one {season}, {man} {does} a {thing} for the {age} {trade} next door
    a {thing} from {town} arrives at the {shop} on {day}
    the camera follows a {trade} from the {spot} to the {shop}
    {man} shares a house with {woman} and a {age} {trade}""")
