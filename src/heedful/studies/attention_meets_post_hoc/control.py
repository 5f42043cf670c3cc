"""The control: planted reviews, in which every word's part in the label is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from heedful import methods as registry
from heedful.classifier import Classifier
from heedful.data import planted
from heedful.data.planted import PlantedReview
from heedful.metrics import kendall_tau_b
from heedful.question import Choices, Question
from heedful.studies.measuring import (
    Row,
    Track,
    auc,
    batches,
    groups,
    report,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

METHODS = (
    "attention-mean",
    "attention-max",
    "gradient-mean",
    "gradient-l2",
    "gradient-x-input",
    "lime-exact",
    "shapley-exact",
    "occlusion",
    "random",
)
OPINIONS = ("for", "against")


def measure(
    classifier: Classifier,
    reviews: Sequence[PlantedReview],
    methods: Sequence[str] = METHODS,
    output: str = "logit_difference",
    *,
    seed: int = 0,
    track: Track = silent,
) -> pa.Table:
    """What each method says of each planted word, of the review's own label.

    Args:
        classifier: a classifier trained on planted reviews of another seed; the paper's, for the exact methods.
        reviews: what to explain, word by word.
        methods: names, as in `heedful.explain`.
        output: what is explained; the difference of the label's logit to the other's is what planted scores are about.
        seed: of the methods that draw.
        track: progress.

    Returns:
        One row a review, method and word: text (number), correct (the classifier gives the planted label), method,
        signed (the method can speak against), role ("for", "against", "neutral" or "modifier"), strength (planted size
        of the word's term), score.

    Example:
        >>> import heedful
        >>> result = measure(heedful.load("demo"), heedful.data.planted.generate(2, seed=9), ["shapley-exact"])
        >>> sorted(set(result["role"].to_pylist()))
        ['against', 'for', 'modifier', 'neutral']
    """
    chosen = [registry.get(name) for name in methods]
    rows: list[Row] = []
    for label in (0, 1):
        numbers = [i for i, review in enumerate(reviews) if review.label == label]
        choices = Choices(target=label, output=output, unit="word", masking="unk", seed=seed)
        for batch in batches(classifier, [reviews[i].text for i in numbers], choices, track, "control"):
            for position, question in batch:
                number = numbers[position]
                owner = _words(question, reviews[number])
                correct = bool(np.argmax(question.logits) == label)
                for method in chosen:
                    scores = method.answer(question).scores
                    known = {"text": number, "correct": correct, "method": method.card.name, "signed": method.signed}
                    rows += [
                        known
                        | {"role": reviews[number].roles[k], "strength": reviews[number].strength[k]}
                        | {"score": float(scores[j])}
                        for j, k in enumerate(owner)
                    ]
    return table(sorted(rows, key=lambda row: row["text"]))


def summary(measured: pa.Table) -> pa.Table:
    """One row a method, over reviews that the classifier gets right.

    Returns:
        method, signed, texts, all measured within a review and averaged over the reviews where they are defined:
        polarity (chance that a word for the label scores higher than one against it), sign (share of words for or
        against with the right sign; of unsigned methods, that of words for), importance (chance that such a word is
        larger in size than a neutral one), modifiers (chance that a modifier is), strength (tau-b of size with planted
        strength, over words for or against), largest (share of reviews whose largest word is for or against), against
        (share of words against that get a negative score); each of these figures with its interval over reviews.
    """
    rows = []
    for key, columns in groups(measured.filter(measured["correct"]), "method", "signed"):
        reviews = [
            _review(columns["role"][rows_], columns["score"][rows_], columns["strength"][rows_])
            for rows_ in _runs(columns["text"])
        ]
        figures = {
            name: (intervals.mean if name == "strength" else intervals.share)(
                np.array([getattr(review, name) for review in reviews])
            )
            for name in ("polarity", "sign", "importance", "modifiers", "strength", "largest", "against")
        }
        rows.append(key | {"texts": len(reviews)} | intervals.columns(figures))
    return report(rows)


def accuracy(measured: pa.Table) -> intervals.Estimate:
    """Return the share of the reviews that the classifier gets right."""
    by_text = {key["text"]: bool(columns["correct"][0]) for key, columns in groups(measured, "text")}
    return intervals.share(np.array(list(by_text.values())))


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure the test part of the planted reviews."""
    reviews = planted.generate(run.settings.control, 2 * run.seed + 1)
    measured = measure(run.classifier("planted"), reviews, seed=run.seed, track=run.track)
    right = table([intervals.columns({"accuracy": accuracy(measured)}) | {"reviews": len(reviews)}])
    return {"control": measured, "control.summary": summary(measured), "control.accuracy.summary": right}


def _words(question: Question, review: PlantedReview) -> list[int]:
    """Number of the planted word that each unit is."""
    at = {start: k for k, (start, _) in enumerate(review.spans)}
    return [at[spans[0][0]] for spans in question.units.spans]


def _runs(text: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(text == number) for number in np.unique(text)]


@dataclass(frozen=True)
class _Recovered:
    polarity: float
    sign: float
    importance: float
    modifiers: float
    strength: float
    largest: float
    against: float


def _review(
    role: np.ndarray, score: Float64[np.ndarray, " words"], strength: Float64[np.ndarray, " words"]
) -> _Recovered:
    """One review's numbers; see `summary`."""
    size, opinion, modifier = np.abs(score), np.isin(role, OPINIONS), role == "modifier"
    for_, against = role[opinion] == "for", role == "against"
    plain = ~modifier
    return _Recovered(
        polarity=auc(score[opinion], for_),
        sign=float((np.sign(score[opinion]) == np.where(for_, 1.0, -1.0)).mean()),
        importance=auc(size[plain], opinion[plain]),
        modifiers=auc(size[~opinion], modifier[~opinion]),
        strength=kendall_tau_b(size[opinion], strength[opinion]),
        largest=float(opinion[np.argmax(size)]),
        against=float((score[against] < 0).mean()) if against.any() else math.nan,
    )
