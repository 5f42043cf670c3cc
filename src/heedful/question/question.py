"""Question: one prediction to be explained, put the same way to every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Annotated

import numpy as np
from annotated_types import Ge
from jaxtyping import Bool, Float64

from heedful.classifier import Classifier
from heedful.classifier.classifier import MASKINGS
from heedful.classifier.inside import Inside, look_inside
from heedful.errors import ModelError, SettingError, TargetError, TextError
from heedful.games.memo import Memo
from heedful.games.output import KINDS as OUTPUTS
from heedful.games.output import Output
from heedful.games.ratio import RatioGame
from heedful.question.forwards import ModelGame
from heedful.question.tables import TableGame, check_exact, exact_game, exact_games, play
from heedful.support.kinds import OneOf
from heedful.support.names import shown
from heedful.support.settings import check_settings
from heedful.text.encoding import Encoded, Text
from heedful.text.units import KINDS as UNITS
from heedful.text.units import Units, find

_GAME = "_ratio_game"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the caller wants explained, and how; see `heedful.explain`. All that can be told without a model is checked.

    Raises:
        TargetError: the target is neither a class's name nor its index.
        SettingError: an unknown output, unit or masking, or a seed that is no whole number from 0 up.
    """

    target: int | str = "predicted"
    output: Annotated[str, OneOf(OUTPUTS)] = "logit"
    unit: Annotated[str, OneOf(UNITS)] = "word_type"
    masking: Annotated[str, OneOf(("auto", *MASKINGS))] = "auto"
    seed: Annotated[int, Ge(0)] = 0

    def __post_init__(self) -> None:
        if isinstance(self.target, bool) or not isinstance(self.target, (str, Integral)):
            raise TargetError(f"a target is a class's name or index, or 'predicted', got {shown(self.target)}")
        check_settings(self)


@dataclass(frozen=True, eq=False)
class Question:
    """One prediction to be explained: the same for every method, so that their answers can be compared.

    Attributes:
        classifier: the classifier.
        encoded: the text as the classifier sees it.
        units: what gets a score.
        output: the explained quantity and class.
        masking: how units are removed.
        logits: the classifier's logits for the whole text.
        seed: seed of this call.
    """

    classifier: Classifier
    encoded: Encoded
    units: Units
    output: Output
    masking: str
    logits: Float64[np.ndarray, " classes"]
    seed: int

    @cached_property
    def prediction(self) -> float:
        """The output for the whole text."""
        return float(self.output(self.logits[None])[0])

    def game(self) -> ModelGame | TableGame:
        """Return the output as a function of the units kept: on look-up tables where they exist, else by forwards.

        Raises:
            TextError: there is nothing to remove.
        """
        self.check_units()
        game = play(self.classifier, self.encoded, self.units, self.masking, self.output)
        return game.expect(self.logits) if isinstance(game, ModelGame) else game

    def ratio_game(self, *others: Output) -> RatioGame:
        """Return the same as a ratio game, for the exact engine; without others it is made once a question.

        Args:
            others: further outputs of the same text. With any, the values have one more axis: the question's own output
                first, then these.

        Raises:
            TextError: there is nothing to remove.
            SettingError: the question is not a ratio game; the message says what to use instead.
        """
        if not others:
            return ratio_games([self])[0]
        self.check_units()
        return exact_game(self.classifier, self.encoded, self.units, self.masking, (self.output, *others))

    def output_of(self, kind: str, target: int) -> Output:
        """Return an output of this text, of any kind and class.

        Raises:
            SettingError: unknown kind, or one that these classes do not have.
        """
        return Output.of(kind, target, self.logits, exclusive=self.classifier.exclusive)

    def logits_of(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n classes"]:
        """Return the logits of the text with only some units kept; equal masks are evaluated once a question.

        So what several metrics ask of several explanations of one question is computed once.

        Raises:
            TextError: there is nothing to remove.
        """
        return self._all_logits(masks) if len(masks) else np.zeros((0, len(self.logits)))

    @cached_property
    def _all_logits(self) -> Memo:
        game = replace(self, output=Output("probability", self.output.target)).game()  # which takes all logits
        return Memo(game, game.logits)

    def look_inside(self) -> Inside:
        """Return what the classifier's forward pass on this text shows; passes are counted from here."""
        return look_inside(self.classifier, self.encoded, self.logits)

    def check_units(self) -> None:
        """Raise TextError if there is nothing to remove."""
        _check_units(self.units)


def ratio_games(questions: Sequence[Question]) -> list[RatioGame]:
    """Return the ratio game of each question, as `Question.ratio_game`; look-up tables are made once for all.

    Raises:
        TextError, SettingError: as `Question.ratio_game`, for the first question that has none.
    """
    together: dict[tuple[int, str], list[Question]] = {}
    for question in questions:
        if _GAME not in vars(question):
            question.check_units()
            check_exact(question.classifier, question.masking, [question.output])
            together.setdefault((id(question.classifier), question.masking), []).append(question)
    for some in together.values():
        texts = [(question.encoded, question.units, question.output) for question in some]
        for question, game in zip(some, exact_games(some[0].classifier, some[0].masking, texts), strict=True):
            vars(question)[_GAME] = game  # beside the fields, as a cached property is
    return [vars(question)[_GAME] for question in questions]


def check_text(classifier: Classifier, text: Text, unit: str) -> None:
    """See that there is something to explain in a text, before anything is computed.

    Raises:
        TextError: the classifier cannot read it, or sees no unit in it.
    """
    encoded = classifier.encode(text)
    _check_units(find(encoded.text, encoded.offsets, unit, second=encoded.second))


def _check_units(units: Units) -> None:
    if len(units) == 0:
        kind = units.kind.replace("_", " ")
        advice = "" if units.kind == "token" else ": try unit 'token'"
        raise TextError(f"nothing to explain: the text has no {kind} the classifier sees{advice}")


def ask(classifier: Classifier, text: Text, choices: Choices) -> Question:
    """The question about one text, or a pair of texts.

    Raises:
        TextError, TargetError, SettingError: text, target or settings cannot be used.
        ModelError: the classifier gives NaN or infinite logits.
    """
    encoded = classifier.encode(text)
    return about(classifier, encoded, classifier.logits_of(encoded), choices)


def ask_all(classifier: Classifier, texts: Sequence[Text], choices: Choices) -> list[Question]:
    """Ask about several texts, which share forward passes.

    Raises:
        TextError, TargetError, SettingError: a text, the target or settings cannot be used.
        ModelError: the classifier gives NaN or infinite logits.
    """
    encoded = classifier.encode_all(texts)
    logits = classifier.logits_of_all(encoded)
    asked: list[Question] = []
    for seen in zip(encoded, logits, strict=True):
        masking = asked[0].masking if asked else None
        asked.append(_about(classifier, *seen, choices, masking))
    return asked


def about(
    classifier: Classifier, encoded: Encoded, logits: Float64[np.ndarray, " classes"], choices: Choices
) -> Question:
    """The question about an encoded text with these logits; raises as `ask`."""
    return _about(classifier, encoded, logits, choices, None)


def _about(
    classifier: Classifier,
    encoded: Encoded,
    logits: Float64[np.ndarray, " classes"],
    choices: Choices,
    masking: str | None,
) -> Question:
    """The same, with the masking where another question of this call has settled it."""
    if not np.isfinite(logits).all():
        raise ModelError(f"{classifier.name} gives NaN or infinite logits for this text")
    if choices.output == "probability" and classifier.model.config.problem_type == "regression":
        raise SettingError(f"{classifier.name} predicts a number, not a probability: use output 'logit'")
    output = Output.of(
        choices.output, classifier.target(choices.target, logits), logits, exclusive=classifier.exclusive
    )
    units = find(encoded.text, encoded.offsets, choices.unit, second=encoded.second)
    masking = classifier.masking(choices.masking) if masking is None else masking
    return Question(classifier, encoded, units, output, masking, logits, choices.seed)


def from_text(
    classifier: Classifier,
    text: Text,
    *,
    target: int | str = "predicted",
    output: str = "logit",
    unit: str = "word_type",
    masking: str = "auto",
) -> ModelGame | TableGame:
    """Return the game that the perturbation methods play on a text; arguments as in `heedful.explain`.

    Raises:
        TextError, TargetError, SettingError: text, target or settings cannot be used.

    Example:
        >>> import heedful
        >>> game = heedful.games.from_text(heedful.load("demo"), "The acting was superb.", unit="word")
        >>> game(np.ones((1, game.n_units), dtype=bool)).shape
        (1,)
    """
    return ask(classifier, text, Choices(target=target, output=output, unit=unit, masking=masking)).game()
