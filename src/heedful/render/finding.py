"""What a result says, in sentences: the prediction, and whether attention's top word speaks for it or against it.

The sentences follow from the numbers by these rules.

- Attention is the first explanation by an unsigned method of the attention family.
- The reference is the explanation by the signed method that comes first here: shapley-exact, another exact method, an
  additive perturbation method (the Shapley and Owen values), another perturbation method, another additive method. Of
  several alike, it is the first.
- The top word is the unit with the largest absolute score. It speaks for the target if the reference scores it above 0,
  against it below; nothing is told of it within the certified error or the 95 % margin of error, and it makes no
  difference where its score is zero but for rounding.
- Where a method's scores are small or zero (`reaction`), that is the finding, and not the order of its words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.explanation import Explanation
from heedful.metrics.agreement import pairwise
from heedful.render import view
from heedful.render.reaction import NOTHING, family, reaction


@dataclass(frozen=True)
class Piece:
    """A piece of a sentence, nothing of which is escaped.

    Attributes:
        text: its characters.
        kind: "text", "name" for a class or a method, "word" for a unit, "number", or "note" for text with numbers.
    """

    text: str
    kind: str = "text"


Sentence = tuple[Piece, ...]


@dataclass(frozen=True)
class Named:
    """An explanation, and what the views call it."""

    explanation: Explanation
    label: str

    @property
    def name(self) -> Piece:
        """The label."""
        return Piece(self.label, "name")

    @property
    def target(self) -> Piece:
        """The explained class."""
        return Piece(self.explanation.target_name, "name")

    @property
    def unit(self) -> Piece:
        """What gets a score: a word, a token, a sentence."""
        kind = self.explanation.unit
        return Piece("word" if kind == "word_type" else view.words(kind))

    def word(self, unit: int) -> Piece:
        """A unit."""
        return Piece(self.explanation.units[unit], "word")

    def number(self, unit: int) -> Piece:
        """Its score."""
        return _number(self.explanation.scores[unit], signed=self.explanation.signed)

    def extreme(self, sign: int) -> int | None:
        """The unit with the largest score above 0, or with -1 the lowest below; None if there is none."""
        scores = sign * self.explanation.scores
        return int(np.nanargmax(scores)) if (scores > 0).any() else None

    def top(self) -> int:
        """The unit with the largest absolute score."""
        return view.ranking(self.explanation)[0]


def findings(explanations: Sequence[Explanation]) -> list[Sentence]:
    """Sentences about explanations of one prediction, in the order they should be read.

    Example:
        >>> import heedful
        >>> clf = heedful.load("demo")
        >>> both = heedful.compare(clf, "The ending was dull but charming.", ["attention-mean", "shapley-exact"])
        >>> print("".join(piece.text for piece in findings(both.explanations)[1]))
        Attention's top word “dull” (0.315 by attention-mean) speaks against positive: -1.68 by shapley-exact.
    """
    named = name_all(explanations)
    sentences = list(_prediction(named[0]))
    if not len(explanations[0]):
        return sentences
    sentences += _vocabulary(named[0])
    attention, reference = attention_of(named), reference_of(named)
    if attention is not None and reference is not None:
        return [*sentences, *_compared(attention, reference)]
    return [*sentences, *_alone(reference or attention or named[0])]


def name_all(explanations: Sequence[Explanation]) -> list[Named]:
    """Return explanations with what the views call them."""
    return [Named(e, name) for e, name in zip(explanations, view.labels(explanations), strict=True)]


def attention_of(named: Sequence[Named]) -> Named | None:
    """Return attention's explanation: the first unsigned one of its family; None if there is none."""
    unsigned = (named_ for named_ in named if not named_.explanation.signed and _finite(named_.explanation))
    return next((named_ for named_ in unsigned if family(named_.explanation) == "attention"), None)


def _finite(explanation: Explanation) -> bool:
    return bool(np.isfinite(explanation.scores).all())


def reference_of(named: Sequence[Named]) -> Named | None:
    """Return the explanation that tells what words do, by the order above; None if there is none."""
    ranked = [(rank, n) for n in named if (rank := _rank(n.explanation)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _rank(explanation: Explanation) -> int | None:
    """Place of a method among those that can be the reference; None for one that cannot."""
    kind = family(explanation)
    if not explanation.signed or kind == "baseline" or not _finite(explanation):
        return None
    order = (
        explanation.method == "shapley-exact",
        kind == "exact",
        kind == "perturbation" and explanation.additive,
        kind == "perturbation",
        explanation.additive,
    )
    return order.index(True) if True in order else None


def _prediction(first: Named) -> Iterator[Sentence]:
    one = first.explanation
    if one.predicted_name is None:
        return
    predicted = Piece(one.predicted_name, "name")
    if one.probability is None:
        yield _say("Predicted: {}.", predicted)
    else:
        yield _say("Predicted: {}, with probability {}.", predicted, Piece(_probability(one.probability), "number"))
    if one.predicted != one.target:
        yield _say("Explained here: {}.", first.target)


def _probability(value: float) -> str:
    """Three decimals, and never 0 or 1 for what is not."""
    if 0 < value < 5e-4:
        return "below 0.001"
    return "above 0.999" if 0.9995 <= value < 1 else f"{value:.3f}"


def _vocabulary(first: Named) -> Iterator[Sentence]:
    if first.explanation.unknown == len(first.explanation):
        yield _say("No {} is in the classifier's vocabulary: it cannot tell them apart.", first.unit)


def _compared(attention: Named, reference: Named) -> Iterator[Sentence]:
    weights = attention.explanation.scores
    if reaction(reference.explanation).kind != "clear":
        yield _faint(reference)
    elif reaction(attention.explanation).kind != "clear":
        yield _faint(attention)
        yield from _alone(reference)
    elif len(weights) > 1 and np.ptp(weights) == 0:
        yield _say("{} gives every {} the same weight.", attention.name, attention.unit)
        yield from _alone(reference)
    else:
        top, best = attention.top(), reference.top()
        how, score = verdict_on(reference.explanation, top)
        yield _say(
            "Attention's top {} “{}” ({} by {}) {} {}: {} by {}.",
            attention.unit, attention.word(top), attention.number(top), attention.name,
            Piece(how), reference.target, score, reference.name,
        )  # fmt: skip
        if top == best:
            yield _say("It is the top {} of {} too.", reference.unit, reference.name)
        else:
            how, score = verdict_on(reference.explanation, best)
            yield _say(
                "The top {} of {} is “{}”, which {} {}: {}.",
                reference.unit, reference.name, reference.word(best), Piece(how), reference.target, score,
            )  # fmt: skip
        yield from _agreement(attention, reference)


def verdict_on(reference: Explanation, unit: int) -> tuple[str, Piece]:
    """Return whether a unit speaks for the target, and its score, with what it may be wrong by where that decides."""
    score, error = float(reference.scores[unit]), _error(reference, unit)
    if abs(score) <= NOTHING * reaction(reference).largest:
        return "makes no difference to", Piece("about 0" if score else "0", "number")
    if math.isinf(error):
        return "cannot be told, of so few samples, to speak for or against", _number(score)
    if abs(score) <= error:
        return "may speak for or against", _number(score, error)
    return "speaks for" if score > 0 else "speaks against", _number(score)


def _error(explanation: Explanation, unit: int) -> float:
    """What a score may be wrong by: the certified error, or the 95 % margin, infinite where too little was drawn."""
    margin = explanation.margin_of_error
    sampled = 0.0 if margin is None else float(margin[unit])
    return max(explanation.error_bound or 0.0, math.inf if math.isnan(sampled) else sampled)


def _agreement(attention: Named, reference: Named) -> Iterator[Sentence]:
    both = (attention.explanation, reference.explanation)
    signed, unsigned = (pairwise(both, signed=signs)[0, 1] for signs in (True, False))
    if not math.isnan(signed) or not math.isnan(unsigned):
        yield _say(
            "Agreement of {} and {} (Kendall's tau-b): signed {}, unsigned {}.",
            attention.name, reference.name, Piece(_tau(signed), "number"), Piece(_tau(unsigned), "number"),
        )  # fmt: skip


def _tau(tau: float) -> str:
    return "undefined" if math.isnan(tau) else f"{tau:.2f}"


def _alone(only: Named) -> Iterator[Sentence]:
    one = only.explanation
    if family(one) == "baseline":
        yield _say("{} is a control: its scores say nothing about the text.", only.name)
    elif reaction(one).kind != "clear":
        yield _faint(only)
    elif not np.isfinite(one.scores).any():
        return
    elif not one.signed:
        top = only.top()
        yield _say(
            "By {}, “{}” weighs most ({}); whether it speaks for {} or against it, a weight does not say.",
            only.name, only.word(top), only.number(top), only.target,
        )  # fmt: skip
    else:
        yield _extremes(only)


def _extremes(only: Named) -> Sentence:
    """Which units speak most for the target and against it; nothing where even the largest may do either."""
    top = only.top()
    error = _error(only.explanation, top)
    if abs(float(only.explanation.scores[top])) <= error:
        margin = "" if math.isinf(error) else f", which may be wrong by {view.number(error, signed=False)}"
        return _say(
            "By {}, “{}” scores highest ({}{}): too little was sampled to tell what it speaks for.",
            only.name, only.word(top), only.number(top), Piece(margin),
        )  # fmt: skip
    best, worst = only.extreme(1), only.extreme(-1)
    if best is None or worst is None:
        unit, (how, other) = only.top(), ("for", "against") if worst is None else ("against", "for")
        return _say(
            "By {}, “{}” speaks most {} {} ({}); nothing speaks {} it.",
            only.name, only.word(unit), Piece(how), only.target, only.number(unit), Piece(other),
        )  # fmt: skip
    return _say(
        "By {}, “{}” speaks most for {} ({}), “{}” most against it ({}).",
        only.name, only.word(best), only.target, only.number(best), only.word(worst), only.number(worst),
    )  # fmt: skip


def _faint(named: Named) -> Sentence:
    return _say("{}: {}.", named.name, Piece(faintness(named.explanation) or "", "note"))


def faintness(explanation: Explanation) -> str | None:
    """What to say of scores that are small or zero; None where they are neither.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "occlusion")
        >>> faintness(e) is None
        True
    """
    seen = reaction(explanation)
    if seen.kind == "clear":
        return None
    largest = view.number(seen.largest, signed=False)
    if seen.kind == "none":
        return "all scores are 0" if seen.largest == 0 else f"all scores are about 0, the largest is {largest}"
    whole = f"{view.words(explanation.output)} of {view.number(explanation.prediction)}"
    return f"the classifier hardly reacts, the largest score is {largest} beside a {whole}"


def _number(value: float, error: float | None = None, *, signed: bool = True) -> Piece:
    margin = "" if error is None else f" ± {view.number(error, signed=False)}"
    return Piece(view.number(float(value), signed=signed) + margin, "number")


def _say(words: str, *filled: Piece) -> Sentence:
    """A sentence, with pieces in place of its braces."""
    first, *others = words.split("{}")
    pieces = [Piece(first)]
    for piece, text in zip(filled, others, strict=True):
        pieces += [piece, Piece(text)]
    return tuple(piece for piece in pieces if piece.text or piece.kind != "text")
