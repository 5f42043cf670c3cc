"""The word vectors of a text inside a model: taken as what gradients refer to, and exchanged for others.

A model looks its words up in a table. What a look-up gives is replaced on the way, so that ids are still given to the
model: positions, types, masks and where a decoder finds the end of the text stay the model's own. An encoder-decoder
such as BART reads every word twice, in its encoder and, one position further on, in its decoder; both look-ups get the
same vector if they share a table, and the gradient by it is the sum over both. With two tables, as in T5Gemma, a word's
vector is the two vectors one behind the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass(eq=False)
class Words:
    """How one text's words get into a model; what is known of it after the first forward pass.

    Args:
        model: the model.
        ids: token ids of the text.
        types: token types, if the model is told which of two texts a token is of; some look these up among the words.

    Attributes:
        tables: the modules that words are looked up in, each with weights of its own.
        shifts: for every look-up, in order, how many positions behind the text's own the words stand there.
    """

    model: PreTrainedModel
    ids: Int64[Tensor, " tokens"]
    types: Int64[Tensor, " tokens"] | None = None
    tables: list[nn.Module] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)

    @torch.no_grad()
    def vectors(self, ids: Int64[Tensor, " tokens"]) -> Float[Tensor, "tokens size"]:
        """Word vectors of a text with these ids; the tables must be known by a forward pass."""
        return torch.cat([_rows(table, ids) for table in self.tables], dim=-1)

    @contextmanager
    def exchanged(self, points: Float[Tensor, "texts tokens size"] | None) -> Iterator[list[Tensor]]:
        """Put vectors in place of the text's inside; None for its own, as leaves that gradients can be taken by.

        Yields the leaves (tokens, size), one a table, to be read after the forward pass; none if points are given, or
        if the model did not look up the text word by word. Other threads' forward passes notice nothing.
        """
        thread, leaves = threading.get_ident(), dict[int, Tensor]()
        tables, shifts, elsewhere = list[nn.Module](), list[int](), list[bool]()
        named = _named_tables(self.model)
        others = [] if named else [module for module in self.model.modules() if isinstance(module, nn.Embedding)]

        def exchange(table: nn.Module, args: tuple[Any, ...], named: dict[str, Any], out: object) -> Tensor | None:
            if threading.get_ident() != thread or not isinstance(out, Tensor):
                return None
            looked_up = next((value for value in (*args, *named.values()) if isinstance(value, Tensor)), None)
            place = None if looked_up is None else _place(looked_up, self.ids)
            if looked_up is None or place is None:
                types = self.types is not None and looked_up is not None and _place(looked_up, self.types) is not None
                elsewhere.append(not types and looked_up is not None and looked_up.ndim == 2 and table not in others)
                return None
            key = id(getattr(table, "weight", table))
            if key not in leaves:
                start = sum(leaf.shape[-1] for leaf in leaves.values())
                leaves[key] = (
                    _rows(table, self.ids).detach().requires_grad_()
                    if points is None
                    else points[..., start : start + out.shape[-1]]
                )
                tables.append(table)
            shift, turned = place
            shifts.append(shift)
            return _placed(out, leaves[key], shift, turned=turned)

        with ExitStack() as hooks:
            for table in named or others:
                hooks.callback(table.register_forward_hook(exchange, with_kwargs=True).remove)
            vectors = list[Tensor]()
            yield vectors
        vectors.extend(leaves.values() if points is None and not any(elsewhere) else [])
        self.tables, self.shifts = tables, shifts


def _named_tables(model: PreTrainedModel) -> list[nn.Module]:
    """Modules that a model or a part of it names as tables of its words, and all that share their weights."""
    named = list[nn.Module]()
    for part in model.modules():
        if isinstance(part, PreTrainedModel):
            try:
                table = part.get_input_embeddings()
            except (AttributeError, NotImplementedError):
                continue
            if isinstance(table, nn.Module):
                named.append(table)
    weights = [weight for table in named if isinstance(weight := getattr(table, "weight", None), Tensor)]
    shared = [
        module for module in model.modules() if any(getattr(module, "weight", None) is weight for weight in weights)
    ]
    return list(dict.fromkeys((*named, *shared)))


def _rows(table: nn.Module, ids: Int64[Tensor, " tokens"]) -> Float[Tensor, "tokens size"]:
    with torch.no_grad():
        return table.forward(ids[None])[0]  # not a call, which would run the hooks


def _place(looked_up: Tensor, ids: Int64[Tensor, " tokens"]) -> tuple[int, bool] | None:
    """How far behind its own place a text stands in ids that were looked up, and if they are (tokens, texts).

    A text may stand there in full, with padding behind it, or, as in a decoder, behind a start token and without its
    last. None if it does not.
    """
    if looked_up.ndim != 2:
        return None
    for turned in (False, True):
        rows = looked_up.mT if turned else looked_up
        for shift in (0, 1):
            n_seen = min(len(ids), rows.shape[1] - shift)
            complete = n_seen == len(ids) or (shift == 1 and n_seen == len(ids) - 1)
            if complete and n_seen > 0 and bool((rows[:, shift : shift + n_seen] == ids[:n_seen]).all()):
                return shift, turned
    return None


def _placed(out: Tensor, vectors: Tensor, shift: int, *, turned: bool) -> Tensor:
    """What a look-up gave, with the text's vectors, (tokens, size) or (texts, tokens, size), in their place."""
    rows = out.detach().transpose(0, 1) if turned else out.detach()
    n_seen = min(vectors.shape[-2], rows.shape[1] - shift)
    inner = vectors[..., :n_seen, :].expand(len(rows), n_seen, -1)
    parts = (rows[:, :shift], inner, rows[:, shift + n_seen :])
    new = torch.cat([part for part in parts if part.shape[1]], dim=1)
    return new.transpose(0, 1) if turned else new
