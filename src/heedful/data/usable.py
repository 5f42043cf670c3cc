"""Take from a table whatever can be used, and say of every other row what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from heedful.data.checks import Classes, checked, label_problems, rationale_problems, text_problems
from heedful.data.columns import LISTS, Columns, Query
from heedful.data.dataset import Dataset
from heedful.errors import DataError

_MISFIT = "the rationale does not fit the text, which is used without it"


@dataclass(frozen=True, eq=False)
class Usable:
    """The rows of a data set that can be used, and what is wrong with others.

    Attributes:
        dataset: texts with labels; a rationale that does not fit its text is left out, the text is not.
        places: of every text of the data set, as in "line 4".
        rows: of every text, the number of its row from 0.
        n_rows: how many rows there are.
        problems: what is wrong with rows, and the places of these.
    """

    dataset: Dataset
    places: Sequence[str]
    rows: Sequence[int]
    n_rows: int
    problems: Mapping[str, Sequence[str]]


def usable_rows(columns: Columns, query: Query, classes: Classes | None = None) -> tuple[Usable, Classes]:
    """Leave out rows without a text or a label, and rationales that do not fit; say which and why.

    Raises:
        DataError: no row can be used, or the labels as a whole cannot.
    """
    bad = label_problems(columns) | text_problems(columns)
    n_rows = len(columns.values["text"])
    kept = [i for i in range(n_rows) if i not in bad]
    if bad and not kept:
        raise columns.error([*bad], next(iter(bad.values())))
    good = _rows(columns, kept)
    wrong = rationale_problems(good)
    lists = {name: [None if i in wrong else one for i, one in enumerate(good.values[name])] for name in LISTS if wrong}
    columns_used = replace(good, values={**good.values, **lists})
    try:
        dataset, found = checked(columns_used, query, classes)
    except DataError:
        if classes is None:
            raise
        dataset, found = checked(columns_used, query)  # labels that train has not: by their own names
    problems: dict[str, list[str]] = {}
    for i, what in sorted(bad.items()):
        problems.setdefault(what, []).append(columns.place(i))
    for i, what in wrong.items():
        problems.setdefault(_MISFIT, []).append(f"{good.place(i)}: {what}")
    return Usable(dataset, [columns.place(i) for i in kept], kept, n_rows, problems), found


def _rows(columns: Columns, kept: Sequence[int]) -> Columns:
    values = {name: [every[i] for i in kept] for name, every in columns.values.items()}
    return replace(columns, values=values, place=lambda i: columns.place(kept[i]))
