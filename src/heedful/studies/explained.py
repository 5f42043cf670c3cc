"""Explanations of a study's texts through the corpus engine: rows in a folder, as `heedful corpus` writes them.

They lie under `corpora` in the folder of the run, one folder a classifier: any tool that reads Parquet opens them, and
`heedful audit --scores` takes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import numpy as np

from heedful import methods as registry
from heedful.classifier import Classifier
from heedful.corpus.corpus import Corpus
from heedful.corpus.fingerprint import fingerprint
from heedful.corpus.run import run as explain_all
from heedful.corpus.table import BASE_VALUE, ERROR_BOUND, N_FORWARD, SCORES, STD_ERROR
from heedful.data import Dataset
from heedful.errors import DataError, InputError
from heedful.explanation import Explanation
from heedful.runs.imports import Sources
from heedful.runs.record import SCORES as SCORES_BY
from heedful.runs.record import versions
from heedful.runs.stamp import digest
from heedful.support.files import write_whole

FOLDER = "corpora"


def explained(
    classifier: Classifier, texts: Dataset, methods: Sequence[str], folder: Path, *, output: str, seed: int = 0
) -> Corpus:
    """Explain texts into a folder; what was stopped goes on, and what is done is not done again.

    A stage of a study runs again when the code it reaches is edited, or a setting; the rows in the folder know nothing
    of that, and the engine refuses a folder that was begun with another classifier. So a stamp lies beside the folder,
    in a file of its name with `.stamp` behind it: a digest of the code, the classifier, the texts and all choices.
    Where it is another, the rows are made anew.

    Args:
        classifier: the classifier.
        texts: all of them can be explained.
        methods: names, with settings.
        folder: for the rows, such as `run.folder / FOLDER / name`.
        output: "logit", "probability" or "logit_difference".
        seed: for methods that draw random numbers.

    Raises:
        DataError: a text cannot be explained.
        InputError: the folder cannot be written, or the process was asked to stop.
        SettingError: another process works in the folder.

    Example:
        >>> import heedful, tempfile
        >>> texts = Dataset(("A dull plot.",), np.array([0]), ("negative", "positive"), "here")
        >>> with tempfile.TemporaryDirectory() as out:
        ...     corpus = explained(heedful.load("demo"), texts, ["shapley-exact"], Path(out, "a"), output="logit")
        ...     (explanation,) = explanations(corpus, texts.texts, "shapley-exact", texts.label_names)
        >>> explanation.units, explanation.target_name
        (('A', 'dull', 'plot'), 'negative')
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f"{folder.name}.stamp")
    rows = zip(texts.texts, texts.labels.tolist(), strict=True)
    facts = (*methods, output, seed, *rows, sorted(versions(SCORES_BY).items()), texts.label_names)
    stamp = digest(_code(), fingerprint(classifier), *map(repr, facts))
    if not path.is_file() or path.read_text("utf-8") != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        write_whole(path, stamp)
    corpus = explain_all(classifier, texts, list(methods), out=folder, output=output, seed=seed, strict=True)
    if not corpus.facts["finished"]:
        raise InputError("stopped; the same command goes on where it was")
    return corpus


@lru_cache(maxsize=1)
def _code() -> str:
    return Sources().digest(Path(str(getsourcefile(explain_all))), Path(__file__))


def explanations(corpus: Corpus, texts: Sequence[str], method: str, labels: Sequence[str]) -> Iterator[Explanation]:
    """Yield the explanations of one method, in the order of the texts that the corpus was made of.

    Args:
        corpus: the rows.
        texts: those it was made of; a corpus holds none.
        method: its name, without settings.
        labels: the classifier's classes.

    Raises:
        DataError: a text has no explanation in the corpus.
    """
    facts = corpus.facts
    name = next((key for key, one in facts["methods"].items() if one["method"] == method), None)
    if name is None or len(corpus) != len(texts):
        raise DataError(f"{corpus.folder}: no explanations by {method} of these {len(texts)} texts")
    for row, text in zip(corpus.rows(), texts, strict=True):
        if row["error"] is not None or row[f"{name}_{SCORES}"] is None:
            raise DataError(f"{corpus.folder}: no explanation by {method} of row {row['row']}")
        yield _explanation(row, text, name, facts, labels)


def _explanation(
    row: Mapping[str, Any], text: str, name: str, facts: Mapping[str, Any], labels: Sequence[str]
) -> Explanation:
    described = facts["methods"][name]
    card = registry.get(described["method"]).card
    errors = row[f"{name}_{STD_ERROR}"]
    return Explanation(
        text=text,
        units=tuple(row["units"]),
        spans=tuple(tuple((one["start"], one["end"]) for one in places) for places in row["spans"]),
        scores=np.array(row[f"{name}_{SCORES}"], dtype=np.float64),
        target=list(labels).index(row["target"]),
        target_name=row["target"],
        output=facts["output"],
        prediction=row["prediction"],
        base_value=row[f"{name}_{BASE_VALUE}"],
        method=described["method"],
        settings=described["settings"],
        signed=card.signed,
        additive=card.additive,
        unit=facts["unit"],
        masking=facts["masking"],
        std_error=None if errors is None else np.array(errors, dtype=np.float64),
        error_bound=row[f"{name}_{ERROR_BOUND}"],
        n_forward=row[f"{name}_{N_FORWARD}"],
        seconds=0.0,
        seed=facts["seed"] if card.random else None,
        versions=facts["versions"],
        model=facts["model"],
        cut=tuple((one["start"], one["end"]) for one in row["cut"]),
    )
