"""RowExplainer: rows in, a table out, by one classifier and one plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from heedful.classifier import Classifier
from heedful.corpus.plan import Plan
from heedful.corpus.table import Result, table
from heedful.data import Row
from heedful.errors import InputError
from heedful.explaining.answers import REFUSALS, Refusal, answer_each
from heedful.explaining.windows import Asked, ask_long
from heedful.methods.base import Answer
from heedful.question import about
from heedful.text.encoding import Encoded

CHUNK = 256  # rows explained together: part of what a result depends on, since texts may share forward passes


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows that are explained together, with their texts as the classifier sees them, or why it cannot."""

    rows: Sequence[Row]
    encoded: Sequence[Encoded | str]


class RowExplainer:
    """Explains rows by the methods of a plan.

    Args:
        classifier: the classifier.
        plan: what is explained of every text, and by which methods.

    Raises:
        TargetError, SettingError: target or masking are none that the classifier has.
    """

    def __init__(self, classifier: Classifier, plan: Plan) -> None:
        self.classifier, self.plan = classifier, plan
        classifier.target(plan.choices.target, np.zeros(len(classifier.labels)))
        classifier.masking(plan.choices.masking)

    def prepare(self, rows: Sequence[Row]) -> Chunk:
        """Tokenise the texts of rows that are to be explained together."""
        if self.plan.windows is not None:
            return Chunk(rows, [row.problem or "" for row in rows])
        return Chunk(rows, [*self._encoded(rows)])

    def explain(self, chunk: Chunk, counted: Callable[[float], None] = lambda _: None) -> list[Result]:
        """Explain the rows of a chunk; a result each, in their order.

        Args:
            chunk: the rows.
            counted: is told how many rows have been explained since, a share of one for each method.
        """
        asked = [*self._asked(chunk)]
        able = [one for one in asked if isinstance(one, Asked)]
        counted(float(len(asked) - len(able)))
        answers: list[dict[str, Answer | Refusal]] = [{} for _ in able]
        for name, method in self.plan.methods.items():
            for answer, one in zip(answers, answer_each(able, method), strict=True):
                answer[name] = one
                counted(1.0 / len(self.plan.methods))
        explained = iter(answers)
        return [
            Result(row, one, None, next(explained)) if isinstance(one, Asked) else Result(row, problem=one)
            for row, one in zip(chunk.rows, asked, strict=True)
        ]

    def table(self, results: Sequence[Result]) -> pa.Table:
        """Return results as an Arrow table, a row each."""
        return table(results, self.classifier, self.plan)

    def _encoded(self, rows: Sequence[Row]) -> Iterator[Encoded | str]:
        texts = [row.text for row in rows if row.text is not None]
        encoded = iter(self.classifier.encode_each(texts))
        for row in rows:
            one = (row.problem or "there is no text") if row.text is None else next(encoded)
            yield str(one) if isinstance(one, InputError) else one

    def _asked(self, chunk: Chunk) -> Iterator[Asked | str]:
        """The questions about the texts, which share forward passes; or why there is none."""
        if self.plan.windows is not None:
            yield from (self._in_windows(row) for row in chunk.rows)
            return
        logits = iter(self._logits([one for one in chunk.encoded if isinstance(one, Encoded)]))
        for one in chunk.encoded:
            yield one if isinstance(one, str) else self._question(one, next(logits))

    def _in_windows(self, row: Row) -> Asked | str:
        if row.text is None:
            return row.problem or "there is no text"
        try:
            return ask_long(self.classifier, row.text, self.plan.choices, self.plan.windows)
        except REFUSALS as error:
            return str(error)

    def _question(self, encoded: Encoded, logits: np.ndarray | str) -> Asked | str:
        if isinstance(logits, str):
            return logits
        try:
            return Asked.at_once(about(self.classifier, encoded, logits, self.plan.choices))
        except REFUSALS as error:
            return str(error)

    def _logits(self, encoded: Sequence[Encoded]) -> Sequence[np.ndarray | str]:
        """Logits of texts; of those that the model fails on, why."""
        if not encoded:
            return []
        try:
            return [*self.classifier.logits_of_all(encoded)]
        except REFUSALS as error:
            return [str(error)] if len(encoded) == 1 else [one for each in encoded for one in self._logits([each])]
