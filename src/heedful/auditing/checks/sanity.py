"""Sanity: which explanations stay as they are when what they claim to explain is gone.

The tests, the rule by which a method is flagged, and what they cannot say: docs/sanity-and-shortcuts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64

from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.likeness import ANOTHER, Compared, compared, told
from heedful.auditing.checks.randomised import ALL, cascade, constant
from heedful.auditing.checks.shuffled_labels import shuffled
from heedful.auditing.rows import Text, explained
from heedful.classifier import Classifier
from heedful.data import Dataset
from heedful.errors import DataError, InputError, SettingError, TextError
from heedful.explanation import Explanation
from heedful.games.output import Output
from heedful.methods.base import Method
from heedful.question import Choices, Question, ask, ask_all
from heedful.support.progress import track
from heedful.support.settings import check_whole

LIMIT = 30  # texts
COPIES = 4  # with random weights, to which the texts are dealt
_FEWEST_UNITS = 3  # two have one order or the other
_CONSTANT = 1e-6  # of how far logits lie apart from text to text
Scores = Float64[np.ndarray, " units"]


@dataclass(frozen=True)
class _Change:
    """Questions about a changed model, or about another class; without any, the reason.

    They hold the changed model: whoever has asked them clears them, so that the next one has its place in memory.

    Attributes:
        test, stage: what was changed.
        places: which of the texts the questions are about.
        questions: one a place.
        reason: why there are none.
    """

    test: str
    stage: str
    places: Sequence[int] = ()
    questions: list[Question] = field(default_factory=list)
    reason: str | None = None


@dataclass
class _Heard:
    """What a method said of each text; none of those that it refused, with the first reason."""

    scores: dict[int, Scores] = field(default_factory=dict)
    reason: str | None = None


def sanity_check(
    classifier: Classifier,
    texts: Sequence[Text],
    methods: Mapping[str, Method],
    choices: Choices,
    *,
    train: Dataset | None = None,
    limit: int = LIMIT,
    progress: bool = False,
) -> Findings:
    """See which methods pass unchanged where weights are random, another class is asked for, or nothing has an effect.

    A method is flagged if the mean tau-b with its explanations of the real model is above 0.9, the lower end of the
    95 % interval above 0.7: of scores as they are, or of their sizes where more than the head is random; or if scores
    above 1e-9 of the usual ones are left in half of the texts by a model that is constant. What is explained is the
    difference to the best other class, on at most 30 texts by default.

    Args:
        classifier: the classifier; it is left as it is.
        texts: texts that can be explained; those of fewer than three units are left out.
        methods: by the names they have in tables.
        choices: units, masking, and a seed: of the draw of texts, of what is random in models and in methods.
        train: labelled texts, for the test of shuffled labels; without them it is not done.
        limit: at most so many texts: each method explains each of them about eight times.
        progress: show a bar on stderr.

    Returns:
        A row a method, test and stage: tau, tau_low, tau_high; tau_sizes, tau_sizes_low, tau_sizes_high, of absolute
        scores; left, left_low, left_high: the largest score that is left of a constant model, as share of the usual
        one; n texts; unchanged; reason why figures are missing.

    Raises:
        DataError: no text has three units.
        SettingError: no method is given.

    Source: Adebayo et al., Sanity checks for saliency maps, 2018.

    Example:
        >>> import heedful
        >>> from heedful import methods
        >>> texts = [Text(str(i), r.text) for i, r in enumerate(heedful.planted.generate(8))]
        >>> tried = {name: methods.get(name) for name in ("attention-mean", "occlusion")}
        >>> findings = sanity_check(heedful.load("demo"), texts, tried, Choices())
        >>> sorted({row["method"] for row in findings.rows if row["unchanged"]})
        ['attention-mean']
    """
    check_whole("limit", limit, 1)
    if not methods:
        raise SettingError("give at least one method to check")
    real = _real(classifier, texts, choices, limit)
    originals = {name: _heard(method, range(len(real)), real) for name, method in methods.items()}
    heard = dict[tuple[str, str], dict[str, _Heard]]()
    notes = list[str]()
    changes = _changes(classifier, real, choices.seed, train, notes)
    for change in track(changes, "checking sanity", shown=progress):
        here = heard.setdefault((change.test, change.stage), {name: _Heard() for name in methods})
        for name, method in methods.items():
            new = _heard(method, change.places, change.questions)
            here[name].scores |= new.scores
            here[name].reason = here[name].reason or change.reason or new.reason
        change.questions.clear()
    table = [
        compared(name, *key, _pairs(key, name, originals, heard), originals[name].reason or by_method[name].reason)
        for key, by_method in heard.items()
        for name in methods
    ]
    return _findings(table, methods, len(real), notes)


def _real(classifier: Classifier, texts: Sequence[Text], choices: Choices, limit: int) -> list[Question]:
    """The questions that are asked again and again: about some texts, drawn by the seed, in their order."""
    several = classifier.exclusive and len(classifier.labels) > 1
    decides = replace(choices, target="predicted", output="logit_difference" if several else "logit")
    order = np.random.default_rng(choices.seed).permutation(len(texts))
    chosen = dict[int, Question]()
    for place in order.tolist():
        if len(chosen) == limit:
            break
        question = ask(classifier, texts[place].text, decides)
        if len(question.units) >= _FEWEST_UNITS:
            chosen[place] = question
    if not chosen:
        raise DataError(f"none of {len(texts)} texts has {_FEWEST_UNITS} units, whose order could change")
    return [chosen[place] for place in sorted(chosen)]


def _heard(method: Method, places: Sequence[int], questions: Sequence[Question]) -> _Heard:
    """What a method says of each question, and why it refuses the first that it does."""
    answers = explained(questions, method)
    scores = {place: one.scores for place, one in zip(places, answers, strict=True) if isinstance(one, Explanation)}
    return _Heard(scores, next((str(one) for one in answers if not isinstance(one, Explanation)), None))


def _changes(
    classifier: Classifier, real: Sequence[Question], seed: int, train: Dataset | None, notes: list[str]
) -> Iterator[_Change]:
    """All changed models, one at a time; what is said of them goes to the notes."""
    everything = range(len(real))
    yield from _random_weights(classifier, real, seed)
    swapped = [_swapped(question) for question in real]
    if all(swapped):
        yield _Change("target", "the other class", everything, [one for one in swapped if one])
    else:
        yield _Change("target", "the other class", reason=f"{classifier.name} has one class only")
    yield _constant(classifier, real)
    if train is None:
        notes.append("Shuffled labels were not tried: no training texts were given.")
        return
    try:
        noise, accuracy = shuffled(classifier, train, seed)
        notes.append(f"The classifier trained on shuffled labels is right about {accuracy:.0%} of them.")
        kept, asked = _same_units(noise, real)
        yield _Change("labels", "trained on shuffled labels", kept, asked)
    except InputError as error:
        notes.append(f"Shuffled labels were not tried: {error}.")


def _random_weights(classifier: Classifier, real: Sequence[Question], seed: int) -> Iterator[_Change]:
    """Every step of the cascade, each text on one copy; at the last step also on the next one, to compare the two."""
    try:
        for number in range(COPIES):
            places = [i for i in range(len(real)) if i % COPIES == number]
            others = [i for i in range(len(real)) if (i + 1) % COPIES == number]
            copy_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
            for stage, changed in cascade(classifier, copy_seed):
                yield _asked("weights", stage, changed, places, real)
                if stage == ALL:  # the last
                    yield _asked("weights", ANOTHER, changed, others, real)
            del changed  # before the next one is made
    except InputError as error:
        yield _Change("weights", ALL, reason=str(error))


def _constant(classifier: Classifier, real: Sequence[Question]) -> _Change:
    """A model whose logits do not depend on the text."""
    try:
        asked = _asked_again(constant(classifier), range(len(real)), real)
        _check_constant(real, asked)
        return _Change("constant", "the head reads nothing", range(len(real)), asked)
    except InputError as error:
        return _Change("constant", "the head reads nothing", reason=str(error))


def _asked(test: str, stage: str, changed: Classifier, places: Sequence[int], real: Sequence[Question]) -> _Change:
    try:
        return _Change(test, stage, places, _asked_again(changed, places, real))
    except InputError as error:
        return _Change(test, stage, reason=str(error))


def _asked_again(changed: Classifier, places: Sequence[int], real: Sequence[Question]) -> list[Question]:
    """Ask a changed classifier about the same texts and the same output."""
    some = [real[i] for i in places]
    choices = [Choices(unit=one.units.kind, masking=one.masking, seed=one.seed) for one in some[:1]]
    questions = ask_all(changed, [one.encoded.text for one in some], choices[0]) if some else []
    return [replace(new, output=_named(old, changed)) for new, old in zip(questions, some, strict=True)]


def _named(old: Question, changed: Classifier) -> Output:
    """The same output of a classifier that may number its classes in another way."""
    names = old.classifier.labels
    target, other = old.output.target, old.output.other
    if changed.labels == names:
        return old.output
    return replace(
        old.output,
        target=changed.labels.index(names[target]),
        other=None if other is None else changed.labels.index(names[other]),
    )


def _same_units(changed: Classifier, real: Sequence[Question]) -> tuple[list[int], list[Question]]:
    """Texts in which a classifier with another tokenizer sees the same units."""
    kept = dict[int, Question]()
    for i, old in enumerate(real):
        with suppress(TextError):  # it may know none of the words
            (new,) = _asked_again(changed, [i], real)
            if new.units.spans == old.units.spans:
                kept[i] = new
    if not kept:
        raise DataError(f"{changed.name} sees other units in every text")
    return [*kept], [*kept.values()]


def _swapped(question: Question) -> Question | None:
    """The same question about the other class: the one the prediction was nearest to; None if there is none."""
    output = question.output
    if len(question.logits) < 2:
        return None
    if output.other is not None:
        return replace(question, output=replace(output, target=output.other, other=output.target))
    rivals = question.logits.copy()
    rivals[output.target] = -np.inf
    return replace(question, output=replace(output, target=int(np.argmax(rivals))))


def _check_constant(real: Sequence[Question], flat: Sequence[Question]) -> None:
    """See that the logits of a copy do not depend on the text."""
    before, after = (np.ptp(np.stack([one.logits for one in some]), axis=0).max() for some in (real, flat))
    if len(real) > 1 and after > _CONSTANT * before:
        raise DataError(f"{flat[0].classifier.name}: a head that reads nothing does not make its logits constant")


def _pairs(
    key: tuple[str, str],
    name: str,
    originals: Mapping[str, _Heard],
    heard: Mapping[tuple[str, str], Mapping[str, _Heard]],
) -> list[tuple[Scores, Scores]]:
    """Scores of a text that are compared: on the real model and on the changed one, or on two random ones."""
    first = heard["weights", ALL][name].scores if key[1] == ANOTHER else originals[name].scores
    second = heard[key][name].scores
    return [(first[i], second[i]) for i in sorted(first.keys() & second.keys())]


def _findings(table: Sequence[Compared], methods: Mapping[str, Method], n_texts: int, notes: Sequence[str]) -> Findings:
    baselines = [name for name, method in methods.items() if method.card.access == "nothing"]
    sentences, flags = told(table, baselines)
    about = f"On {n_texts} texts, Kendall's tau-b of explanations with those of the real model:"
    return Findings(
        name="sanity",
        source="Adebayo et al., Sanity checks for saliency maps, 2018, sections 3 and 4",
        sentences=(about, *sentences, *notes),
        rows=[one.row() for one in table],
        flags=flags,
    )
