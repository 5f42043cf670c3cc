"""One data set and seed: every remedy at its chosen setting, explained through the corpus engine, a row a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64

from heedful.auditing.figures import text_figures
from heedful.classifier import Classifier
from heedful.data import Dataset, Rationale
from heedful.explanation import Explanation
from heedful.metrics import sign_agreement
from heedful.metrics.decisions import decided
from heedful.metrics.plausibility import Auprc
from heedful.question import Choices, Question, ask_all
from heedful.studies.explained import FOLDER, explained, explanations
from heedful.studies.measuring import Row, seed_of, table
from heedful.studies.remedies.choosing import OUTPUT
from heedful.studies.run import Run

if TYPE_CHECKING:
    from heedful.studies.remedies.settings import Numbers
    from heedful.studies.remedies.tasks import Task

ATTENTION, EXACT, SAMPLED = "attention-mean", "shapley-exact", "permutation-shap"

Vector = Float64[np.ndarray, " units"]


@dataclass(frozen=True, eq=False)
class Seen:
    """One text explained.

    Attributes:
        attention: by attention.
        effects: by its Shapley values.
        halves: the two samples that sampled values are the mean of; None where they are exact.
        std_error: mean over words of the standard errors, as a share of the largest value; 0 where they are exact.
    """

    attention: Explanation
    effects: Explanation
    halves: tuple[Vector, Vector] | None = None
    std_error: float = 0.0


def texts_name(task: Task, nth: int) -> str:
    """Return the name of the table of a data set and seed: a row a remedy and text."""
    return f"texts.{task.name}.{nth}"


def right_name(task: Task, nth: int) -> str:
    """Return the name of the table of who is right: a row a remedy and test text."""
    return f"right.{task.name}.{nth}"


def corpus_name(data: str, remedy: str, nth: int) -> str:
    """Return the name of the folder of explanations."""
    return f"{data}-{remedy}-{nth}"


def explained_part(run: Run[Numbers], task: Task) -> tuple[list[int], Dataset]:
    """Return the test texts that are explained, and their places in the test part: the same for every remedy."""
    test = run.data[task.name].test
    assert test is not None  # noqa: S101 - the study's data has seen to it
    places = run.sample(task.n_explained, data=task.name)
    return places, test.subset(places)


def stage(task: Task, nth: int, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Test every remedy at its chosen setting on a data set, from one seed.

    Returns:
        right.DATA.NTH: data, remedy, nth, text (place in the test part), right. texts.DATA.NTH: of the texts that are
        explained data, remedy, nth, text, predicted (class number) and what `measured` gives.
    """
    test = run.data[task.name].test
    assert test is not None  # noqa: S101 - the study's data has seen to it
    places, texts = explained_part(run, task)
    settings = {row["remedy"]: row["setting"] for row in run.tables.rows("choice.summary", data=task.name, chosen=True)}
    rows, rights = list[Row](), list[Row]()
    for remedy in run.track(run.settings.remedies, f"explaining {task.name}, seed {nth}"):
        key = {"data": task.name, "remedy": remedy.name, "nth": nth}
        classifier = run.classifier(f"{task.name}-{settings[remedy.name]}-{nth}")
        told = classifier.logits_of_all(classifier.encode_all(test.texts)).argmax(1)
        rights += [key | {"text": i, "right": bool(one)} for i, one in enumerate(told == test.labels)]
        questions = ask_all(classifier, texts.texts, Choices(output=OUTPUT))
        everything = zip(places, seen(run, corpus_name(task.name, remedy.name, nth), classifier, texts), strict=True)
        rationales = texts.rationales or (None,) * len(texts)
        for (place, one), question, rationale in zip(everything, questions, rationales, strict=True):
            rows.append(key | {"text": place, "predicted": int(told[place])} | measured(one, question, rationale))
    return {texts_name(task, nth): table(rows), right_name(task, nth): table(rights)}


def seen(run: Run[Numbers], name: str, classifier: Classifier, texts: Dataset) -> Iterator[Seen]:
    """Explain texts into the run's folder, and yield what the rows say; sampled values take a second folder."""
    folder, labels = run.folder / FOLDER / name, classifier.labels
    model = classifier.paper_model
    if model is not None and model.config.normaliser == "softmax":
        corpus = explained(classifier, texts, [ATTENTION, EXACT], folder, output=OUTPUT)
        both = (explanations(corpus, texts.texts, method, labels) for method in (ATTENTION, EXACT))
        yield from (Seen(*one) for one in zip(*both, strict=True))
        return
    sampler = f"{SAMPLED}:n_permutations={run.settings.permutations}"
    halves = [
        explained(classifier, texts, [ATTENTION, sampler], place, output=OUTPUT, seed=seed_of(run.seed, half))
        for half, place in enumerate((folder, folder.with_name(f"{name}-second-half")))
    ]
    attention = explanations(halves[0], texts.texts, ATTENTION, labels)
    one, other = (explanations(half, texts.texts, SAMPLED, labels) for half in halves)
    yield from (Seen(*parts) for parts in map(_put_together, attention, one, other))


def _put_together(
    attention: Explanation, one: Explanation, other: Explanation
) -> tuple[Explanation, Explanation, tuple[Vector, Vector], float]:
    scores = (one.scores + other.scores) / 2
    largest = float(np.abs(scores).max(initial=0.0))
    error = 0.0
    if one.std_error is not None and other.std_error is not None and largest > 0:
        error = float(np.sqrt(one.std_error**2 + other.std_error**2).mean()) / 2 / largest
    return attention, replace(one, scores=scores, std_error=None), (one.scores, other.scores), error


def measured(one: Seen, question: Question, rationale: Rationale | None) -> Row:
    """Measure attention on one text.

    Returns:
        The figures of the audit, see `heedful.auditing.figures.TextFigures`; sign (share of the words attended to whose
        Shapley value speaks for the prediction, as attention, which has no signs, has it of all); plausible and
        plausible_exact (area under the precision-recall curve of attention and of Shapley values against the words
        people marked); flip (whether the decision changes without the most attended word), flip_more (the same less the
        share of other words without which it does); std_error.
    """
    attention, effects = one.attention.scores, one.effects.scores
    bound = one.effects.error_bound or 0.0
    figures = text_figures(attention, effects, error=bound, output=one.effects.prediction, halves=one.halves)
    flip, more = flips(attention, question)
    marks = rationale is not None and len(one.attention) > 0
    return asdict(figures) | {
        "sign": sign_agreement(attention, effects),
        "plausible": Auprc().measure(question, one.attention, rationale) if marks else np.nan,
        "plausible_exact": Auprc().measure(question, one.effects, rationale) if marks else np.nan,
        "flip": flip,
        "flip_more": more,
        "std_error": one.std_error,
    }


def flips(attention: Vector, question: Question) -> tuple[float, float]:
    """Return whether the decision changes without the most attended word, and that less the share of other words.

    Words tied at the top share the place. Not-a-number without any word; the second figure also without another one.
    """
    if not len(attention):
        return np.nan, np.nan
    masks: Bool[np.ndarray, "words words"] = ~np.eye(len(attention), dtype=bool)
    changed = ~decided(question, question.logits_of(masks))
    top = attention >= attention.max() * (1 - 1e-9)
    first = float(changed[top].mean())
    return first, first - float(changed[~top].mean()) if not top.all() else np.nan
