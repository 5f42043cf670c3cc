"""Shortcuts: words that a class hangs on across a data set, and the accuracy lost without them.

The rule by which a word is flagged, and what it cannot say: docs/sanity-and-shortcuts.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.class_words import FEWEST, ClassWord, control_sets, controls, key, ranked
from heedful.auditing.rows import Text
from heedful.auditing.tables import holm
from heedful.classifier import Classifier
from heedful.errors import MissingExtraError, SettingError
from heedful.question import Choices, Question, ask_all
from heedful.support.intervals import Estimate, columns, mean, share
from heedful.support.progress import track
from heedful.support.settings import check_whole
from heedful.support.visible import visible

try:
    from scipy import stats
except ImportError:
    raise MissingExtraError("scipy", "audit", "the statistics of an audit") from None

LIMIT = 10  # words a class
FORWARDS = 300  # texts, where each masking is a forward pass and no look-up
LEVEL = 0.05  # of adjusted p-values
PURE = 0.95  # share of the texts with a word; a hint, not a rule
_RESAMPLES = 9999
_TOGETHER = 64  # texts asked about at once
Row = Mapping[str, Any]
Words = frozenset[str]
_NONE = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class _Tried:
    """Words that are masked together, and those they are compared with.

    Attributes:
        about: what the row says of them, beside figures.
        words: what is masked everywhere.
        label: their class; None for those of all classes.
        against: sets of other words, as frequent.
    """

    about: dict[str, Any]
    words: Words
    label: str | None
    against: tuple[Words, ...]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the classifier says of every text, whole and with words masked.

    Attributes:
        right: of the whole texts, whether it is right; or True, where agreement with itself is measured.
        masked: the same without these words.
        has: whether a text has any of them.
        positions: of each word, where it first stands in the texts that have it, from 0 to 1.
        classes: the class of every text: its label, or what is predicted.
    """

    right: Bool[np.ndarray, " texts"]
    masked: Mapping[Words, Bool[np.ndarray, " texts"]]
    has: Mapping[Words, Bool[np.ndarray, " texts"]]
    positions: Mapping[str, Sequence[float]]
    classes: Sequence[str]


def shortcuts_check(
    classifier: Classifier,
    texts: Sequence[Text],
    rows: Sequence[Row],
    choices: Choices,
    *,
    limit: int = LIMIT,
    progress: bool = False,
) -> Findings:
    """Find words that carry a class across the data set, and measure what masking them everywhere costs.

    A word is flagged as a possible shortcut if that costs more accuracy than masking words as frequent: by a paired
    permutation test, adjusted after Holm, below 0.05. Whether it is a shortcut or a reason is for people to judge.

    Args:
        classifier: the classifier.
        texts: texts that can be explained.
        rows: an audit's rows of one method with signed effects, one a text in their order: "units", "scores" for the
            class "predicted", and "label", or None. Texts whose label is missing, or none of the classifier's classes,
            are left out of what is measured; if all are such, agreement with its own predictions takes the place of
            accuracy. Rows whose scores are None are left out.
        choices: units and masking that the rows were made with; a seed, of the words to compare with.
        limit: words a class.
        progress: show a bar on stderr.

    Returns:
        A row a word, then one for the words of each class together, and one for all: class, rank, word, n texts that
        have it, evidence, effect, purity, class_share, position, accuracy and masked where it occurs, lost over all
        texts and lost_here where it occurs, control and control_n, excess, p, shortcut. Means with _low and _high.
        Words are masked in 300 texts at most, drawn by the seed, if the model has no look-up tables.

    Raises:
        SettingError: there is no row; rows are not of these texts and units, or of another target than the predicted
            class; or the classifier has a single logit, so no class to rank words for.

    Source: ours; words that matter across a corpus as in Ribeiro et al., Why should I trust you?, 2016, section 4.

    Example:
        >>> import heedful
        >>> clf, reviews = heedful.load("demo"), heedful.planted.generate(30, seed=2)
        >>> texts = [Text(str(i), review.text) for i, review in enumerate(reviews)]
        >>> each = heedful.explain(clf, [text.text for text in texts], "occlusion")
        >>> rows = [{"units": e.units, "scores": e.scores, "predicted": e.target_name, "label": None} for e in each]
        >>> findings = shortcuts_check(clf, texts, rows, Choices(), limit=2)
        >>> findings.rows[-1]["class"], findings.rows[-1]["lost"] >= 0
        ('all classes', True)
    """
    check_whole("limit", limit, 1)
    _check(classifier, texts, rows, choices)
    known = [i for i, row in enumerate(rows) if row["scores"] is not None]  # the method refused the others
    texts, rows = [texts[i] for i in known], [rows[i] for i in known]
    words = ranked(rows, classifier.labels, limit)
    if not words:
        sentence = f"No word speaks for a class in {FEWEST} texts or more, so nothing was masked."
        return Findings(name="shortcuts", source=_SOURCE, sentences=(sentence,), rows=[])
    tried = _to_try(words, rows, choices.seed)
    places, labelled, about = _measured(classifier, rows, choices.seed)
    texts, rows = [texts[i] for i in places], [rows[i] for i in places]
    classes = [row["label"] if labelled else row["predicted"] for row in rows]
    asked = track(
        _asked(classifier, texts, rows, choices), "masking words everywhere", shown=progress, total=len(texts)
    )
    seen = _seen(asked, tried, classes, labelled=labelled)
    table = [_row(one, seen) for one in tried]
    alone, together = table[: len(words)], table[len(words) :]
    for family in (alone, together):
        for row, p in zip(family, holm([row["p"] for row in family]), strict=True):
            row["p"] = p
            row["shortcut"] = family is alone and row["excess"] > 0 and p < LEVEL
    sentences, flags = _told(table, "accuracy" if labelled else "agreement with its own predictions", len(texts))
    return Findings(name="shortcuts", source=_SOURCE, sentences=[*sentences, *about], rows=table, flags=flags)


_SOURCE = "words across a corpus: Ribeiro et al., 2016, section 4; masked everywhere, against words as frequent"


def _check(classifier: Classifier, texts: Sequence[Text], rows: Sequence[Row], choices: Choices) -> None:
    if len(classifier.labels) < 2:
        raise SettingError(f"{classifier.name} has a single logit: words are ranked for models of two classes or more")
    if not rows:
        raise SettingError("the check of words needs a method whose scores have signs, such as occlusion")
    if choices.target != "predicted":
        raise SettingError("words are ranked by effects on the predicted class: leave the target at 'predicted'")
    places = [row.get("place", text.place) for row, text in zip(rows, texts, strict=False)]
    if len(rows) != len(texts) or places != [text.place for text in texts]:
        raise SettingError("give one row a text, of one method, in the order of the texts")


def _measured(classifier: Classifier, rows: Sequence[Row], seed: int) -> tuple[list[int], bool, list[str]]:
    """Places of the rows in whose texts words are masked, whether by their labels, and which are left out."""
    known = [i for i, row in enumerate(rows) if row.get("label") in classifier.labels]
    places, about = known or [*range(len(rows))], list[str]()
    if known and len(known) < len(rows):
        n = len(rows) - len(known)
        about.append(f"Texts without a label that the model knows count for the ranking of words alone: {n}.")
    if classifier.paper_model is None and len(places) > FORWARDS:
        about.append(f"Words were masked in {FORWARDS} of {len(places):,} texts, drawn at random, to bound the cost.")
        places = sorted(np.random.default_rng(seed).permutation(places)[:FORWARDS].tolist())
    return places, bool(known), about


def _to_try(words: Sequence[ClassWord], rows: Sequence[Row], seed: int) -> list[_Tried]:
    """Every word, the words of each class, and all; each against other words that are as frequent."""
    drawn, _ = controls(words, rows, seed)
    tried = list[_Tried]()
    for one, others in zip(words, drawn, strict=True):
        about = {"class": one.label, "rank": one.rank, "word": one.word, "evidence": one.evidence}
        effect = columns({"effect": one.effect})
        effect.pop("effect_n")
        tried.append(_Tried(about | effect, Words([one.word]), one.label, tuple(Words([other]) for other in others)))
    labels = list(dict.fromkeys(one.label for one in words))
    for label in (*labels, None):
        some = [one.word for one in words if label in (one.label, None)]
        about = dict.fromkeys(tried[0].about) | {"class": "all classes" if label is None else label}
        tried.append(_Tried(about, Words(some), label, tuple(control_sets(some, words, rows, seed))))
    return tried


def _seen(asked: Iterable[Question], tried: Sequence[_Tried], classes: Sequence[str], *, labelled: bool) -> _Seen:
    """Mask every set of words in every text that has any of them."""
    sets = list(dict.fromkeys(words for one in tried for words in (one.words, *one.against)))
    right = np.ones(len(classes), dtype=bool)
    masked = {words: np.ones(len(classes), dtype=bool) for words in sets}
    has = {words: np.zeros(len(classes), dtype=bool) for words in sets}
    positions: dict[str, list[float]] = {one.about["word"]: [] for one in tried if one.about["word"]}
    for i, question in enumerate(asked):
        keys = [key(unit) for unit in question.units.strings]
        for word in positions.keys() & set(keys):
            first = min(question.units.spans[k][0][0] for k, other in enumerate(keys) if other == word)
            positions[word].append(first / len(question.encoded.text))
        here = [words for words in sets if not words.isdisjoint(keys)]
        masks = np.array([[unit not in words for unit in keys] for words in here], dtype=bool).reshape(-1, len(keys))
        expected = question.classifier.labels.index(classes[i]) if labelled else int(np.argmax(question.logits))
        right[i] = int(np.argmax(question.logits)) == expected
        still = question.logits_of(masks).argmax(axis=1) == expected
        for words in sets:
            masked[words][i] = right[i]
        for words, correct in zip(here, still, strict=True):
            masked[words][i], has[words][i] = correct, True
    return _Seen(right, masked, has, positions, classes)


def _asked(classifier: Classifier, texts: Sequence[Text], rows: Sequence[Row], choices: Choices) -> Iterator[Question]:
    for start in range(0, len(texts), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        questions = ask_all(classifier, [text.text for text in texts[some]], choices)
        for question, row in zip(questions, rows[some], strict=True):
            if list(question.units.strings) != list(row["units"]):
                raise SettingError("the rows are of other texts or units than are asked about: give the same choices")
            yield question


def _row(one: _Tried, seen: _Seen) -> dict[str, Any]:
    """All figures of words that are masked together; p is not adjusted yet."""
    right, masked, has = seen.right.astype(float), seen.masked[one.words].astype(float), seen.has[one.words]
    lost = right - masked
    against = [right - seen.masked[words] for words in one.against]
    control = np.mean(against, axis=0) if against else np.full(len(right), math.nan)
    excess = lost - control
    of_class = np.array([label == one.label for label in seen.classes])
    positions = seen.positions.get(one.about["word"])
    purity = share(of_class[has]) if one.label is not None else None
    estimates = {
        "accuracy": share(right[has]),
        "masked": share(masked[has]),
        "lost": mean(lost),
        "lost_here": mean(lost[has]),
        "excess": mean(excess),
    }
    figures = {name: value for name, value in columns(estimates).items() if not name.endswith("_n")}
    return {
        **one.about,
        "n": int(has.sum()),
        "purity": purity.value if purity else None,
        "purity_low": purity.low if purity else None,
        "purity_high": purity.high if purity else None,
        "class_share": float(of_class.mean()) if purity else None,
        "position": float(np.mean(positions)) if positions else None,
        **figures,
        "control": float(control.mean()),
        "control_n": float(np.mean([seen.has[words].sum() for words in one.against])) if against else math.nan,
        "p": _greater(excess),
    }


def _greater(excess: Float64[np.ndarray, " texts"]) -> float:
    """The p-value of a permutation test, paired over texts: of a mean as large, had each difference any sign."""
    differing = excess[excess != 0]  # the others have no sign
    if not len(differing) or np.isnan(differing).any():
        return math.nan
    if len(differing) == 1:
        return 0.5 if differing[0] > 0 else 1.0
    test = stats.permutation_test(
        (differing,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", vectorized=True,
        alternative="greater", n_resamples=_RESAMPLES, batch=500, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(test.pvalue)


def _told(table: Sequence[Mapping[str, Any]], what: str, n_texts: int) -> tuple[list[str], list[str]]:
    words = [row for row in table if row["word"] is not None]
    suspects = [row for row in words if row["shortcut"]]
    names = ", ".join(f"{visible(row['word'])} ({visible(row['class'])})" for row in suspects)
    sentences = [
        f"Of {len(words)} words that carry a class over {n_texts} texts, masking "
        + (f"these costs more {what} than words as frequent: {names}." if names else
           f"none costs more {what} than words as frequent.")
    ]  # fmt: skip
    for row in table[len(words) :]:
        whose = "of all classes" if row["purity"] is None else f"of {visible(row['class'])}"
        others = f"words as frequent {100 * row['control']:.1f}"
        if math.isnan(row["control"]):
            others = "and there are too few other words to compare them with"
        sentences.append(f"Masking the words {whose} everywhere costs {_points(row, 'lost')} of {what}, {others}.")
    if pure := [row for row in words if row["purity"] >= PURE and row["purity_low"] > row["class_share"]]:
        sentences.append(
            f"In texts of their class almost only ({PURE:.0%} or more), which is where to look first: "
            + ", ".join(f"{visible(row['word'])} ({visible(row['class'])})" for row in pure)
            + "."
        )
    return sentences, [_flag(row, what) for row in suspects]


def _flag(row: Mapping[str, Any], what: str) -> str:
    return (
        f"{visible(row['word'])!r} may be a shortcut to {visible(row['class'])}: masking it everywhere costs "
        f"{_points(row, 'lost')} of {what}, {_points(row, 'excess')} more than words as frequent. It is in {row['n']} "
        f"texts, {row['purity']:.0%} of them of that class, on average {row['position']:.0%} into the text. "
        "Whether it is a shortcut or a good reason is for you to judge"
    )


def _points(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if math.isnan(low) else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * row[name]:.1f}{interval} points"
