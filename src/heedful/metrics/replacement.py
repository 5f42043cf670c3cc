"""Whether the classifier decides otherwise once another word stands in the place of the unit that scores highest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from weakref import WeakKeyDictionary

import numpy as np
from annotated_types import Ge
from jaxtyping import Int64

from heedful.errors import TextError
from heedful.metrics import cards
from heedful.metrics.decisions import Flip, decided
from heedful.question import Question
from heedful.text.encoding import Encoded, Text
from heedful.text.units import words as word_spans

# several explanations of one question put the same words in the same places
_SEEN: WeakKeyDictionary[Question, dict[Text, bool | None]] = WeakKeyDictionary()


@dataclass(frozen=True)
class ReplacementFlip(Flip):
    """How often other words in place of the top unit change the decision, less how often in place of another unit.

    A text with a word in place of a word is nearer to what the classifier was trained on than one with a hole. The
    words are those of the text itself, so that there is no vocabulary to choose and any classifier reads them; each
    stands in all places of the unit. The other unit, and the word in its place, are drawn anew each time. What the
    classifier cannot read, as a text without a known word, is left out. Undefined for a single unit, and where no word
    is left to put in its place.

    Args:
        n_samples: how many words in place of the top unit, all of them if there are no more, and how many other units.
        words: words to take instead of the text's own, with spaces between them.

    Raises:
        SettingError: when measuring, the classifier predicts a number.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The plot was dull."
        >>> question, exact = ask(classifier, text, Choices()), heedful.explain(classifier, text, "shapley-exact")
        >>> ReplacementFlip().measure(question, exact)
        1.0
    """

    n_samples: Annotated[int, Ge(1)] = field(default=20, kw_only=True)
    words: str = field(default="", kw_only=True)

    card = cards.REPLACEMENT_FLIP

    def _measure(self, question: Question, order: Int64[np.ndarray, " units"]) -> float:
        given = self.words.split() or _own_words(question)
        pools = [_pool(given, unit) for unit in question.units.strings]
        top, others = int(order[0]), [int(unit) for unit in sorted(order[1:]) if pools[unit]]
        if not pools[top] or not others:
            return math.nan
        rng = np.random.default_rng(question.seed)
        in_top = [(top, pools[top][i]) for i in rng.permutation(len(pools[top]))[: self.n_samples]]
        units = [others[i] for i in rng.integers(len(others), size=self.n_samples)]
        elsewhere = [(unit, pools[unit][rng.integers(len(pools[unit]))]) for unit in units]
        return _changed(question, in_top) - _changed(question, elsewhere)


def replaced(question: Question, unit: int, word: str) -> Text:
    """Return the question's text, or pair of texts, with a word in all places of a unit.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> replaced(ask(heedful.load("demo"), "A dull, dull plot.", Choices()), 1, "great")
        'A great, great plot.'
    """
    text, second = question.encoded.text, question.encoded.second
    for start, end in sorted(question.units.spans[unit], reverse=True):
        text = text[:start] + word + text[end:]
        if second is not None and end < second:
            second += len(word) - (end - start)
    return text if second is None else (text[: second - 1], text[second:])  # a line break is between them


def _own_words(question: Question) -> list[str]:
    """Every word of the text once, as it first stands."""
    text = question.encoded.text
    each = [text[start:end] for start, end in word_spans(text)]
    return list({word.casefold(): word for word in reversed(each)}.values())[::-1]


def _pool(given: Sequence[str], unit: str) -> list[str]:
    """What may stand in the place of a unit."""
    return [word for word in given if word.casefold() != unit.casefold()]


def _changed(question: Question, replacements: Sequence[tuple[int, str]]) -> float:
    """Share of the texts with words replaced that another class is decided for, of those that can be read."""
    texts = [replaced(question, *one) for one in replacements]
    seen = _SEEN.setdefault(question, {})
    new = list(dict.fromkeys(text for text in texts if text not in seen))
    readable = [(text, encoded) for text in new if (encoded := _encoded(question, text)) is not None]
    seen.update(dict.fromkeys(new))
    if readable:
        logits = question.classifier.logits_of_all([encoded for _, encoded in readable])
        kept = decided(question, logits).tolist()
        seen.update({text: still for (text, _), still in zip(readable, kept, strict=True)})
    read = [still for text in texts if (still := seen[text]) is not None]
    return 1.0 - float(np.mean(read)) if read else math.nan


def _encoded(question: Question, text: Text) -> Encoded | None:
    """The text as the classifier sees it; None where it sees no word."""
    try:
        return question.classifier.encode(text)
    except TextError:
        return None
