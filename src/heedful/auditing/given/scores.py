"""GivenScores: scores that another tool made, as a method that answers with them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from heedful.auditing.given.corpora import read_corpus
from heedful.auditing.given.matching import matched
from heedful.auditing.given.objects import records_of
from heedful.auditing.given.pieces import fold
from heedful.auditing.given.records import Record, read_records
from heedful.errors import DataError, SettingError, TextError
from heedful.methods.base import Answer, Method
from heedful.methods.cards import Card
from heedful.question import Question
from heedful.support.names import shown


@dataclass(frozen=True, eq=False)
class GivenScores(Method):
    """Scores that another tool made: a method of an audit, or of `heedful.explain`, that looks them up by the text.

    Its pieces are matched onto the units that are asked about by the characters they stand on: tokens of another
    tokenizer, words, or word types; what stands on one unit adds up. Make it with `read` or `of`.

    Attributes:
        name: what tables call it.
        source: where the scores come from.
        records: what the tool gave, by text; white space does not count.
        lenient: True gives units without a score 0, and divides a score on several units evenly among them; False
            refuses such a text.
        with_signs: True if a negative score means "speaks against the class".

    Example:
        >>> import heedful
        >>> pairs = [("[CLS]", 0.0), ("A", 0.1), ("du", -0.5), ("##ll", -0.3)]
        >>> scores = GivenScores.of([pairs], name="ours", texts=["A dull"])
        >>> heedful.explain(heedful.load("demo"), "A dull", scores).top(1)
        [('dull', -0.8)]
    """

    name: str
    source: str
    records: Mapping[str, tuple[Record, ...]]
    lenient: bool = False
    with_signs: bool = True

    @property
    def card(self) -> Card:  # type: ignore[override]  # of every object its own
        """What kind of method it is, as far as that can be known."""
        return Card(
            name=self.name,
            family="given",
            signed=self.with_signs,
            access="nothing",
            cost="not known",
            source=self.source,
        )

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        name: str | None = None,
        method: str | None = None,
        texts: Iterable[Any] | None = None,
        lenient: bool = False,
        signed: bool | None = None,
    ) -> GivenScores:
        """Read a Parquet file or JSON Lines with a row a text, or the folder of a corpus (see `heedful.corpus`).

        Args:
            path: the file or folder. A file's columns are `units`, a list of strings, and `scores`, as many numbers;
                `text`, or, where that is missing, `row`, the number of the text from 0, else rows are in the order of
                the texts; and, where they are known, `spans` (start and end of every unit, or a list of such), `target`
                (the explained class: name or index; without it the scores are taken to be of the class that is asked
                about) and `method`.
            name: what tables call it; None for the method that is named there, or the file's name.
            method: which method's rows to read where there are several.
            texts: the audit's texts, a data set, or its rows, for files without a column of texts.
            lenient: see the class.
            signed: whether signs mean anything; None: if there is a negative score.

        Of several rows of one text and class the first one with scores counts. A row whose scores are missing or not
        finite refuses its text alone.

        Raises:
            DataError: the file cannot be read, no row has scores, or it is not known of which texts they are.
        """
        known = _known(texts)
        found: str | None
        if os.path.isdir(path):  # noqa: PTH112 - which is False, and no error, for any string
            records, found = read_corpus(Path(path), method, known)
        else:
            records, found = read_records(path, method, None if known is None else len(known))
        called = name or found or Path(path).stem
        return cls._made(called, str(path), records, known, lenient=lenient, signed=signed)

    @classmethod
    def parse(cls, given: str, texts: Iterable[Any] | None = None) -> GivenScores:
        """Read what a command line says, NAME=PATH, or a path alone; `texts` and what is raised as in `read`.

        Of a corpus with several methods, PATH is FOLDER:METHOD. If there is a file of that whole name, it is a path,
        whatever signs are in it.

        Raises:
            SettingError: there is no path.
        """
        if os.path.isfile(given):  # noqa: PTH113 - which is False, and no error, for any string
            return cls.read(given, texts=texts)
        name, found, path = given.partition("=")
        if not (path if found else name):
            raise SettingError(f"scores are given as NAME=PATH, as in shap=scores.parquet, got {shown(given)}")
        path, name = (path, name) if found else (given, "")
        folder, _, method = path.rpartition(":")
        if os.path.isdir(folder):  # noqa: PTH112 - likewise
            return cls.read(folder, name=name or None, method=method, texts=texts)
        return cls.read(path, name=name or None, texts=texts)

    @classmethod
    def of(
        cls,
        given: Any,
        *,
        name: str,
        texts: Iterable[Any] | None = None,
        lenient: bool = False,
        signed: bool | None = None,
    ) -> GivenScores:
        """Take over what a tool returned: shap's, lime's or interpreto's objects, or lists of (token, score).

        Args:
            given: of one text, or of several in the order of `texts`.
            name: what tables call it.
            texts: the texts, for tools that do not keep them, as interpreto; as in `read`.
            lenient: see the class.
            signed: as in `read`.

        Raises:
            DataError: it is nothing that is known, or it is not known of which texts the scores are.
        """
        source = f"a {type(given).__name__} from {type(given).__module__.split('.')[0]}"
        return cls._made(name, source, records_of(given), _known(texts), lenient=lenient, signed=signed)

    @classmethod
    def _made(
        cls,
        name: str,
        source: str,
        records: Sequence[Record],
        texts: Sequence[str] | None,
        *,
        lenient: bool,
        signed: bool | None,
    ) -> GivenScores:
        problem = next((record.problem for record in records), None)
        if problem is not None and all(record.problem is not None for record in records):
            raise DataError(problem)
        by_text: dict[str, tuple[Record, ...]] = {}
        for i, record in enumerate(records):
            text = record.text if record.text is not None else _numbered(record, i, texts, len(records))
            by_text[_key(text)] = _added(by_text.get(_key(text), ()), replace(record, text=text))
        if signed is None:
            signed = any((record.scores < 0).any() for record in records)
        return cls(name, source, by_text, lenient, signed)

    def settings(self) -> dict[str, Any]:
        """Return where the scores come from, and a digest of them, by which an audit tells them from others."""
        return {"source": self.source, "scores": self._digest, "lenient": self.lenient}

    def answer(self, question: Question) -> Answer:
        """Look the scores of the text up.

        Raises:
            TextError: there are none, they explain another class, or they do not match the text's units.
        """
        text = question.encoded.text
        records = self.records.get(_key(text)) or self._by_letters.get(_letters(text), ())
        record = self._record(question, records)
        if record.problem is not None:
            raise TextError(f"{self.name}: {record.problem}")
        special = [str(one) for one in question.classifier.tokenizer.all_special_tokens]
        try:
            result = matched(record, text, question.units, special=special, lenient=self.lenient)
        except TextError as error:
            raise TextError(f"{self.name}: {error}") from None
        others = sum(one.target == record.target for one in records) - 1
        left_out = {"rows_left_out": float(others)} if others else {}
        return Answer(scores=result.scores, details={"outside": result.outside} | left_out)

    @cached_property
    def _digest(self) -> str:
        """Tells these scores from others."""
        every = hashlib.sha256(repr(self.with_signs).encode())
        for key in sorted(self.records):
            for record in self.records[key]:
                said = (key, record.units, record.spans, record.target, record.sparse, record.scores.tolist())
                every.update(repr(said).encode(errors="replace"))
        return every.hexdigest()[:16]

    @cached_property
    def _by_letters(self) -> dict[str, tuple[Record, ...]]:
        """Records by the letters and digits of their texts, as tools may drop the rest; none where two are alike."""
        alike: dict[str, list[str]] = {}
        for key in self.records:
            alike.setdefault(_letters(key), []).append(key)
        return {letters: self.records[keys[0]] for letters, keys in alike.items() if len(keys) == 1}

    def _record(self, question: Question, records: Sequence[Record]) -> Record:
        """The record of the class that is asked about: the first one that has scores, else the first one."""
        if not records:
            raise TextError(f"{self.name} has no scores for this text")
        labels, wanted = question.classifier.labels, question.output.target
        for record in sorted(records, key=lambda one: one.problem is not None):
            names = [one for one in record.target if isinstance(one, str) and one in labels]
            if not record.target or labels[wanted] in names or (not names and wanted in record.target):
                return record
        said = ", ".join(dict.fromkeys(shown(record.target[0]) for record in records if record.target))
        raise TextError(f"{self.name}: the scores explain class {said}, and {shown(labels[wanted])} is asked about")


def _known(texts: Iterable[Any] | None) -> list[str] | None:
    return None if texts is None else [_text_of(one) for one in getattr(texts, "texts", texts)]


def _text_of(one: Any) -> str:
    text = one if isinstance(one, str) else getattr(one, "text", None)
    if not isinstance(text, str):
        raise SettingError(f"texts are those of the audit, got {shown(one)}")
    return text


def _numbered(record: Record, i: int, texts: Sequence[str] | None, n_records: int) -> str:
    """The text of a record without one: by its number, or by its place where the records have none."""
    if texts is None:
        raise DataError(f"{record.place}: no text, so give texts=, those that are explained, in their order")
    row = record.row
    if row is None:
        if n_records != len(texts):
            raise DataError(f"{n_records} rows of scores without a text or row number, but {len(texts)} texts")
        row = i
    if not 0 <= row < len(texts):
        raise DataError(f"{record.place}: there is no text {row} among {len(texts)}")
    return texts[row]


def _key(text: str) -> str:
    return " ".join(text.split())


def _letters(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalnum())


def _added(records: tuple[Record, ...], record: Record) -> tuple[Record, ...]:
    """Records of one text with another; the same again changes nothing."""
    same = any(
        (one.target, one.units, one.spans) == (record.target, record.units, record.spans)
        and np.array_equal(one.scores, record.scores, equal_nan=True)
        for one in records
    )
    return records if same else (*records, record)
