"""One sentence seen by nine explainers, head by head, and through its gradient; one review under many runs of LIME."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from heedful import methods as registry
from heedful.api import explain
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import SettingError, TextError
from heedful.explanation import Explanation
from heedful.games import exact
from heedful.methods import Lime
from heedful.metrics.agreement import kendall_tau_b, sign_agreement
from heedful.question import ask
from heedful.render.view import PAPER_NAMES
from heedful.studies.attention_meets_post_hoc.choices import PAPER
from heedful.studies.attention_meets_post_hoc.formulas import FORMULAS, MASKINGS, WIDTH
from heedful.studies.attention_meets_post_hoc.gradients import ClosedForm, differentiated
from heedful.studies.measuring import Row, Track, report, seed_of, silent, table
from heedful.studies.run import Run

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

NAMES = PAPER_NAMES | {"lime": "LIME"}
# The masking is that of the authors' code for LIME, and the theorem's for exact values.
METHODS = (
    ("attention-mean", "auto"),
    ("attention-max", "auto"),
    ("lime:sampler=lime", "delete"),
    ("gradient-mean", "auto"),
    ("gradient-l1", "auto"),
    ("gradient-l2", "auto"),
    ("gradient-x-input", "auto"),
    ("lime-exact", "unk"),
    ("shapley-exact", "unk"),
)

# What the authors' notebook shows for their model on the sentence of Figure 1; its other numbers are not known here.
AUTHORS_SOURCE = "output of a notebook in the authors' repository, gianluigilopardo/attention_meets_xai"
AUTHORS = (
    ("attention-mean", "popular", 0.138),
    ("attention-mean", "questionable", 0.104),
    ("lime", "popular", 0.236),
    ("lime", "questionable", -1.012),
    ("gradient-mean", "questionable", -0.0082),
    ("gradient-x-input", "popular", 0.280),
    ("gradient-x-input", "questionable", -3.33),
)
AUTHORS_SCORE = 0.584
CLOSED, WITH_QUERY, AUTOGRAD = "the paper's formula", "with the query's term", "autograd"


def explanations(classifier: Classifier, text: str, *, seed: int = 0) -> list[Explanation]:
    """The sentence by every method of `METHODS`: the positive class's logit, as in the paper.

    Example:
        >>> import heedful
        >>> [e.method for e in explanations(heedful.load("demo"), "The plot was dull.")][-2:]
        ['lime-exact', 'shapley-exact']
    """
    explained = (
        explain(classifier, text, name, target=PAPER.target, masking=masking, seed=seed) for name, masking in METHODS
    )
    return [
        # a table does not depend on the machine, and holds what the figure shows
        replace(explanation, seconds=0.0, predicted=None, predicted_name=None, probability=None, unknown=None)
        for explanation in explained
    ]


def stored(explained: Sequence[Explanation]) -> pa.Table:
    """Explanations as a table: method, json; `restored` is its inverse."""
    return table({"method": explanation.method, "json": explanation.to_json()} for explanation in explained)


def restored(stored_: pa.Table) -> list[Explanation]:
    """Explanations from their table."""
    return [Explanation.from_json(text) for text in stored_["json"].to_pylist()]


def scores(explained: Sequence[Explanation]) -> pa.Table:
    """Every method's score of every word.

    Returns:
        One row a method and word: method, name (the paper's where it has one), signed, place (of the word in the
        sentence), word, score, authors (their value, where it is known and the sentence is theirs).
    """
    authors = {(method, word): value for method, word, value in AUTHORS}
    ours = {word for _, word, _ in AUTHORS} <= set(explained[0].units)
    return report(
        {
            "method": explanation.method,
            "name": NAMES.get(explanation.method, explanation.method),
            "signed": explanation.signed,
            "place": place,
            "word": word,
            "score": float(explanation.scores[place]),
            "authors": authors.get((explanation.method, word), math.nan) if ours else math.nan,
        }
        for explanation in explained
        for place, word in enumerate(explanation.units)
    )


def summary(explained: Sequence[Explanation]) -> pa.Table:
    """What each method says of the sentence, beside exact Shapley values.

    Returns:
        One row a method: method, name, signed, masking (null: removes nothing), logit (of the positive class), largest
        (word with the largest size), score (its score), against (words with a negative score), lowest (the word with
        the lowest score), kendall (tau-b with exact Shapley values; of sizes where the method has no sign), sign (share
        of equal signs; null where the method has none).
    """
    truth = explained[-1].scores
    rows: list[Row] = []
    for explanation in explained:
        (largest, score), scores = explanation.top(1)[0], explanation.scores
        signed = explanation.signed
        rows.append(
            {
                "method": explanation.method,
                "name": NAMES.get(explanation.method, explanation.method),
                "signed": signed,
                "masking": explanation.masking,
                "logit": explanation.prediction,
                "largest": largest,
                "score": score,
                "against": int((scores < 0).sum()),
                "lowest": explanation.units[int(np.argmin(scores))],
                "kendall": kendall_tau_b(scores, truth if signed else np.abs(truth)),
                "sign": sign_agreement(scores, truth) if signed else math.nan,
            }
        )
    return report(rows)


def heads(classifier: Classifier, text: str) -> pa.Table:
    """What every head attends to.

    Returns:
        One row a head and position: head, position, token, attention; where padding is attended to, that of all of it
        stands behind the last token, as token null.
    """
    encoded = classifier.encode(text)
    weights = look_inside(classifier, encoded).attention()
    tokens = _tokens(classifier, text)
    rest = (1.0 - weights.sum(1)).clip(min=0.0)  # not below 0 by rounding
    padded = classifier.model.config.attend_padding
    return table(
        {"head": head, "position": position, "token": token, "attention": float(weight)}
        for head, row in enumerate(weights)
        for position, (token, weight) in enumerate(
            zip([*tokens, None][: len(tokens) + padded], [*row, rest[head]], strict=False)
        )
    )


def gradients(classifier: Classifier, text: str) -> pa.Table:
    """The gradient of the positive class's logit by every token's vector, in double precision.

    Returns:
        One row an engine, position and component: engine (`CLOSED`, `WITH_QUERY`: the same with the term by which the
        query moves, at the first position; `AUTOGRAD`), position, token, component, value.
    """
    model = classifier.paper_model
    if model is None:
        raise SettingError(f"there is no closed form for {classifier.name}")
    double = Classifier(copy.deepcopy(model).double(), classifier.tokenizer, classifier.name)
    encoded, tokens = double.encode(text), _tokens(classifier, text)
    closed, by_query = ClosedForm(double)([encoded])
    moved = closed.clone()
    moved[:, 0] += by_query
    engines = {CLOSED: closed, WITH_QUERY: moved, AUTOGRAD: differentiated(double, [encoded])}
    return table(
        {"engine": engine, "position": t, "token": token, "component": i, "value": value}
        for engine, values in engines.items()
        for t, token in enumerate(tokens)
        for i, value in enumerate(values[0, t].tolist())
    )


def review(classifier: Classifier, texts: Sequence[str], least: int, most: int) -> int:
    """Number of the first of the texts with so many word types that the classifier sees whole.

    Raises:
        TextError: there is none.
    """
    for number, text in enumerate(texts):
        question = ask(classifier, text, PAPER)
        if least <= len(question.units) <= most and not question.encoded.cut:
            return number
    raise TextError(f"none of {len(texts)} texts has {least} to {most} words")


def boxes(
    classifier: Classifier,
    text: str,
    runs: int,
    n_samples: int,
    words: int = 10,
    *,
    seed: int = 0,
    track: Track = silent,
) -> pa.Table:
    """Runs of LIME, of the words with the largest exact coefficients.

    Returns:
        One row a masking, word and run: masking, rank (of the word, from 0), word, run, score, and the same for all
        runs: limit (exact, words unknown), coded and corrected (the formulas).
    """
    question = ask(classifier, text, PAPER)
    game = question.ratio_game()
    limit = exact.lime(game, WIDTH).values
    formulas = {name: formula(game, WIDTH) for name, formula in FORMULAS.items()}
    largest = np.argsort(-np.abs(limit), kind="stable")[:words]
    method = registry.get(Lime(n_samples, WIDTH))
    rows: list[Row] = []
    for k, masking in enumerate(MASKINGS):
        for run in track(range(runs), f"LIME, {masking}"):
            asked = replace(question, masking=masking, seed=seed_of(seed, k, run))
            scores = method.answer(asked).scores
            rows += [
                {"masking": masking, "rank": rank, "word": question.units.strings[j], "run": run}
                | {"score": float(scores[j]), "limit": float(limit[j])}
                | {name: float(values[j]) for name, values in formulas.items()}
                for rank, j in enumerate(largest.tolist())
            ]
    return table(rows)


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Explain the one sentence."""
    classifier, text = run.classifier(), run.settings.sentence
    explained = explanations(classifier, text, seed=run.seed)
    return {
        "explanations": stored(explained),
        "sentence.scores.summary": scores(explained),
        "sentence.summary": summary(explained),
        "heads.summary": heads(classifier, text),
        "gradient": gradients(classifier, text),
    }


def review_stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Run LIME on one review of the corpus."""
    classifier, numbers = run.classifier(), run.settings
    texts = run.texts(200)
    number = review(classifier, texts, *numbers.review_units)
    text, place = texts[number], run.sample(200)[number]
    drawn = boxes(classifier, text, numbers.review_runs, numbers.lime_samples, seed=run.seed, track=run.track)
    # where it stands and how it begins: the reviews belong to those who wrote them
    begins = " ".join(text.split()[:10])
    return {"review.summary": table([{"place": place, "begins": begins}]), "boxes": drawn}


def _tokens(classifier: Classifier, text: str) -> list[str]:
    """The tokens as they stand in the text; special ones by their own names."""
    encoded = classifier.encode(text)
    special = classifier.tokenizer.convert_ids_to_tokens(encoded.input_ids.tolist())
    return [text[slice(*span)] if span is not None else special[t] for t, span in enumerate(encoded.offsets)]
