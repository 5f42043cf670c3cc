"""Scores that `heedful corpus` has written, as records of an audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heedful.auditing.given.records import Record, made
from heedful.corpus.corpus import Corpus
from heedful.corpus.table import ERROR, SCORES, text_hash
from heedful.data.columns import row_place
from heedful.errors import DataError
from heedful.support.names import shown


def read_corpus(folder: Path, method: str | None, texts: Sequence[str] | None) -> tuple[list[Record], str]:
    """Read the scores of one method from the folder of a corpus, and what tables may call it.

    A corpus holds no texts but their digests, by which they are found among the audit's.

    Raises:
        DataError: it is no corpus, has no such method, or none of the texts; or no texts are given.
    """
    corpus = Corpus.read(folder)
    name = _method(corpus, method)
    if texts is None:
        raise DataError(f"{folder}: a corpus holds no texts, so give texts=, those that are explained")
    by_hash = {text_hash(text): text for text in texts}
    columns = ["row", "text_hash", "target", "units", "spans", "error", f"{name}_{SCORES}", f"{name}_{ERROR}"]
    records = [*_records(corpus.rows(columns), folder, name, by_hash)]
    if not records:
        raise DataError(f"{folder}: none of its {len(corpus):,} rows is of one of the {len(texts):,} texts")
    return records, f"{name} in {folder.resolve().name}"


def _method(corpus: Corpus, wanted: str | None) -> str:
    names = list(corpus.facts["methods"])
    if wanted is None and len(names) == 1:
        return names[0]
    name = None if wanted is None else wanted.replace("-", "_")
    if name not in names:  # without its settings, where one method only can be meant
        meant = [one for one, described in corpus.facts["methods"].items() if described["method"] == wanted]
        name = meant[0] if len(meant) == 1 else name
    if name is None or name not in names:
        there = ", ".join(names)
        asked = "say which method, as in NAME=FOLDER:METHOD" if wanted is None else f"no method {shown(wanted)}"
        raise DataError(f"{corpus.folder}: {asked}; it has {there}")
    return name


def _records(
    rows: Iterator[Mapping[str, Any]], folder: Path, name: str, by_hash: Mapping[str, str]
) -> Iterator[Record]:
    for row in rows:
        text = by_hash.get(row["text_hash"])
        if text is None:
            continue
        place = f"{folder}, {row_place(row['row'])}"
        problem = row["error"] or row[f"{name}_{ERROR}"]
        if problem is not None:
            yield Record(place, (), np.zeros(0), text=text, problem=f"{place}: {problem}")
            continue
        spans = tuple(tuple((span["start"], span["end"]) for span in places) for places in row["spans"])
        yield made(place, row["units"], row[f"{name}_{SCORES}"], text=text, target=(row["target"],), spans=spans)
