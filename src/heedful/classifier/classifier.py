"""Classifier: one view on any Hugging Face text classifier, which it leaves exactly as it came."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.classifier import limits
from heedful.classifier.batch_rules import Sharing, sharing_of
from heedful.classifier.batching import Batches, Rows, chosen
from heedful.classifier.card import WORDS, Room, card_of, measured
from heedful.classifier.classes import index_of, names_of
from heedful.classifier.folded import folded_logits
from heedful.classifier.forward import FAILURES, device_of, forward, random_state, restore_random_state, undisturbed
from heedful.classifier.prediction import Prediction
from heedful.classifier.rounding import precision, same
from heedful.errors import HeedfulError, InputError, ModelError, SettingError, TextError, first_line
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.support.memory import out_of_memory
from heedful.support.progress import ran
from heedful.support.turns import ask
from heedful.support.visible import visible
from heedful.text.encoding import Encoded, Text, encode
from heedful.text.given import ONE, Given, are_several, as_text
from heedful.text.many import encode_many, fitting, is_pair
from heedful.text.template import Template

REPLACING = ("unk", "mask", "pad")
MASKINGS = (*REPLACING, "delete", "ignore")
_ON_CPU, _ELSEWHERE = 2048, 16_384  # tokens a batch: what a layer holds should fit a CPU's cache, and fill a device
_AGAIN = 8  # times a text is run again where random numbers were drawn
_FINEST = float(np.finfo(np.float64).eps)
_SHOWN = 8  # class names in a classifier's own text


@dataclass(frozen=True, eq=False)
class Classifier:
    """A sequence classifier and its fast tokenizer.

    Threads may share a classifier, or a model: they take turns. Which texts may share a forward pass is found out when
    a classifier is made, by a few short made-up texts.

    Attributes:
        model: the caller's model; its mode, weights, hooks and device are the same after every call.
        tokenizer: its tokenizer.
        name: what results call it.
        limit: how many tokens it is given at most, in place of the tokenizer's own limit.
        activation: what makes probabilities of logits, "softmax" or "sigmoid", in place of what the model's
            configuration says.
        template: what is put around every text.
        given_room: how much memory a batch may take; None: on a card, half of what is free when it is first asked for.
        sharing: which texts may share a forward pass.

    Raises:
        ModelError: the tokenizer is not a fast one, the model names no classes, or a weight is not a finite number.

    Example:
        >>> import heedful
        >>> heedful.load("demo")
        Classifier('demo', AttentionPoolingForSequenceClassification, classes: negative, positive; at most 128 tokens)
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    limit: int | None = None
    activation: str | None = None
    template: Template | None = None
    given_room: Room | None = None
    sharing: Sharing = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, PreTrainedModel):
            raise ModelError(f"{self.name} is a {type(self.model).__name__}, no model of transformers")
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError(f"{self.name}: the tokenizer gives no character offsets; load its fast version")
        limits.check_weights(self.model, self.name)
        sharing = sharing_of(self.model, self.tokenizer, self.labels, self.max_tokens, self.name)
        object.__setattr__(self, "sharing", sharing)

    def __repr__(self) -> str:
        shown = ", ".join((*self.labels[:_SHOWN], *["..."] * (len(self.labels) > _SHOWN)))
        limit = "any number of" if self.max_tokens == sys.maxsize else f"at most {self.max_tokens}"
        return visible(f"Classifier({self.name!r}, {type(self.model).__name__}, classes: {shown}; {limit} tokens)")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Class names, by index."""
        return names_of(self.model.config, self.name)

    @property
    def paper_model(self) -> AttentionPoolingForSequenceClassification | None:
        """The model if it is the paper's classifier, with closed forms and look-up tables; otherwise None."""
        return self.model if isinstance(self.model, AttentionPoolingForSequenceClassification) else None

    @property
    def exclusive(self) -> bool:
        """True if exactly one class is right: probabilities are a softmax, else one sigmoid a class."""
        if self.activation is not None:
            return self.activation == "softmax"
        return len(self.labels) > 1 and self.model.config.problem_type != "multi_label_classification"

    @property
    def max_tokens(self) -> int:
        """Longest sequence the classifier takes, special tokens included; `sys.maxsize` where nothing limits it.

        The smallest of the tokenizer's `model_max_length` and what the configuration says of positions, under any of
        the names that models have for it. Set `tokenizer.model_max_length` where neither says so.
        """
        return min(limits.longest(self.model, self.tokenizer, self.name, self.limit), self._positions)

    @cached_property
    def _positions(self) -> int:
        return limits.positions_behind_padding(self.model)

    @cached_property
    def _n_types(self) -> int | None:
        return limits.n_types(self.model)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return device_of(self.model)

    @property
    def padding_id(self) -> int | None:
        """The id the model itself takes for padding; None if it knows none, whatever the tokenizer says.

        Decoders read their logits off the last token that is not that one, and take single texts only if it is None.
        """
        return limits.padding_id(self.model, self.name)

    def undisturbed(self) -> AbstractContextManager[None]:
        """Enter evaluation mode, for this thread alone; everything about the model is as it was afterwards."""
        return undisturbed(self.model)

    def encode(self, text: Text) -> Encoded:
        """Tokenise one text, or a pair as a tuple; what exceeds `max_tokens` is cut and recorded.

        Raises:
            TextError: not a text, blank, not valid Unicode, or without a single known word.
            ModelError: the model has no vector for a token or its type: the tokenizer is another model's.
        """
        given = as_text(text, ONE)
        if isinstance(given, tuple) and not getattr(self.model, "takes_pairs", True):
            raise TextError(f"{self.name} takes single texts: join the two of a pair as it wants them")
        return self.encode_up_to(self.max_tokens, given)

    def encode_each(self, texts: Sequence[Text]) -> list[Encoded | InputError]:
        """Tokenise many texts or pairs at once, each as `encode` does it.

        Returns:
            In order, the encoded texts, and the errors of those that `encode` refuses.

        Example:
            >>> import heedful
            >>> encoded, refused = heedful.load("demo").encode_each(["A dull film.", " "])
            >>> len(encoded), refused
            (4, TextError('the text is empty: give at least one word'))
        """
        return [one or self._encoded_or_error(text) for one, text in zip(self._many(texts), texts, strict=True)]

    def encode_all(self, texts: Sequence[Text]) -> list[Encoded]:
        """Tokenise many texts or pairs at once, each as `encode` does it.

        Raises:
            TextError, ModelError: as `encode`, for the first text that it refuses.

        Example:
            >>> import heedful
            >>> [len(one) for one in heedful.load("demo").encode_all(["A dull film.", "Superb!"])]
            [4, 3]
        """
        return [one or self.encode(text) for one, text in zip(self._many(texts), texts, strict=True)]

    def _encoded_or_error(self, text: Any) -> Encoded | InputError:
        try:
            return self.encode(text)
        except InputError as error:
            return error

    def _many(self, texts: Sequence[object]) -> list[Encoded | None]:
        """The encoded texts that need no closer look; None for the others."""
        if self.template is not None or len(texts) < 2:
            return [None] * len(texts)
        pairs = getattr(self.model, "takes_pairs", True)
        usual: list[Text] = [text if isinstance(text, str) or (pairs and is_pair(text)) else "" for text in texts]
        n_words, n_types = limits.n_words(self.model), self._n_types if self._takes_types else 0
        return [
            None if one is None else fitting(one, n_words, n_types)
            for one in encode_many(self.tokenizer, usual, self.max_tokens, self.name)
        ]

    def encode_up_to(self, limit: int, text: Text) -> Encoded:
        """Tokenise with another limit, which may be above the classifier's: for texts that are read in parts."""
        encoded = encode(self.tokenizer, text, limit, self.name, self.template)
        n_words, n_types = limits.n_words(self.model), self._n_types
        if not self._takes_types:
            encoded = replace(encoded, type_ids=None)
        looked_up = (encoded.input_ids, n_words, "id", "words"), (encoded.type_ids, n_types, "token type", "types")
        for ids, rows, one, many in looked_up:
            if ids is not None and rows is not None and ids.max() >= rows:
                raise ModelError(
                    f"{self.name}: the tokenizer gives {one} {ids.max()}, the model has {rows} {many}; "
                    "they do not belong together"
                )
        return encoded

    @cached_property
    def _takes_types(self) -> bool:
        """Whether the model can be told which of two texts a token is of; some tokenizers tell where it cannot."""
        parameters = inspect.signature(self.model.forward).parameters.values()
        return any(one.name == "token_type_ids" or one.kind is one.VAR_KEYWORD for one in parameters)

    def logits(
        self,
        ids: Sequence[Int64[np.ndarray, " _"]],
        attended: Sequence[np.ndarray] | None = None,
        type_ids: Sequence[np.ndarray] | None = None,
    ) -> Float64[np.ndarray, "texts classes"]:
        """Return logits of token sequences; `attended` marks what attention uses (default all).

        They run as one padded batch as far as the model gives each text the logits it gives it alone: see `sharing`.

        Raises:
            ModelError: the model is no sequence classifier: it gives no logit a text and class; or it fails.
        """
        keys = self._apart(ids)
        logits = np.empty((len(ids), len(self.labels)))
        for key in set(keys):
            some = [i for i, other in enumerate(keys) if other == key]
            logits[some] = ask(partial(self._together, chosen((ids, attended, type_ids), some)))
        return logits

    def _apart(self, ids: Sequence[Int64[np.ndarray, " _"]]) -> list[tuple[int, int, int]]:
        """A key for each text: those with equal ones may share a forward pass."""
        config, mixed = self.model.config, self.sharing.lengths and self.padding_id is not None
        ends: list[int] = []
        if config.is_encoder_decoder and config.eos_token_id is not None:  # BART and T5 want as many in every text
            ends = np.atleast_1d(config.eos_token_id).tolist()
        return [
            (0 if self.sharing.texts else i, 0 if mixed else len(row), int(np.isin(row, ends).sum()))
            for i, row in enumerate(ids)
        ]

    def _together(self, rows: Rows) -> Float64[np.ndarray, "texts classes"]:
        """Logits of texts as one batch, or one by one where the model cannot do that."""
        ids = rows[0]
        try:
            return forward(self.model, rows, self.padding_id or 0, self.labels, self.name)
        except HeedfulError:
            raise
        except FAILURES as error:
            if isinstance(error, RuntimeError) and out_of_memory(error):
                raise
            if len(ids) == 1:
                raise ModelError(
                    f"{self.name} fails on a text of {len(ids[0])} tokens: {first_line(error)}; if it is too long for "
                    "the model, set tokenizer.model_max_length"
                ) from error
        return np.concatenate([self._together(chosen(rows, [i])) for i in range(len(ids))])

    def logits_of(self, encoded: Encoded) -> Float64[np.ndarray, " classes"]:
        """Return logits of one encoded text; raises as `logits_of_all`."""
        return self.logits_of_all([encoded])[0]

    def logits_of_all(self, encoded: Sequence[Encoded]) -> Float64[np.ndarray, "texts classes"]:
        """Return logits of encoded texts, in as few forward passes as `sharing` allows.

        Those of the paper's classifier come from its look-up tables, in double precision, where nothing alters its
        forward pass; then a text has the same bits alone and among others.

        Raises:
            ModelError: they are other ones each time, as the model is random in evaluation mode too; or see `logits`.
        """
        folded = folded_logits(self.model, [one.input_ids for one in encoded])
        if folded is not None:
            ran(len(encoded))
            return folded
        before = random_state(self.device)
        logits = self._logits_of_all(encoded)
        # the stream of torch may also have been drawn from by another thread
        if not (self.sharing.repeats and torch.equal(before, random_state(self.device))):
            for _ in range(_AGAIN):
                if not self.same(self._logits_of_all(encoded), logits):
                    restore_random_state(before, self.device)
                    raise ModelError(
                        f"{self.name} gives other logits each time for the same text: it is random in evaluation mode "
                        "too, by dropout or hashing, so nothing explains it"
                    )
        return logits

    def _logits_of_all(self, encoded: Sequence[Encoded]) -> Float64[np.ndarray, "texts classes"]:
        logits = np.empty((len(encoded), len(self.labels)))
        for typed in (False, True):
            places = np.array([i for i, one in enumerate(encoded) if (one.type_ids is not None) == typed], dtype=int)

            def rows(some: np.ndarray, places: np.ndarray = places) -> Rows:
                texts = [encoded[i] for i in places[some]]
                types = [one.type_ids for one in texts if one.type_ids is not None]
                return [one.input_ids for one in texts], None, types or None

            if len(places):
                logits[places] = self.batches().run(np.array([len(encoded[i]) for i in places]), rows)
        return logits

    def batches(self, tokens: int | None = None) -> Batches:
        """Return what runs many texts in batches of at most `tokens` tokens; None: see `most_tokens`."""
        if tokens is not None:
            return Batches(self, tokens)
        return Batches(self, _ON_CPU if self.device.type == "cpu" else _ELSEWHERE, self.room)

    def most_tokens(self, length: int) -> int:
        """Return how many tokens a batch may hold: 2,048 on a CPU, what fits on a CUDA card, 16,384 elsewhere.

        Args:
            length: of the texts, in tokens.
        """
        return self.batches().most(length)

    @cached_property
    def room(self) -> Room | None:
        """How much memory a batch may take, and what tokens take, measured on a card; None elsewhere."""
        card = card_of(self.device)
        if self.given_room is not None or card is None:
            return self.given_room
        before = random_state(self.device)
        try:
            return measured(card, self._words, self.logits, self.max_tokens)
        except (HeedfulError, *FAILURES):  # also where there is no memory even for that
            return None
        finally:
            restore_random_state(before, self.device)

    def _words(self, length: int) -> Int64[np.ndarray, " tokens"]:
        return self.encode_up_to(length, WORDS * length).input_ids

    def same(self, one: Float64[np.ndarray, "*rows classes"], other: Float64[np.ndarray, "*rows classes"]) -> bool:
        """Tell whether logits are equal but for rounding, by how far they lie apart from text to text."""
        spread = float(np.abs(other).max()) if self.sharing.spread is None else self.sharing.spread
        # what is equal by the finest numbers is by all: to see what the model's are takes a while
        return same(one, other, _FINEST, spread) or same(one, other, precision(self.model), spread)

    @overload
    def predict(self, text: Given) -> Prediction: ...  # type: ignore[overload-overlap]  # a str is iterable
    @overload
    def predict(self, text: Iterable[Given]) -> list[Prediction]: ...
    def predict(self, text: Given | Iterable[Given]) -> Prediction | list[Prediction]:
        """Return what the classifier says of a text, a pair, or each of several, given as to `heedful.explain`.

        Raises:
            TextError, ModelError: see `encode` and `logits`.

        Example:
            >>> import heedful
            >>> heedful.load("demo").predict("The acting was wonderful.").label
            'positive'
        """
        several = are_several(text)
        logits = self.logits_of_all(self.encode_all([as_text(one) for one in (text if several else [text])]))
        is_number = self.model.config.problem_type == "regression"
        each = [Prediction.of(row, self.labels, exclusive=self.exclusive, is_number=is_number) for row in logits]
        return each if several else each[0]

    def target(self, wanted: int | str, logits: Float64[np.ndarray, " classes"]) -> int:
        """Return the index of a class given as index, as name, as "#" and index, or as "predicted".

        Raises:
            TargetError: there is no such class, or it could be two; the message names those there are.
        """
        return index_of(wanted, self.labels, int(np.argmax(logits)))

    def masking(self, wanted: str) -> str:
        """Return a masking by name; "auto": the unknown word for the paper's classifier, else mask token or deletion.

        A tokenizer may use one token as unknown word and as end of text; that one stands for no removed word.

        Raises:
            SettingError: unknown, or the tokenizer lacks the token it needs.
        """
        if wanted == "auto" and self.paper_model is not None:
            return "delete" if self.replacement_id("unk") is None else "unk"
        if wanted == "auto":
            given = self.tokenizer
            taken = {None, given.eos_token_id, given.bos_token_id, given.pad_token_id, self.padding_id}
            return next((name for name in ("mask", "unk") if self.replacement_id(name) not in taken), "delete")
        if wanted not in MASKINGS:
            raise SettingError(f"unknown masking {wanted!r}: use auto or one of {', '.join(MASKINGS)}")
        if wanted in REPLACING and self.replacement_id(wanted) is None:
            raise SettingError(f"{self.name} has no {wanted} token: use masking 'delete' or 'ignore'")
        return wanted

    def replacement_id(self, masking: str) -> int | None:
        """Return the id that stands for a removed token; None for deletion, ignoring, and ids the model lacks."""
        token_id = getattr(self.tokenizer, f"{masking}_token_id", None) if masking in REPLACING else None
        n_words = limits.n_words(self.model)
        return None if token_id is None or (n_words is not None and token_id >= n_words) else int(token_id)

    def inputs(self, encoded: Encoded) -> dict[str, Tensor]:
        """Return one text as the model takes it: a batch of one, on its device."""
        with torch.inference_mode(False):  # for gradients too, whatever mode the caller is in
            ids = torch.tensor(encoded.input_ids, device=self.device)[None]
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if encoded.type_ids is not None:
                inputs["token_type_ids"] = torch.tensor(encoded.type_ids, device=self.device)[None]
            return inputs
