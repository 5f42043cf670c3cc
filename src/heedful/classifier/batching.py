"""Many texts in as few forward passes as `Sharing` allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int

from heedful.classifier.batch_rules import Sharing
from heedful.support.memory import out_of_memory
from heedful.support.progress import ran

_SIMILAR = 1.1  # lengths up to this factor share a batch
_SMALL = 256  # tokens a batch may always hold, whatever their lengths
_CHECKED = 0.005  # share of the texts that run alone too, to see that batches change nothing

Rows = tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray] | None]
Given = tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None, Sequence[np.ndarray] | None]
Logits = Float64[np.ndarray, "texts classes"]


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
    """

    def __init__(self, model: Batched, tokens: int) -> None:
        self._model, self._tokens = model, tokens
        self._mixes, self._shares = model.sharing.lengths, model.sharing.texts
        self._checks = self.n_forward = 0

    def run(self, lengths: Int[np.ndarray, " texts"], rows: Callable[[np.ndarray], Rows]) -> Logits:
        """Return logits of texts of these lengths; `rows` makes some of them, by index."""
        while True:
            done = self._once(lengths, rows)
            if done is not None:
                return done

    def _once(self, lengths: Int[np.ndarray, " texts"], rows: Callable[[np.ndarray], Rows]) -> Logits | None:
        """The same, or None where batches turn out to change logits: they will not mix lengths any more."""
        logits: list[Logits] = []
        order: list[np.ndarray] = []
        for batch in self._batches(lengths):
            batch_logits = self._forward(batch, rows)
            mixed = lengths[batch[0]] != lengths[batch[-1]]
            if mixed and self._checks <= _CHECKED * self.n_forward:
                self._checks += 1
                if not self._model.same(self._forward(batch[:1], rows), batch_logits[:1]):
                    self._mixes = False
                    return None
            logits.append(batch_logits)
            order.append(batch)
        values = np.concatenate(logits)
        return values[np.argsort(np.concatenate(order))]

    def _batches(self, lengths: Int[np.ndarray, " texts"]) -> Iterator[np.ndarray]:
        """Indices in batches of similar length: padding costs as much as words, but so do many small batches."""
        order = np.argsort(lengths, kind="stable")
        start = 0
        while start < len(order):
            stop, shortest = start + 1, lengths[order[start]]
            while stop < len(order) and self._shares:
                longest, size = lengths[order[stop]], stop + 1 - start
                similar = longest <= _SIMILAR * shortest or size * longest <= _SMALL
                if not (similar if self._mixes else longest == shortest) or size * longest > self._tokens:
                    break
                stop += 1
            yield order[start:stop]
            start = stop

    def _forward(self, batch: np.ndarray, rows: Callable[[np.ndarray], Rows]) -> Logits:
        try:
            logits = self._model.logits(*rows(batch))
        except RuntimeError as error:
            if len(batch) == 1 or not out_of_memory(error):
                raise
        else:
            self.n_forward += len(batch)
            ran(len(batch))
            return logits
        # here, where nothing holds the failed batch's memory any more
        return np.concatenate([self._forward(half, rows) for half in np.array_split(batch, 2)])
