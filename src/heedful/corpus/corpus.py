"""Corpus: the folder of a run, read again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from heedful.corpus import spreadsheet, summary
from heedful.corpus.shards import ROWS, Done, Shard
from heedful.errors import DataError
from heedful.runs.folder import RECORD
from heedful.support.files import failing_clearly, write_whole

MANIFEST, SPREADSHEET = "manifest.json", "texts.csv"


@dataclass(frozen=True, eq=False)
class Corpus:
    """The folder that `heedful.corpus.run` made: shards of rows, and what is known of them.

    Attributes:
        folder: where it lies.
        facts: settings, versions, the model's fingerprint, the input, and counts: see docs/corpus.md.
        shards: the shards that are done, in order.

    Example:
        >>> import heedful, tempfile
        >>> texts = ["The acting was superb.", "A dull film."]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     corpus = heedful.corpus.run(heedful.load("demo"), texts, "shapley-exact", out=folder)
        ...     corpus.table(["id", "predicted"]).to_pylist()
        [{'id': '0', 'predicted': 'positive'}, {'id': '1', 'predicted': 'negative'}]
    """

    folder: Path
    facts: Mapping[str, Any]
    shards: tuple[Shard, ...]

    @classmethod
    def read(cls, folder: str | Path) -> Corpus:
        """Read the folder of a corpus; one that is not finished has what is done so far.

        Raises:
            DataError: it is no such folder.
        """
        folder = Path(folder)
        try:
            identity = json.loads((folder / RECORD).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{folder} is no corpus: it has no {RECORD} to read ({type(error).__name__})") from None
        if not isinstance(identity, dict) or not str(identity.get("format", "")).startswith("heedful.corpus/"):
            raise DataError(f"{folder} is no corpus: its {RECORD} says something else")
        done = tuple(Done(folder))
        finished = _is_finished(folder / MANIFEST, done)
        return cls(folder, identity | {"finished": finished} | counts(done), done)

    @property
    def files(self) -> list[Path]:
        """The Parquet files of the rows."""
        return [self.folder / ROWS / shard.file for shard in self.shards]

    def __len__(self) -> int:
        return int(self.facts["n_rows"])

    def dataset(self) -> pyarrow.dataset.Dataset:
        """Return the rows as a data set of pyarrow, from which parts can be read."""
        return pyarrow.dataset.dataset([str(path) for path in self.files], format="parquet")

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """Return the rows as a table, all columns of it or some."""
        return self.dataset().to_table(columns=columns)

    def rows(self, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """Iterate over the rows as dictionaries, a file at a time."""
        for batch in self.dataset().to_batches(columns=columns, batch_size=1024):
            yield from batch.to_pylist()

    def check(self) -> None:
        """See that every file is, byte by byte, the one that was written.

        Raises:
            DataError: one is not.
        """
        for path, shard in zip(self.files, self.shards, strict=True):
            with failing_clearly(f"cannot read {path}"):
                found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != shard.sha256:
                raise DataError(f"{path} has changed since it was written")

    def summary(self) -> list[str]:
        """Return lines that tell what has been explained, what has not and why, and how large it is.

        Example:
            >>> import heedful, tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     corpus = heedful.corpus.run("demo", ["A dull film.", ""], "occlusion", out=folder)
            >>> corpus.summary()[:2]
            ['1 of 2 texts explained by occlusion, in 1 file', 'predicted: negative 1']
        """
        return [*summary.lines(self.facts)]

    def to_csv(self) -> Path:
        """Write texts.csv beside the rows, for a spreadsheet: a line for each text and method; return the file.

        Words are those with the largest scores, each with its score. What a text or an id begins with is left as it is:
        to keep a spreadsheet from taking "=1+1" for a formula, import the columns as text.

        Raises:
            InputError: the file cannot be written.
        """
        path = self.folder / SPREADSHEET
        spreadsheet.write(path, self.rows(), tuple(self.facts["methods"]))
        return path

    def finish(self) -> Corpus:
        """Write the manifest, which says that all is done, and return the corpus with it."""
        facts = {**self.facts, "finished": True}
        content = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(self.folder / MANIFEST, content + "\n")
        return Corpus(self.folder, facts, self.shards)


def counts(shards: tuple[Shard, ...]) -> dict[str, Any]:
    """Return what the shards hold together, and a digest of the rows they were made from."""
    predicted, problems, n_forward = Counter[str](), Counter[str](), Counter[str]()
    refused: dict[str, Counter[str]] = {}
    for shard in shards:
        predicted.update(shard.predicted)
        problems.update(shard.problems)
        n_forward.update(shard.n_forward)
        for name, some in shard.refused.items():
            refused.setdefault(name, Counter()).update(some)
    n_rows, n_units = sum(shard.n_rows for shard in shards), sum(shard.n_units for shard in shards)
    n_bytes = sum(shard.n_bytes for shard in shards)
    return {
        "n_shards": len(shards),
        "n_rows": n_rows,
        "n_explained": n_rows - problems.total(),
        "n_units": n_units,
        "n_bytes": n_bytes,
        "bytes_a_unit": round(n_bytes / n_units, 2) if n_units else None,
        "seconds": round(sum(shard.seconds for shard in shards), 3),
        "rows": hashlib.sha256("".join(shard.rows for shard in shards).encode()).hexdigest(),
        "predicted": dict(predicted),
        "correct": [sum(shard.correct[i] for shard in shards) for i in range(3)],
        "problems": dict(problems),
        "refused": {name: dict(some) for name, some in refused.items()},
        "n_forward": dict(n_forward),
    }


def _is_finished(path: Path, done: tuple[Shard, ...]) -> bool:
    try:
        manifest = json.loads(path.read_text("utf-8"))
        return bool(manifest["finished"]) and manifest["rows"] == counts(done)["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
