"""ModelGame: masks evaluated by forward passes of any classifier, on token ids, never on text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int

from heedful.classifier import Classifier
from heedful.errors import ModelError, SettingError
from heedful.games.bridge import ForOthers
from heedful.games.output import Output
from heedful.support.memory import out_of_memory
from heedful.support.progress import quiet_transformers, ran
from heedful.text.encoding import Encoded
from heedful.text.units import Units

_SIMILAR = 1.1  # lengths up to this factor share a batch
_SMALL = 256  # tokens a batch may always hold, whatever their lengths
_ON_CPU, _ELSEWHERE = 2048, 16_384  # tokens: what a layer holds should fit a CPU's cache, and fill a GPU

Rows = tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray] | None]


class ModelGame(ForOthers):
    """A classifier's output as units are removed from one text.

    Equal masks are evaluated once; the rest runs in batches of similar length, bounded by tokens, and halved when
    memory runs out. The first text that is padded is evaluated alone too: where padding changes its logits, as in XLNet
    and FNet, batches hold one length from there on. Where words are deleted or ignored and the tokenizer adds no
    special tokens, the empty text is one token: the first that exists of bos, eos and pad.

    Args:
        classifier: the classifier.
        encoded: the text.
        units: its units.
        masking: "unk", "mask", "pad", "delete" or "ignore".
        output: what is explained.
        batch_tokens: most tokens a forward pass may hold, padding included; None: 2,048 on a CPU, 16,384 elsewhere.

    Raises:
        SettingError: masking "ignore" on a model that attends to its padding: its mask cannot tell the two apart;
            "ignore" on one that reads its logits off a word's own position, as decoders do, or heeds no mask; a padding
            token in place of words where it moves the others or the readout, as in RoBERTa and decoders;
            or nothing is left of the empty text, and the tokenizer has no token that could stand for it.
    """

    def __init__(
        self,
        classifier: Classifier,
        encoded: Encoded,
        units: Units,
        masking: str,
        output: Output,
        batch_tokens: int | None = None,
    ) -> None:
        self._classifier, self._encoded, self._units, self._output = classifier, encoded, units, output
        self._masking = classifier.masking(masking)
        if self._masking == "ignore" and getattr(classifier.model.config, "attend_padding", False):
            raise SettingError(
                f"{classifier.name} attends to its padding, so it cannot ignore words: use masking 'unk'"
            )
        self._stub = self._empty_text()
        self._batch_tokens = batch_tokens or (_ON_CPU if classifier.model.device.type == "cpu" else _ELSEWHERE)
        self._mixes: bool | None = None  # whether a batch may mix lengths; None until it is known
        self._n_forward = 0
        if classifier.paper_model is None and (units.of_token >= 0).any():
            self._check_masking()

    def _check_masking(self) -> None:
        """Refuse a masking that does not do what it says, as seen on the text without any unit: two forwards."""
        classifier, name = self._classifier, self._classifier.name
        (row,), attended, types = self._rows(self._units.of_token[None] < 0)
        if self._masking == "ignore" and attended is not None:
            word = next(i for i in count() if i not in {*row.tolist(), *classifier.tokenizer.all_special_ids})
            other = classifier.logits([np.where(attended[0], row, word)], attended, types)[0]
            own = classifier.logits([row], attended, types)[0]
            problem = (
                f"{name} reads ignored words all the same, as its logits are read off a word's own position or it "
                "heeds no attention mask: use masking 'delete' or 'unk'"
            )
        elif classifier.padding_id is not None and classifier.replacement_id(self._masking) == classifier.padding_id:
            text = replace(self._encoded, input_ids=row)
            own, given = classifier.logits_of(text), classifier.inputs(text)
            ids = given.pop("input_ids")
            try:
                with classifier.undisturbed(), quiet_transformers(), torch.no_grad():
                    vectors = classifier.model.get_input_embeddings()(ids)
                    other = classifier.model(inputs_embeds=vectors, **given).logits[0].cpu().double().numpy()
            except NotImplementedError:  # it takes no vectors in place of ids
                return
            problem = (
                f"{name} takes token {classifier.padding_id} for the end of the text or counts positions without it, "
                f"so words in its place would move the others: use masking 'delete' or another than {self._masking!r}"
            )
        else:
            return
        self._n_forward += 2
        self._check_finite(np.stack([own, other]))
        if not self._alike(own, other):
            raise SettingError(problem)

    def _empty_text(self) -> Int[np.ndarray, " _"]:
        """The token that stands for a text without any; none where some token always stays."""
        if self._masking not in ("delete", "ignore") or (self._units.of_token < 0).any():
            return np.zeros(0, dtype=np.int64)
        own = self._classifier.tokenizer
        found = next((i for i in (own.bos_token_id, own.eos_token_id, own.pad_token_id) if i is not None), None)
        if found is None:
            raise SettingError(
                f"{self._classifier.name} has no bos, eos or pad token to stand for the empty text: use masking 'unk'"
            )
        return np.array([found])

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self._units)

    @property
    def n_forward(self) -> int:
        """Texts pushed through the model so far."""
        return self._n_forward

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, " n"]:
        """Values of the masks; True keeps a unit.

        Raises:
            SettingError, ModelError: see `logits`.
        """
        logits = self.logits(masks)
        return self._output(logits) if len(masks) else np.zeros(0)

    def logits(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n classes"]:
        """Logits of the masked texts.

        Raises:
            SettingError: masks are not (n, units).
            ModelError: the logits of a masked text are not finite.
        """
        if masks.ndim != 2 or masks.shape[1] != self.n_units:
            raise SettingError(f"masks must be (n, {self.n_units}), got {masks.shape}")
        packed, first, inverse = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True, return_inverse=True)
        kept = self._kept_tokens(masks[first])
        lengths = self._lengths(kept)
        values = np.empty((len(packed), len(self._classifier.labels)))
        for batch in self._batches(lengths):
            values[batch] = self._forward(kept[batch])
        return values[inverse.ravel()]

    def _kept_tokens(self, masks: Bool[np.ndarray, "n units"]) -> Bool[np.ndarray, "n tokens"]:
        always = np.ones((len(masks), 1), dtype=bool)
        return np.concatenate([masks, always], axis=1)[:, self._units.of_token]  # unit -1 is the column behind the last

    def _lengths(self, kept: Bool[np.ndarray, "n tokens"]) -> Int[np.ndarray, " n"]:
        return np.maximum(kept.sum(1), 1) if self._masking == "delete" else np.full(len(kept), len(self._encoded))

    def _batches(self, lengths: Int[np.ndarray, " n"]) -> Iterator[np.ndarray]:
        """Row indices in batches of similar length: padding costs as much as words, but so do many small batches."""
        order = np.argsort(lengths, kind="stable")
        start = 0
        while start < len(order):
            stop, shortest = start + 1, lengths[order[start]]
            while stop < len(order):
                longest, size = lengths[order[stop]], stop + 1 - start
                similar = longest <= _SIMILAR * shortest or size * longest <= _SMALL
                if not similar or size * longest > self._batch_tokens:
                    break
                stop += 1
            yield order[start:stop]
            start = stop

    def _forward(self, kept: Bool[np.ndarray, "n tokens"]) -> Float64[np.ndarray, "n classes"]:
        """Logits of rows in order of length."""
        ends = np.flatnonzero(np.diff(self._lengths(kept))) + 1
        if self._mixes is False and len(ends):
            return np.concatenate([self._forward(rows) for rows in np.split(kept, ends)])
        try:
            values = self._classifier.logits(*self._rows(kept))
        except RuntimeError as error:
            if len(kept) == 1 or not out_of_memory(error):
                raise
        else:
            self._n_forward += len(kept)
            ran(len(kept))
            self._check_finite(values)
            if self._mixes is None and len(ends):
                self._mixes = self._alike(values[0], self._forward(kept[:1])[0])
                return values if self._mixes else self._forward(kept)
            return values
        # here, where nothing holds the failed batch's memory any more
        return np.concatenate([self._forward(half) for half in np.array_split(kept, 2)])

    def _check_finite(self, values: Float64[np.ndarray, "n classes"]) -> None:
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._classifier.name} gives NaN or infinite logits once words are removed: "
                "try another masking, or float32"
            )

    def _alike(self, found: Float64[np.ndarray, " classes"], expected: Float64[np.ndarray, " classes"]) -> bool:
        """Equal but for rounding, of which there is more in low precision."""
        allowed = max(1e-3, 8 * torch.finfo(self._classifier.model.dtype).eps)
        return bool(np.abs(found - expected).max() <= allowed * np.abs(expected).max())

    def _rows(self, kept: Bool[np.ndarray, "n tokens"]) -> Rows:
        """Ids, attended tokens and type ids, as `Classifier.logits` takes them."""
        ids, types, replacement = (
            self._encoded.input_ids,
            self._encoded.type_ids,
            self._classifier.replacement_id(self._masking),
        )
        if self._masking == "delete":
            rows = [ids[row] if row.any() else self._stub for row in kept]
            return rows, None, None if types is None else [types[row] if row.any() else types[:1] for row in kept]
        all_types = None if types is None else [types] * len(kept)
        if replacement is not None:
            return list(np.where(kept, ids, replacement)), None, all_types
        if not len(self._stub):
            return [ids] * len(kept), list(kept), all_types
        stub = ~kept.any(1, keepdims=True) & (np.arange(len(ids)) == 0)
        return list(np.where(stub, self._stub, ids)), list(kept | stub), all_types
