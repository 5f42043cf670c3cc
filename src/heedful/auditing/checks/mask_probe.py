"""The mask probe: a classifier that sees attention weights and no word, and tells what the model says all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.auditing.checks.figure_rows import Row, paired, row, single, told
from heedful.auditing.checks.spread import spread
from heedful.errors import MissingExtraError
from heedful.support.intervals import Estimate, mean, proportion

FOLDS = 5
FEWEST = 40  # texts, below which nothing is learned from weights
MOST = 4000  # texts, of which a sample is drawn beyond
SHUFFLES = 99  # of the answers, for the p-value
CLEARLY = 0.05  # balanced accuracy that attention must add to length, with the whole interval, to be reported
_BINS, _LARGEST = 10, 8

Features = Float64[np.ndarray, "texts features"]
Answers = Int64[np.ndarray, " texts"]


@dataclass(frozen=True)
class Probe:
    """How well attention weights alone tell an answer, out of sample, in balanced accuracy.

    Attributes:
        attention: from the weights alone.
        length: from the number of units alone.
        both: from both.
        gain: what the weights add to length: the difference of the latter two, text by text.
        chance: one over the number of answers: what the commonest answer for all texts comes to.
        shuffled: mean of `attention` with the answers shuffled among the texts.
        p: of the latter, the share that is no worse than `attention`, which is counted among them.
        left_out: texts that have no answer, or one too rare to be learned.
        beyond: texts with an answer that were not drawn, where there are more than `MOST`.
    """

    attention: Estimate
    length: Estimate
    both: Estimate
    gain: Estimate
    chance: float
    shuffled: float
    p: float
    left_out: int
    beyond: int = 0

    @property
    def leaks(self) -> bool:
        """Whether attention weights alone tell clearly more than length does."""
        return self.gain.low > CLEARLY and self.p <= 0.05


def pattern(attention: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " features"]:
    """Describe the attention on one text by numbers in which there is no word.

    They are the shares of attention in ten equal parts of the text (a unit stands where it first occurs), the eight
    largest shares, the entropy, the effective share of units, and the attention that is on units at all.

    Example:
        >>> pattern(np.array([0.4, 0.1]))[:10].round(2)
        array([0.16, 0.16, 0.16, 0.16, 0.16, 0.04, 0.04, 0.04, 0.04, 0.04])
    """
    total = float(attention.sum())
    shares = attention / total if total > 0 else np.full(len(attention), 1 / max(len(attention), 1))
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    parts = np.diff(np.interp(np.linspace(0, len(shares), _BINS + 1), np.arange(len(sums)), sums))
    largest = np.zeros(_LARGEST)
    largest[: len(shares)] = np.sort(shares)[::-1][:_LARGEST]
    spreading = spread(shares)
    return np.concatenate([parts, largest, [spreading.entropy, spreading.effective_share, total]])


def probe(attention: Sequence[Float64[np.ndarray, " _"]], answers: Sequence[str | None], seed: int) -> Probe | str:
    """Let logistic regression tell each text's answer from its attention weights, in five folds of 4,000 texts at most.

    Source: after Bai et al. 2021, Why attentions may not be interpretable: what a mask tells without the words it
    masks. Here on the attention of a model as it is.

    Args:
        attention: on the units of each text, in the order in which they first occur.
        answers: the model's predictions, or labels; texts without one (None) are left out.
        seed: of the folds, the shuffles, and the draw of texts.

    Returns:
        The probe, or why there is none.

    Raises:
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> early = [np.array([0.6, 0.2, 0.2]) * draw.uniform(0.9, 1.0) for _ in range(40)]
        >>> told = probe([*early, *(one[::-1] for one in early)], ["yes"] * 40 + ["no"] * 40, seed=0)
        >>> told.attention.value, told.length.value, told.leaks
        (1.0, 0.5, True)
    """
    folds, shuffler, draw = (np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(3))
    answered = np.array([i for i, answer in enumerate(answers) if answer is not None], dtype=np.int64)
    drawn = np.sort(draw.permutation(answered)[:MOST]).tolist()
    often = Counter(str(answers[i]) for i in drawn)
    classes = sorted(answer for answer, n in often.items() if n >= FOLDS)
    texts = [i for i in drawn if answers[i] in classes]
    if len(classes) < 2 or len(texts) < FEWEST:
        return f"needs {FEWEST} texts, and two answers that {FOLDS} of them have; there are {len(texts)} such texts"
    known = np.array([classes.index(str(answers[i])) for i in texts])
    weights = _standardised(np.stack([pattern(attention[i]) for i in texts]))
    lengths = np.array([len(attention[i]) for i in texts], dtype=np.float64)
    length = _standardised(np.stack([lengths, np.log(np.maximum(lengths, 1))], axis=1))
    state = int(folds.integers(2**31))
    right = [_right(one, known, state) for one in (weights, length, np.hstack([weights, length]))]
    alone, by_length, by_both = (_balanced(one, known) for one in right)
    shuffles = [shuffler.permutation(known) for _ in range(SHUFFLES)]
    chances = [float(_balanced(_right(weights, other, state), other).mean()) for other in shuffles]
    estimates = [_estimate(one, hits) for one, hits in zip((alone, by_length, by_both), right, strict=True)]
    return Probe(
        attention=estimates[0],
        length=estimates[1],
        both=estimates[2],
        gain=paired(by_both - by_length),
        chance=1 / len(classes),
        shuffled=float(np.mean(chances)),
        p=float((1 + np.sum(np.array(chances) >= alone.mean() - 1e-12)) / (1 + SHUFFLES)),
        left_out=len(answers) - len(answered) + len(drawn) - len(texts),
        beyond=len(answered) - len(drawn),
    )


def _standardised(features: Features) -> Features:
    spreads = features.std(0)
    return (features - features.mean(0)) / np.where(spreads > 1e-12 * np.abs(features).max(0), spreads, np.inf)


def _right(features: Features, answers: Answers, state: int) -> Bool[np.ndarray, " texts"]:
    """Tell which texts are answered rightly by what was learned from the other folds."""
    regression, stratified = _learners()
    told = np.empty_like(answers)
    for rest, held in stratified(FOLDS, shuffle=True, random_state=state).split(features, answers):
        learned = regression(class_weight="balanced", max_iter=1000)
        told[held] = learned.fit(features[rest], answers[rest]).predict(features[held])
    return told == answers


def _learners() -> tuple[Any, Any]:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
    except ImportError:
        raise MissingExtraError("scikit-learn", "audit", "the mask probe") from None
    return LogisticRegression, StratifiedKFold


def _balanced(right: Bool[np.ndarray, " texts"], answers: Answers) -> Float64[np.ndarray, " texts"]:
    """Numbers whose mean is the balanced accuracy, the mean over answers of the share told rightly."""
    often = np.bincount(answers)
    return right * len(answers) / (len(often) * often[answers].astype(np.float64))


def _estimate(balanced: Float64[np.ndarray, " texts"], right: Bool[np.ndarray, " texts"]) -> Estimate:
    """The balanced accuracy; where all texts are told rightly, or none, with Wilson's interval."""
    if right.all() or not right.any():
        return proportion(int(right.sum()), len(right))
    return mean(balanced)


def probe_rows(result: Probe | str, of_what: str) -> tuple[list[Row], list[str], list[str]]:
    """Return the figures, a sentence, and a flag where attention weights tell clearly more than length.

    Args:
        result: what `probe` returned.
        of_what: "prediction" or "label".
    """
    if isinstance(result, str):
        return [], [f"No mask probe of the {of_what}: it {result}."], []
    n = result.attention.n
    alone = f"balanced accuracy of telling the {of_what} from"
    rows = [
        row(f"probe_{of_what}", result.attention, f"{alone} attention weights alone, no word", result.chance),
        row(f"probe_{of_what}_length", result.length, f"{alone} the number of units alone", result.chance),
        row(f"probe_{of_what}_both", result.both, f"{alone} both", result.chance),
        row(f"probe_{of_what}_gain", result.gain, "what the weights add to the number of units", 0.0),
        row(
            f"probe_{of_what}_shuffled", single(result.shuffled, n), "from the weights, answers shuffled", result.chance
        ),
        row(f"probe_{of_what}_p", single(result.p, n), f"share of {SHUFFLES + 1} shuffles that do as well", None),
    ]
    sentence = (
        f"Attention weights alone, without a word, tell the {of_what} with balanced accuracy {told(result.attention)}; "
        f"chance {result.chance:.2f}, p = {result.p:.2f}; length alone {told(result.length)}; the weights add "
        f"{told(result.gain)} to length."
    )
    if result.left_out:
        sentence += f" Without {result.left_out} texts that have no {of_what}, or too rare a one."
    if result.beyond:
        sentence += f" {MOST:,} texts were drawn; {result.beyond:,} more are left out."
    if not result.leaks:
        return rows, [sentence], []
    says = "the label can be read off" if of_what == "label" else "the prediction can be read off"
    flag = f"{says} the attention pattern without the words: beyond length it adds {told(result.gain)} in accuracy"
    return rows, [sentence], [flag]
