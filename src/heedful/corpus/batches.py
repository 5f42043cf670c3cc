"""Explainer: batches of rows in, the same with scores out, for pipelines of other libraries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from heedful.api import usual_output
from heedful.classifier import Classifier
from heedful.corpus.explainer import CHUNK, RowExplainer
from heedful.corpus.loading import classifier_of
from heedful.corpus.plan import Plan
from heedful.corpus.table import schema
from heedful.data import Row
from heedful.errors import DataError, SettingError
from heedful.explaining.windows import Windows
from heedful.methods.base import Method
from heedful.question import Choices

_OWN = ("row", "id", "label")  # columns of a corpus that a batch has by itself, if at all


class Explainer(RowExplainer):
    """Explain batches of rows by several methods: a callable for `map_batches` of Ray Data and its like.

    A batch is a dictionary of columns (lists or arrays), an Arrow table or batch, or a pandas DataFrame; the result is
    of the same kind, with the columns of `heedful corpus` behind those that were there. A text that cannot be explained
    has the reason in the column `error`, or in that of the method which refuses it; no batch fails because of one text.

    Args:
        model: a classifier, from `heedful.load`, or a hub id, a folder or "demo", loaded when the explainer is made: in
            the worker, if a pipeline makes it there.
        methods: names, with settings as in "lime:n_samples=1000", or method objects.
        text: the column of texts.
        text_pair: the column of second texts, of pairs.
        prefix: what the names of new columns begin with.
        device: where to put a model that is loaded here.
        dtype: numbers that a model which is loaded here computes with: "float32", "bfloat16" or "float16"; None: as it
            was saved.
        target, output, unit, masking, seed, long_text: as in `heedful.explain`.
        numbers: "float64", or "float32" for scores of half the size.

    Raises:
        SettingError, TargetError: a setting is unknown or cannot be; also when called, if the column is not there.

    Example:
        >>> explainer = Explainer("demo", ["shapley-exact"])
        >>> batch = explainer({"review": [7], "text": ["The acting was superb."]})
        >>> batch["predicted"][0], int(batch["shapley_exact_scores"][0].argmax()), batch["units"][0][3]
        ('positive', 3, 'superb')
    """

    def __init__(  # noqa: PLR0913 - the choices of `heedful.explain`
        self,
        model: Classifier | str,
        methods: str | Method | Sequence[str | Method],
        *,
        text: str = "text",
        text_pair: str | None = None,
        prefix: str = "",
        device: str | None = None,
        dtype: str | None = None,
        target: int | str = "predicted",
        output: str | None = None,
        unit: str = "word_type",
        masking: str = "auto",
        seed: int = 0,
        long_text: str | Windows = "truncate",
        numbers: str = "float64",
    ) -> None:
        choices = Choices(target=target, output=output or "logit", unit=unit, masking=masking, seed=seed)
        plan = Plan.of(methods, choices, long_text, numbers)
        classifier = classifier_of(model, device, dtype)
        super().__init__(classifier, plan if output else plan.explaining(usual_output(classifier)))
        self._text, self._pair, self._prefix = text, text_pair, prefix

    def __call__(self, batch: Any) -> Any:
        """Explain a batch; the result is of the same kind, or an Arrow table of what can only be made into one.

        Raises:
            DataError: a column is missing, there twice, no column, or has the name of a new one.
            SettingError: this is no batch.
        """
        if isinstance(batch, pa.Table):
            self._check(batch.column_names)
            made = self._explained({name: batch[name].to_pylist() for name in self._columns})
            for name in made.column_names:
                batch = batch.append_column(name, made[name])
            return batch
        if isinstance(batch, pa.RecordBatch):
            return self(pa.Table.from_batches([batch])).combine_chunks().to_batches()[0] if len(batch) else batch
        if isinstance(batch, Mapping):
            self._check(list(batch))
            made = self._explained({name: _values(name, batch[name]) for name in self._columns})
            return {**batch, **{name: _lists(made[name]) for name in made.column_names}}
        if hasattr(batch, "to_arrow"):
            return self(batch.to_arrow())
        if hasattr(batch, "assign") and hasattr(batch, "columns"):
            self._check(list(batch.columns))
            made = self._explained({name: batch[name].tolist() for name in self._columns})
            return batch.assign(**{name: _lists(made[name]) for name in made.column_names})
        raise SettingError(f"a batch is a dictionary of columns, an Arrow table or a DataFrame, got {type(batch)}")

    @property
    def _columns(self) -> list[str]:
        return [self._text] if self._pair is None else [self._text, self._pair]

    def _check(self, there: Sequence[str]) -> None:
        """See that the columns are there once, and none of those that will be made."""
        listed = ", ".join(map(str, there))
        for name in self._columns:
            if (n := list(there).count(name)) != 1:
                raise DataError(f"column {name!r} is there {n} times; the columns are: {listed}")
        taken = [f"{self._prefix}{name}" for name in schema(self.plan).names if name not in _OWN]
        if both := [name for name in taken if name in there]:
            raise DataError(f"there is a column {both[0]!r} already: rename it, or give the new ones a prefix=")

    def _explained(self, batch: Mapping[str, Sequence[Any]]) -> pa.Table:
        texts = batch[self._text]
        pairs = [None] * len(texts) if self._pair is None else batch[self._pair]
        rows = [_row(i, *both, paired=self._pair is not None) for i, both in enumerate(zip(texts, pairs, strict=True))]
        parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)] or [rows]
        made = pa.concat_tables([self.table(self.explain(self.prepare(some))) for some in parts])
        made = made.drop_columns(list(_OWN))
        return made.rename_columns([f"{self._prefix}{name}" for name in made.column_names])


def _row(number: int, text: Any, pair: Any, *, paired: bool) -> Row:
    """A row of a batch; what is no text has a problem."""
    wrong = next((one for one in ([text, pair] if paired else [text]) if not isinstance(one, str)), None)
    if not isinstance(text, str) or (paired and not isinstance(pair, str)):
        return Row(number, f"row {number}", str(number), None, None, f"the text is {type(wrong).__name__}, not text")
    return Row(number, f"row {number}", str(number), (text, pair) if paired else text)


def _values(name: str, column: Any) -> Sequence[Any]:
    """The values of a column, of whatever it is made."""
    if isinstance(column, (str, bytes)) or not isinstance(column, Iterable):
        raise DataError(f"column {name!r} is no list of texts but {type(column).__name__}")
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def _lists(column: pa.ChunkedArray) -> list[Any]:
    """Values as Python and numpy have them: lists of numbers as arrays."""
    values = column.to_pylist()
    if pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type):
        return [None if one is None else np.array(one) for one in values]
    return values
