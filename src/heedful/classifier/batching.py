"""Many texts in as few forward passes as `Sharing` allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int

from heedful.classifier.batch_rules import Sharing
from heedful.classifier.card import Room
from heedful.support.memory import out_of_memory
from heedful.support.progress import ran
from heedful.support.turns import ask

_SIMILAR = 1.1  # lengths up to this factor share a batch
_SMALL = 256  # tokens a batch may always hold, whatever their lengths
_CHECKED = 0.005  # share of the texts that run alone too, to see that batches change nothing

Rows = tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray] | None]
Given = tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None, Sequence[np.ndarray] | None]
Logits = Float64[np.ndarray, "texts classes"]
_Key = tuple[int, int, Room | None, bool]


def chosen(rows: Given, some: Sequence[int]) -> Rows:
    """Return some of the texts."""
    ids, attended, type_ids = rows
    return (
        [ids[i] for i in some],
        None if attended is None else [attended[i] for i in some],
        None if type_ids is None else [type_ids[i] for i in some],
    )


@runtime_checkable
class Batched(Protocol):
    """What `Batches` needs of a classifier."""

    @property
    def sharing(self) -> Sharing:
        """What may share a batch."""

    def logits(
        self, ids: list[np.ndarray], attended: list[np.ndarray] | None, type_ids: list[np.ndarray] | None
    ) -> Logits:
        """Logits of texts as one batch."""

    def same(self, one: Logits, other: Logits) -> bool:
        """Whether logits are equal but for rounding."""


class Batches:
    """Logits of many texts, in batches of similar length, bounded by tokens, and halved when memory runs out.

    Beside what is known from made-up texts, every now and then the text with most padding runs alone too: where that
    changes its logits, as where a model goes another way from some length on, batches hold one length from there on.

    Args:
        model: what gives logits, a classifier.
        tokens: most tokens a batch may hold, padding included.
        room: on a card, the memory for a batch, which says so in place of `tokens`.
    """

    def __init__(self, model: Batched, tokens: int, room: Room | None = None) -> None:
        self.model, self.tokens, self.room = model, tokens, room
        self._mixes, self._shares = model.sharing.lengths, model.sharing.texts
        self._checks = self.n_forward = 0

    def most(self, longest: int) -> int:
        """Return the most tokens that a batch may hold whose longest text has so many."""
        return self.tokens if self.room is None else self.room.tokens(longest)

    def run(self, lengths: Int[np.ndarray, " texts"], rows: Callable[[np.ndarray], Rows]) -> Logits:
        """Return logits of texts of these lengths; `rows` makes some of them, by index.

        In a `Turn` it is the turn's caller that runs them, as they are or beside others: see `SharedBatches`.
        """
        return ask(Run(self, lengths, rows))

    def run_here(self, lengths: Int[np.ndarray, " texts"], rows: Callable[[np.ndarray], Rows]) -> Logits:
        """Return the same, run by this thread."""
        while True:
            done = self._once(lengths, rows)
            if done is not None:
                return done

    def count(self, lengths: Int[np.ndarray, " texts"]) -> None:
        """Add to `n_forward` what texts of these lengths take, which have been run beside others."""
        for batch in self._batches(lengths):
            self.n_forward += len(batch)
            self.n_forward += self._is_checked(lengths, batch)

    def _once(self, lengths: Int[np.ndarray, " texts"], rows: Callable[[np.ndarray], Rows]) -> Logits | None:
        """The same, or None where batches turn out to change logits: they will not mix lengths any more."""
        logits: list[Logits] = []
        order: list[np.ndarray] = []
        for batch in self._batches(lengths):
            batch_logits = self._forward(batch, rows)
            if self._is_checked(lengths, batch) and not self.model.same(
                self._forward(batch[:1], rows), batch_logits[:1]
            ):
                self._mixes = False
                return None
            logits.append(batch_logits)
            order.append(batch)
        values = np.concatenate(logits)
        return values[np.argsort(np.concatenate(order))]

    def _is_checked(self, lengths: Int[np.ndarray, " texts"], batch: np.ndarray) -> bool:
        """Whether the text with most padding of this batch, which has been run, is to run alone too."""
        checked = lengths[batch[0]] != lengths[batch[-1]] and self._checks <= _CHECKED * self.n_forward
        self._checks += bool(checked)
        return bool(checked)

    def _batches(self, lengths: Int[np.ndarray, " texts"]) -> Iterator[np.ndarray]:
        """Indices in batches of similar length: padding costs as much as words, but so do many small batches."""
        order = np.argsort(lengths, kind="stable")
        ascending = lengths[order].tolist()
        start = 0
        while start < len(order):
            stop, shortest = start + 1, ascending[start]
            while stop < len(order) and self._shares:
                longest, size = ascending[stop], stop + 1 - start
                similar = longest <= _SIMILAR * shortest or size * longest <= _SMALL
                if not (similar if self._mixes else longest == shortest) or size * longest > self.most(longest):
                    break
                stop += 1
            yield order[start:stop]
            start = stop

    def _forward(self, batch: np.ndarray, rows: Callable[[np.ndarray], Rows]) -> Logits:
        try:
            logits = self.model.logits(*rows(batch))
        except RuntimeError as error:
            if len(batch) == 1 or not out_of_memory(error):
                raise
        else:
            self.n_forward += len(batch)
            ran(len(batch))
            return logits
        # here, where nothing holds the failed batch's memory any more
        return np.concatenate([self._forward(half, rows) for half in np.array_split(batch, 2)])


@dataclass(frozen=True, eq=False)
class Run:
    """A call of `Batches.run` that waits to be run.

    Attributes:
        batches: whose call it is.
        lengths: tokens of each text.
        rows: makes some of the texts, by index.
    """

    batches: Batches
    lengths: Int[np.ndarray, " texts"]
    rows: Callable[[np.ndarray], Rows]

    def __call__(self) -> Logits:
        """Run it by itself."""
        return self.batches.run_here(self.lengths, self.rows)


class SharedBatches:
    """Several calls of `Batches.run` at once, whose texts share forward passes.

    Calls of different classifiers, or of texts with token types and without, stay apart. Every caller's `n_forward` is
    what its texts take by themselves. Where a pass fails, every call is run by itself, so that only those fail that
    must.
    """

    def __init__(self) -> None:
        self._known: dict[_Key, Batches] = {}

    def run(self, runs: Sequence[Run]) -> list[Logits | Exception]:
        """Return the logits of each call, or what it raises."""
        groups: dict[_Key, list[int]] = {}
        for i, each in enumerate(runs):
            groups.setdefault(_key(each), []).append(i)
        results: dict[int, Logits | Exception] = {}
        for key, places in groups.items():
            some = [runs[i] for i in places]
            first = some[0].batches
            shared = self._known.setdefault(key, Batches(first.model, first.tokens, first.room))
            results |= zip(places, _run(shared, some), strict=True)
        return [results[i] for i in range(len(runs))]


def _key(run: Run) -> _Key:
    """Calls with equal ones may share forward passes."""
    typed = len(run.lengths) > 0 and run.rows(np.arange(1))[2] is not None
    return id(run.batches.model), run.batches.tokens, run.batches.room, typed


def _run(shared: Batches, runs: Sequence[Run]) -> list[Logits | Exception]:
    if len(runs) > 1:
        ends = np.cumsum([len(run.lengths) for run in runs])
        try:
            logits = shared.run(np.concatenate([run.lengths for run in runs]), lambda some: _rows(runs, ends, some))
        except Exception:  # of whatever kind: whose fault it is shows below
            return [result_of(run) for run in runs]
        for run in runs:
            run.batches.count(run.lengths)
        return list(np.split(logits, ends[:-1]))
    return [result_of(run) for run in runs]


def result_of(request: Callable[[], Any]) -> Any:
    """Return what a function returns, or what it raises, unless that ends the process."""
    try:
        return request()
    except Exception as error:  # of any kind: raised where it is asked for
        return error


def _rows(runs: Sequence[Run], ends: np.ndarray, some: np.ndarray) -> Rows:
    """Some of the texts of all calls, by their place among all."""
    owner = np.searchsorted(ends, some, side="right")
    ids: dict[int, np.ndarray] = {}
    attended: dict[int, np.ndarray] = {}
    types: dict[int, np.ndarray] = {}
    for i in np.unique(owner).tolist():
        places = np.flatnonzero(owner == i).tolist()
        start = ends[i] - len(runs[i].lengths)
        for table, values in zip((ids, attended, types), runs[i].rows(some[places] - start), strict=True):
            if values is not None:
                table.update(zip(places, values, strict=True))
    everything = range(len(some))
    return (
        [ids[k] for k in everything],
        [attended.get(k, np.ones(len(ids[k]), dtype=bool)) for k in everything] if attended else None,
        [types[k] for k in everything] if types else None,
    )
