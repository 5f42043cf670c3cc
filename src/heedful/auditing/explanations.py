"""The explanations of an audit as a corpus: the rows that `heedful corpus` writes, for the same readers and queries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from heedful.auditing.rows import METHOD, REVERSED, Row, Text, with_scores
from heedful.auditing.work import CHUNK, Work
from heedful.corpus.corpus import MANIFEST, Corpus
from heedful.corpus.given import stream_of
from heedful.corpus.plan import Plan, column_name
from heedful.corpus.run import identity
from heedful.corpus.shards import LIST, ROWS, Done, Part, parts, write
from heedful.corpus.table import ERROR, SCORES, Result, of_method, schema, table
from heedful.runs.folder import RECORD
from heedful.support.files import failing_clearly, write_whole

FOLDER = "explanations"
_ROWS_A_SHARD = 2048
_NOT_REACHED = "not explained: the audit's budget was spent on others"


@dataclass(frozen=True, eq=False)
class Explanations:
    """The explanations of an audit, as the shards of a corpus.

    Attributes:
        facts: what `run.json` of a corpus says, and `labels`: the classes.
        shards: the rows of each shard, the digest of what they were made from, and the seconds that took.
    """

    facts: Mapping[str, Any]
    shards: Sequence[tuple[pa.Table, str, float]]

    @classmethod
    def read(cls, folder: Path) -> Explanations:
        """Read them again.

        Raises:
            DataError: there are none.
        """
        corpus = Corpus.read(folder)
        shards = zip(corpus.files, corpus.shards, strict=True)
        facts = json.loads((folder / RECORD).read_text("utf-8"))
        return cls(facts, [(pq.read_table(path), shard.rows, shard.seconds) for path, shard in shards])

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Iterate over some columns of the rows."""
        for made, _, _ in self.shards:
            yield from made.select([*columns]).to_pylist()

    def write(self, folder: Path) -> Corpus:
        """Write them into a folder, in place of what an earlier call wrote, and return the corpus.

        Raises:
            InputError: the folder cannot be written.
        """
        with failing_clearly(f"cannot write {folder}"):
            (folder / ROWS).mkdir(parents=True, exist_ok=True)
            for name in (MANIFEST, LIST):
                (folder / name).unlink(missing_ok=True)
        write_whole(folder / RECORD, json.dumps(self.facts, indent=2) + "\n")
        done = Done(folder)
        for i, (made, digest, seconds) in enumerate(self.shards):
            done.add(write(folder, made, Part(i, (), digest), self.facts["labels"], seconds))
        return Corpus.read(folder).finish()


def gathered(work: Work) -> Explanations:
    """Return the explanations that an audit has made so far, a row a text in the order of the data.

    A method that has not come to a text has null there, and the reason in its column of errors; a text that no method
    has come to is left out.
    """
    columns = column_names(work.plan.methods)
    plan = Plan({columns[name]: method for name, method in work.plan.methods.items()}, work.plan.choices)
    rows = _rows(work, columns)
    every = sorted((text.row for text in work.texts), key=lambda row: row.number)
    stream = stream_of(every, None)
    facts = identity(work.classifier, stream, plan, _ROWS_A_SHARD, CHUNK)
    given = [row for batch in stream.batches() for row in batch if row.number in rows]
    seconds = _seconds(work)
    shards = []
    for part in parts([given], _ROWS_A_SHARD, _ROWS_A_SHARD):
        places = [row.number for row in part.rows]
        made = pa.Table.from_pylist([rows[i] for i in places], schema=schema(plan))
        shards.append((made, str(part.digest), sum(seconds.get(i, 0.0) for i in places)))
    return Explanations(facts | {"labels": list(work.classifier.labels)}, shards)


def joined(rows: Sequence[Row], explanations: Explanations, facts: Mapping[str, Any]) -> list[Row]:
    """Return the rows of an audit with units and scores, from its explanations."""
    columns = column_names(facts["methods"])
    wanted = ["row", "units", *(f"{column}_{SCORES}" for column in columns.values())]
    scored = {
        (row["row"], name): (row["units"], row[f"{column}_{SCORES}"])
        for row in explanations.rows(wanted)
        for name, column in columns.items()
    }
    return with_scores(rows, scored, facts["reversed"])


def column_names(methods: Iterable[str]) -> dict[str, str]:
    """Return what the columns of each method begin with, by its name in the audit; no two columns are called the same.

    Example:
        >>> column_names(["lime:n_samples=200", "ours", "Ours!", "ours std"])
        {'lime:n_samples=200': 'lime_n_samples_200', 'ours': 'ours', 'Ours!': 'ours_2', 'ours std': 'ours_std_2'}
    """
    names, taken = dict[str, str](), set[str]()
    for method in methods:
        name = column = column_name(method) or METHOD
        n = 1
        while not taken.isdisjoint(of_method(column)):
            n += 1
            column = f"{name}_{n}"
        taken.update(of_method(column))
        names[method] = column
    return names


def _rows(work: Work, columns: Mapping[str, str]) -> dict[int, Row]:
    """The rows by the index of the text: what is known of it, and each method's columns under their names."""
    rows: dict[int, Row] = {text.index: row for text, row in _failed(work)}
    for piece, some in work.explained.items():
        column = columns[piece.name]
        names = dict(zip(of_method(METHOD), of_method(column), strict=True))
        for row in some:
            kept = rows.setdefault(row["row"], {})
            kept |= {names.get(key, key): value for key, value in row.items()}
    reasons = {place: reason for reason, places in work.problems.items() for place in places}
    places = {text.index: text.place for text in work.texts}
    for i, row in rows.items():
        for column in columns.values():
            if row["error"] is None and f"{column}_{SCORES}" not in row:
                row[f"{column}_{ERROR}"] = reasons.get(places[i], _NOT_REACHED)
    return rows


def _failed(work: Work) -> Iterator[tuple[Text, Row]]:
    """Texts that the classifier fails on, with a row that says why; one that is explained after all replaces it."""
    for reason, places in work.problems.items():
        for text in work.texts:
            if text.place in places:
                (row,) = table([Result(text.row, problem=reason)], work.classifier, Plan({})).to_pylist()
                yield text, row


def _seconds(work: Work) -> dict[int, float]:
    """What the explanations of each text took."""
    seconds: dict[int, float] = {}
    for row in work.rows():
        if row["method"] != REVERSED:
            seconds[row["index"]] = seconds.get(row["index"], 0.0) + row["seconds"]
    return seconds
