"""ModelGame: masks evaluated by forward passes of any classifier, on token ids, never on text."""

from __future__ import annotations

from itertools import count

import numpy as np
from jaxtyping import Bool, Float64, Int

from heedful.classifier import Classifier, limits
from heedful.classifier.batching import Rows, chosen
from heedful.classifier.lookups import stand_in
from heedful.errors import ModelError, SettingError
from heedful.games.bridge import ForOthers
from heedful.games.output import Output
from heedful.support.turns import ask
from heedful.text.encoding import Encoded
from heedful.text.units import Units


class ModelGame(ForOthers):
    """A classifier's output as units are removed from one text.

    Equal masks are evaluated once; the rest runs in batches, see `Batches`. A masked text's logits are those the model
    gives its ids alone. The exception is BigBird where words are deleted from a text long enough for block-sparse
    attention: masked texts too short for it are padded up to its shortest, so that one kind of attention is explained.
    Where words are deleted or ignored and the tokenizer adds no special tokens, the empty text is one token: the first
    that exists of bos, eos and pad.

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
        self._least = limits.least_tokens(classifier.model, len(encoded)) if self._masking == "delete" else 0
        self._batches = classifier.batches(batch_tokens)
        self._whole: Float64[np.ndarray, " classes"] | None = None
        if classifier.paper_model is None and (units.of_token >= 0).any():
            self._check_masking()

    def expect(self, logits: Float64[np.ndarray, " classes"]) -> ModelGame:
        """Return the same game, which from now on raises ModelError if the whole text has other logits than these."""
        self._whole = logits
        return self

    def _check_masking(self) -> None:
        """Refuse a masking that does not do what it says, as seen on texts without any unit and with half of them.

        What ignored words are must not matter, nor must a padding token that words are replaced with be taken for
        padding: another id that is looked up as the same vector must do the same.
        """
        classifier, name = self._classifier, self._classifier.name
        odd = np.arange(self.n_units) % 2 == 1
        kept = self._kept_tokens(np.stack([np.zeros_like(odd), odd, ~odd]))
        texts, attended, types = self._rows(kept)
        word = next(i for i in count() if i not in {*np.concatenate(texts), *classifier.tokenizer.all_special_ids})
        padding = classifier.padding_id
        if self._masking == "ignore" and attended is not None:
            exchanged = [np.where(used, text, word) for text, used in zip(texts, attended, strict=True)]
            both = exchanged + texts, attended * 2, None if types is None else types * 2
            logits = self._batches.run(
                np.array([len(text) for text in both[0]]), lambda some: chosen(both, some.tolist())
            )
            other, expected = np.split(logits, 2)
            problem = (
                f"{name} reads ignored words all the same, as its logits are read off a word's own position or it "
                "heeds no attention mask: use masking 'delete' or 'unk'"
            )
        elif padding is not None and classifier.replacement_id(self._masking) == padding:
            exchanged = [np.where(used, text, word) for text, used in zip(texts, kept, strict=True)]

            def replaced() -> Float64[np.ndarray, "n classes"] | None:
                with classifier.undisturbed(), stand_in(limits.word_tables(classifier.model), word, padding) as seen:
                    logits = classifier.logits(exchanged, attended, types)
                return logits if seen else None

            replaced_logits = ask(replaced)
            if replaced_logits is None:  # without a table of words there is nothing to compare
                return
            other, expected = replaced_logits, classifier.logits(texts, attended, types)
            self._batches.n_forward += 2 * len(texts)
            problem = (
                f"{name} takes token {padding} for the end of the text or counts positions without it, "
                f"so words in its place would move the others: use masking 'delete' or another than {self._masking!r}"
            )
        else:
            return
        self._check_finite(np.concatenate([expected, other]))
        if not classifier.same(expected, other):
            raise SettingError(problem)

    def _empty_text(self) -> Int[np.ndarray, " _"]:
        """The token that stands for a text without any; none where some token always stays."""
        if self._masking not in ("delete", "ignore") or (self._units.of_token < 0).any():
            return np.zeros(0, dtype=np.int64)
        tokenizer, n_words = self._classifier.tokenizer, limits.n_words(self._classifier.model)
        ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
        known = [i for i in ids if i is not None and (n_words is None or i < n_words)]
        if not known:
            raise SettingError(
                f"{self._classifier.name} has no bos, eos or pad token to stand for the empty text: use masking 'unk'"
            )
        return np.array(known[:1])

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self._units)

    @property
    def n_forward(self) -> int:
        """Texts pushed through the model so far."""
        return self._batches.n_forward

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
            ModelError: the logits of a masked text are not finite, or those of the whole text not the expected ones.
        """
        if masks.ndim != 2 or masks.shape[1] != self.n_units:
            raise SettingError(f"masks must be (n, {self.n_units}), got {masks.shape}")
        if not len(masks):
            return np.zeros((0, len(self._classifier.labels)))
        _, first, inverse = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True, return_inverse=True)
        different = masks[first]
        kept = self._kept_tokens(different)
        values = self._batches.run(self._lengths(kept), lambda some: self._rows(kept[some]))
        self._check_finite(values)
        whole = different.all(axis=1)
        if self._whole is not None and whole.any() and not self._classifier.same(values[whole], self._whole[None]):
            raise ModelError(
                f"{self._classifier.name} gives other logits for the same text again, so no explanation can be trusted"
            )
        return values[inverse.ravel()]

    def _kept_tokens(self, masks: Bool[np.ndarray, "n units"]) -> Bool[np.ndarray, "n tokens"]:
        always = np.ones((len(masks), 1), dtype=bool)
        return np.concatenate([masks, always], axis=1)[:, self._units.of_token]  # unit -1 is the column behind the last

    def _lengths(self, kept: Bool[np.ndarray, "n tokens"]) -> Int[np.ndarray, " n"]:
        if self._masking != "delete":
            return np.full(len(kept), len(self._encoded))
        return np.maximum(kept.sum(1), max(1, self._least))

    def _check_finite(self, values: Float64[np.ndarray, "n classes"]) -> None:
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._classifier.name} gives NaN or infinite logits once words are removed: "
                "try another masking, or float32"
            )

    def _rows(self, kept: Bool[np.ndarray, "n tokens"]) -> Rows:
        """Ids, attended tokens and type ids, as `Classifier.logits` takes them."""
        ids, types, replacement = (
            self._encoded.input_ids,
            self._encoded.type_ids,
            self._classifier.replacement_id(self._masking),
        )
        if self._masking == "delete":
            rows = [ids[row] if row.any() else self._stub for row in kept]
            some = None if types is None else [types[row] if row.any() else types[:1] for row in kept]
            return self._filled_up(rows, some) if self._least else (rows, None, some)
        all_types = None if types is None else [types] * len(kept)
        if replacement is not None:
            return list(np.where(kept, ids, replacement)), None, all_types
        if not len(self._stub):
            return [ids] * len(kept), list(kept), all_types
        stub = ~kept.any(1, keepdims=True) & (np.arange(len(ids)) == 0)
        return list(np.where(stub, self._stub, ids)), list(kept | stub), all_types

    def _filled_up(self, rows: list[np.ndarray], types: list[np.ndarray] | None) -> Rows:
        """Texts with padding behind those that are too short for the kind of attention the whole text gets."""
        missing = [max(0, self._least - len(row)) for row in rows]
        filler = self._classifier.padding_id or 0

        def longer(some: list[np.ndarray], value: int) -> list[np.ndarray]:
            return [np.pad(row, (0, n), constant_values=value) for row, n in zip(some, missing, strict=True)]

        attended = longer([np.ones(len(row), dtype=bool) for row in rows], 0)
        return longer(rows, filler), attended, None if types is None else longer(types, 0)
