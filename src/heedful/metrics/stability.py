"""How far scores change when nothing that matters does: the seed, edits that leave the words, texts beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64

from heedful import methods
from heedful.errors import SettingError
from heedful.explanation import Explanation
from heedful.metrics import cards
from heedful.metrics.agreement import kendall_tau_b
from heedful.metrics.base import Metric
from heedful.metrics.removal import check_fit
from heedful.question import Choices, Question, ask, ask_all
from heedful.support.kinds import OneOf
from heedful.text.encoding import Text
from heedful.text.units import Units

Scores = Float64[np.ndarray, " units"]


def method_of(explanation: Explanation) -> methods.Method:
    """Return the method that gave an explanation, with its settings, to be asked again.

    Raises:
        SettingError: no method here has that name, or it was asked window by window.

    Example:
        >>> import heedful
        >>> e = heedful.explain(heedful.load("demo"), "The acting was superb.", "lime:n_samples=100")
        >>> method_of(e).n_samples
        100
    """
    if "windows" in explanation.settings:
        raise SettingError(f"{explanation.method} read the text window by window, so it cannot be asked again in one")
    method = methods.get(explanation.method)
    own = [field.name for field in fields(method)]
    return replace(method, **{name: value for name, value in explanation.settings.items() if name in own})


@dataclass(frozen=True)
class SeedStability(Metric):
    """Mean Kendall's tau-b of the scores with those of the same method under other seeds; 1 for methods without any.

    Args:
        n_seeds: how many other seeds: those that follow the question's.

    Raises:
        SettingError: when measuring, the explanation is of no method that is known here.
        InputError: when measuring, the explanation is over other units.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
        >>> question = ask(classifier, text, Choices())
        >>> few, many = (heedful.explain(classifier, text, f"lime:n_samples={n}") for n in (30, 3000))
        >>> SeedStability().measure(question, few) < SeedStability().measure(question, many)
        True
    """

    n_seeds: Annotated[int, Ge(1)] = 4

    card = cards.SEED_STABILITY

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Ask the method again under other seeds; undefined for constant scores, where there are seeds."""
        check_fit(question, explanation)
        method = method_of(explanation)
        if np.isnan(explanation.scores).any():
            return math.nan
        if not method.card.random:
            return 1.0
        others = (method.answer(replace(question, seed=question.seed + 1 + i)).scores for i in range(self.n_seeds))
        return float(np.mean([kendall_tau_b(explanation.scores, other) for other in others]))


@dataclass(frozen=True)
class EditSensitivity(Metric):
    """Largest change of the scores, as a share of their length, under edits that leave the words.

    The edits: a full stop behind the text, or none; a space before it; every space doubled; the first letter in the
    other case. Edits that change the units, as a new case may merge two word types, are left out.

    Args:
        summary: "max", the largest change, or "mean".

    Raises:
        SettingError: when measuring, the explanation is of no method that is known here, or of a pair of texts.
        InputError: when measuring, the explanation is over other units.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question = ask(classifier, text, Choices())
        >>> EditSensitivity().measure(question, heedful.explain(classifier, text, "random"))  # by the seed alone
        0.0
    """

    summary: Annotated[str, OneOf(("max", "mean"))] = "max"

    card = cards.EDIT_SENSITIVITY

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Ask the method about edited texts; undefined where all scores are 0, or every edit changes the units."""
        check_fit(question, explanation)
        if question.encoded.second is not None:
            raise SettingError(f"{self.card.name} edits a single text, not a pair")
        method = method_of(explanation)
        length = np.linalg.norm(explanation.scores)
        changes = [float(np.linalg.norm(other - explanation.scores)) for other in _edited(question, method)]
        if not changes or not 0 < length < math.inf:
            return math.nan
        return float(np.max(changes) if self.summary == "max" else np.mean(changes)) / float(length)


@dataclass(frozen=True)
class BatchSensitivity(Metric):
    """Largest change of the scores, as a share of their length, alone and beside longer texts.

    The method answers anew: the question alone, and among questions about the text twice and three times over, which
    go through the classifier as one batch where the classifier can do so. Padding must not matter: what is left is the
    rounding of the classifier's precision.

    Raises:
        SettingError: when measuring, the explanation is of no method that is known here.
        InputError: when measuring, the explanation is over other units.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> classifier, text = heedful.load("demo"), "The acting was superb."
        >>> question = ask(classifier, text, Choices())
        >>> BatchSensitivity().measure(question, heedful.explain(classifier, text, "occlusion")) < 1e-6
        True
    """

    card = cards.BATCH_SENSITIVITY

    def measure(self, question: Question, explanation: Explanation) -> float:
        """Ask the method again alone and beside longer texts; undefined where all scores are 0."""
        check_fit(question, explanation)
        method, length = method_of(explanation), float(np.linalg.norm(explanation.scores))
        if not 0 < length < math.inf:
            return math.nan
        _, beside, _ = method.answers(_beside_longer(question))
        again = [method.answer(replace(question)), beside]  # a new question, which remembers nothing
        return float(np.max([np.linalg.norm(one.scores - explanation.scores) for one in again])) / length


def _beside_longer(question: Question) -> list[Question]:
    """The question between those about the text twice and three times over, all asked anew and at once."""
    text, second = question.encoded.text, question.encoded.second
    parts = (text,) if second is None else (text[: second - 1], text[second:])
    repeated = [[" ".join([part] * n) for part in parts] for n in (2, 1, 3)]
    texts: list[Text] = [one[0] if second is None else (one[0], one[1]) for one in repeated]
    asked = ask_all(question.classifier, texts, choices_of(question))
    return [replace(one, output=question.output) for one in asked]


def choices_of(question: Question) -> Choices:
    """Return the choices that a question was asked with."""
    output = question.output
    return Choices(
        target=output.target,
        output=output.kind,
        unit=question.units.kind,
        masking=question.masking,
        seed=question.seed,
    )


def _edited(question: Question, method: methods.Method) -> Iterator[Scores]:
    """The method's scores for each edited text with the same units."""
    for text in edits(question.encoded.text):
        asked = ask(question.classifier, text, choices_of(question))
        if _letters(asked.units) == _letters(question.units):
            yield method.answer(
                replace(asked, output=question.output)
            ).scores  # of the same other class in a difference


def _letters(units: Units) -> list[str]:
    """Letters and digits of every unit, in lower case."""
    return ["".join(filter(str.isalnum, unit.casefold())) for unit in units.strings]


def edits(text: str) -> list[str]:
    """Return the text with small edits that leave its words, each another than the text.

    Example:
        >>> edits("A dull plot.")
        ['A dull plot', ' A dull plot.', 'A  dull  plot.', 'a dull plot.']
    """
    stripped = text.rstrip()
    stop = stripped[:-1] if stripped.endswith(".") else f"{stripped}."
    first = next((i for i, character in enumerate(text) if character.isalpha()), 0)
    other_case = text[:first] + text[first : first + 1].swapcase() + text[first + 1 :]
    made = [stop, f" {text}", text.replace(" ", "  "), other_case]
    return [edited for edited in dict.fromkeys(made) if edited != text]
