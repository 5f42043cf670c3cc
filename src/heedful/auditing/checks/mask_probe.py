"""The mask probe: a classifier that sees attention weights and no word, and tells what the model says all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.auditing.checks.figure_rows import Row, paired, row, single, told
from heedful.metrics.mask_probe import FOLDS, balanced, pattern, standardised, told_rightly
from heedful.support.intervals import Estimate, mean, proportion

FEWEST = 40  # texts, below which nothing is learned from weights
MOST = 4000  # texts, of which a sample is drawn beyond
SHUFFLES = 99  # of the answers, for the p-value
CLEARLY = 0.05  # balanced accuracy that attention must add to length, with the whole interval, to be reported


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
    weights = standardised(np.stack([pattern(attention[i]) for i in texts]))
    lengths = np.array([len(attention[i]) for i in texts], dtype=np.float64)
    length = standardised(np.stack([lengths, np.log(np.maximum(lengths, 1))], axis=1))
    state = int(folds.integers(2**31))
    right = [told_rightly(one, known, state) for one in (weights, length, np.hstack([weights, length]))]
    alone, by_length, by_both = (balanced(one, known) for one in right)
    shuffles = [shuffler.permutation(known) for _ in range(SHUFFLES)]
    chances = [float(balanced(told_rightly(weights, other, state), other).mean()) for other in shuffles]
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


def _estimate(each: Float64[np.ndarray, " texts"], right: Bool[np.ndarray, " texts"]) -> Estimate:
    """The balanced accuracy; where all texts are told rightly, or none, with Wilson's interval."""
    if right.all() or not right.any():
        return proportion(int(right.sum()), len(right))
    return mean(each)


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
