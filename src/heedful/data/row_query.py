"""Which columns a stream of rows takes: texts, or pairs of them, and by the way labels and ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heedful.data.columns import Column, NoColumnError, Query
from heedful.errors import DataError, SettingError


@dataclass(frozen=True)
class RowColumns:
    """The columns of a stream of rows, each by its name or its number from 0.

    Attributes:
        text: the text; by default "text" or the one column whose name usually means that.
        text_pair: the second text of a pair; by default there are no pairs.
        label: the label; by default "label" or the one column whose name usually means that, if there is one.
        id: what a row is called; by default "id" if a column has that very name, else rows are numbered.
    """

    text: Column = None
    text_pair: Column = None
    label: Column = None
    id: Column = None


@dataclass(frozen=True)
class RowQuery(Query):
    """What a stream of rows asks of a reader."""

    text_pair: Column = None
    id: Column = None
    max_chars: int = 1_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        for role, column in (("text_pair", self.text_pair), ("id", self.id)):
            if isinstance(column, bool) or not isinstance(column, (str, int, type(None))):
                raise SettingError(f"{role} must be the name of a column or its number, got {column!r}")
            if isinstance(column, int) and column < 0:
                raise SettingError(f"{role}: columns are numbered from 0, got {column}")
        if type(self.max_chars) is not int or self.max_chars < 1:
            raise SettingError(f"max_chars must be at least 1, got {self.max_chars!r}")
        if self.text is not None and self.text == self.text_pair:
            raise SettingError(f"text and text_pair are the same column, {self.text!r}")

    @property
    def asked(self) -> dict[str, Column]:
        """The columns that are given, by role."""
        given = {role: getattr(self, role) for role in ("text", "text_pair", "label", "id")}
        return {role: column for role, column in given.items() if column is not None}

    @property
    def by_number(self) -> bool:
        """True if all columns that are given are numbers, the text too, so that a header is not needed."""
        return isinstance(self.text, int) and all(isinstance(column, int) for column in self.asked.values())

    def choose(self, present: Sequence[str], source: str) -> dict[str, int]:
        """Return the position of every column to read, by role, out of the names present.

        Raises:
            NoColumnError: a column is not there.
            DataError: a name is there more than once, or several columns could be meant.
            SettingError: two texts would be one column.
        """
        at = {role: self._position(role, present, source) for role in self.asked}
        if self.text is None:
            taken = set(at.values())
            free = ["\0" if i in taken else name for i, name in enumerate(present)]  # no column is called so
            at["text"] = self._position("text", free, source)
        if missing := [role for role, i in at.items() if i is None]:
            raise NoColumnError(self._missing(missing, present, source), len(present))
        chosen = {role: i for role, i in at.items() if i is not None}
        for other in ("text_pair", "label"):
            if chosen.get(other) == chosen["text"]:
                raise SettingError(f"text and {other} are the same column, {present[chosen['text']]!r}")
        return chosen | self._by_the_way(present, chosen, source)

    def _by_the_way(self, present: Sequence[str], chosen: dict[str, int], source: str) -> dict[str, int]:
        """A label and an id that nobody asked for, and the names of labels."""
        extra: dict[str, int] = {}
        if "label" not in chosen:
            extra = super().label_by_the_way(present, source)
            if extra.get("label") in chosen.values():
                extra = {}
        label = (chosen | extra).get("label")
        if label is not None and (name := f"{present[label]}_name") in present:
            extra["label_name"] = list(present).index(name)
        if self.id is None and list(present).count("id") == 1:
            position = list(present).index("id")
            extra |= {} if position in (chosen | extra).values() else {"id": position}
        return extra

    def label_by_the_way(self, present: Sequence[str], source: str) -> dict[str, int]:
        """Return nothing: `choose` has it already."""
        del present, source
        return {}


def query_of(columns: RowColumns | None, encoding: str | None, max_chars: int) -> RowQuery:
    """Return what a reader is asked for.

    Raises:
        SettingError: a column is no name and no number, or two texts are one column; there is no such encoding; or
            `max_chars` is below 1.
    """
    given = RowColumns() if columns is None else columns
    if not isinstance(given, RowColumns):
        raise SettingError(f"columns must be RowColumns(text=..., ...), got {type(given).__name__}")
    return RowQuery(
        given.text,
        given.label,
        None,
        encoding,
        labelled=False,
        max_chars=max_chars,
        text_pair=given.text_pair,
        id=given.id,
    )


def same_columns(first: Mapping[str, str], other: Mapping[str, str], place: str, first_place: str) -> None:
    """Refuse a file whose columns are not those of the first.

    Raises:
        DataError: they differ.
    """
    if different := set(first.items()) ^ set(other.items()):
        names = sorted({name for _, name in different})
        raise DataError(f"{place}: other columns than in {first_place}: {names}")
