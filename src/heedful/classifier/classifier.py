"""Classifier: one view on any Hugging Face text classifier, which it leaves exactly as it came."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import regex
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.errors import ModelError, SettingError, TargetError, TextError
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.support.names import did_you_mean, match, shown
from heedful.text.encoding import Encoded, Text, encode

MASKINGS = ("unk", "mask", "pad", "delete", "ignore")
_IMPOSSIBLE = -1  # no token has this id


@dataclass(frozen=True, eq=False)
class Classifier:
    """A sequence classifier and its fast tokenizer.

    Attributes:
        model: the caller's model; its mode, weights, hooks and device are the same after every call.
        tokenizer: its tokenizer.
        name: what results call it.
        limit: how many tokens it is given at most, in place of the tokenizer's own limit.
        activation: what makes probabilities of logits, "softmax" or "sigmoid", in place of what the model's
            configuration says.

    Raises:
        ModelError: the tokenizer is not a fast one, the model has no labels, or a weight is not a finite number.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    limit: int | None = None
    activation: str | None = None

    def __post_init__(self) -> None:
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError(f"{self.name}: the tokenizer gives no character offsets; load its fast version")
        labels = self.model.config.id2label
        if not labels or set(labels) != set(range(len(labels))):
            raise ModelError(f"{self.name}: the model has no labels from 0 up; load it as a sequence classifier")
        for name, weight in self.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise ModelError(f"{self.name}: weight {name} holds NaN or infinite numbers; the model is broken")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Class names, by index."""
        names = self.model.config.id2label
        return tuple(str(names[i]) for i in range(len(names)))

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
        """Longest sequence the classifier takes, special tokens included; `sys.maxsize` where nothing limits it."""
        limit = self.tokenizer.model_max_length if self.limit is None else self.limit
        limits = [getattr(self.model.config, "max_position_embeddings", None), limit]
        for name, module in self.model.named_modules():
            if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
                limits.append(len(module.weight) - module.padding_idx - 1)  # RoBERTa counts from behind the padding
        return min(sys.maxsize, *(int(limit) for limit in limits if limit is not None and limit > 0))

    def encode(self, text: Text) -> Encoded:
        """Tokenise one text, or a pair as a tuple; what exceeds `max_tokens` is cut and recorded.

        Raises:
            TextError: not a string, blank, not valid Unicode, or without a single known word.
            ModelError: the model has no word vector for a token: the tokenizer is another model's.
        """
        if not isinstance(text, (str, tuple)):
            raise TextError(f"the text must be a string, got {type(text).__name__}")
        if isinstance(text, tuple) and (len(text) != 2 or not all(isinstance(part, str) for part in text)):
            raise TextError("a pair of texts must be two strings")
        return self.encode_up_to(self.max_tokens, text)

    def encode_up_to(self, limit: int, text: Text) -> Encoded:
        """The same with another limit, which may be above the classifier's: for texts that are read in parts."""
        encoded = encode(self.tokenizer, text, limit, self.name)
        largest, n_words = int(encoded.input_ids.max()), self._n_words
        if n_words is not None and largest >= n_words:
            raise ModelError(
                f"{self.name}: the tokenizer gives id {largest}, the model has {n_words} words; "
                "they do not belong together"
            )
        return encoded if self._takes_types else replace(encoded, type_ids=None)

    @cached_property
    def _takes_types(self) -> bool:
        """Whether the model can be told which of two texts a token is of; some tokenizers tell where it cannot."""
        parameters = inspect.signature(self.model.forward).parameters.values()
        return any(one.name == "token_type_ids" or one.kind is one.VAR_KEYWORD for one in parameters)

    @property
    def _n_words(self) -> int | None:
        """Number of word vectors; None where the model has no table of them."""
        try:
            return getattr(self.model.get_input_embeddings(), "num_embeddings", None)
        except NotImplementedError:
            return None

    def logits(
        self,
        ids: Sequence[Int64[np.ndarray, " _"]],
        attended: Sequence[np.ndarray] | None = None,
        type_ids: Sequence[np.ndarray] | None = None,
    ) -> Float64[np.ndarray, "texts classes"]:
        """Logits of token sequences, as one padded batch; `attended` marks what attention may use (default all).

        `type_ids` as in `Encoded`. Without a padding token the batch is one of texts of equal lengths at a time.

        Raises:
            ModelError: the model is no sequence classifier: it gives no logit a text and class.
        """
        lengths = [len(row) for row in ids]
        if self.padding_id is None and len(set(lengths)) > 1:
            logits = np.empty((len(ids), len(self.labels)))
            for length in set(lengths):
                rows = np.flatnonzero(np.array(lengths) == length).tolist()
                some = [None if values is None else [values[i] for i in rows] for values in (attended, type_ids)]
                logits[rows] = self.logits([ids[i] for i in rows], *some)
            return logits
        batch = {"input_ids": _padded(ids, 0 if self.padding_id is None else self.padding_id)}
        batch["attention_mask"] = _padded([np.ones(n) for n in lengths] if attended is None else attended, 0)
        if type_ids is not None:
            batch["token_type_ids"] = _padded(type_ids, 0)
        with self.undisturbed(), torch.no_grad():
            out = self.model(**{name: values.to(self.model.device) for name, values in batch.items()})
        found = getattr(out, "logits", None)
        if found is None or found.shape != (len(ids), len(self.labels)):
            raise ModelError(f"{self.name} gives no logits of texts and classes; load it as a sequence classifier")
        return found.cpu().double().numpy()

    def logits_of(self, encoded: Encoded) -> Float64[np.ndarray, " classes"]:
        """Logits of one encoded text."""
        return self.logits([encoded.input_ids], None, None if encoded.type_ids is None else [encoded.type_ids])[0]

    def target(self, wanted: int | str, logits: Float64[np.ndarray, " classes"]) -> int:
        """Index of a class given as index, name, or "predicted"; names without regard to case where that is clear.

        Raises:
            TargetError: there is no such class; the message names those there are.
        """
        valid = ", ".join(f"{i} {name!r}" for i, name in enumerate(self.labels))
        if wanted in self.labels and isinstance(wanted, str):
            return self.labels.index(wanted)
        if isinstance(wanted, str) and regex.fullmatch("-?[0-9]{1,9}", wanted):
            wanted = int(wanted)
        if isinstance(wanted, str):
            name = match(wanted, [*self.labels, "predicted"])
            if name is not None:
                return int(np.argmax(logits)) if name == "predicted" else self.labels.index(name)
            asked = did_you_mean(wanted, self.labels)
            raise TargetError(
                f"no class {shown(wanted)}; the classes are {valid}, or 'predicted'{asked and f'; {asked}'}"
            )
        if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool) and 0 <= wanted < len(self.labels):
            return int(wanted)
        raise TargetError(f"no class {shown(wanted)}; the classes are {valid}, or 'predicted'")

    def masking(self, wanted: str) -> str:
        """A masking by name; "auto" is the unknown word for the paper's classifier, else the mask token or deletion.

        A tokenizer may use one token as unknown word and as end of text; that one stands for no removed word.

        Raises:
            SettingError: unknown, or the tokenizer lacks the token it needs.
        """
        if wanted == "auto":
            own = self.tokenizer
            ends = {own.eos_token_id, own.bos_token_id, own.pad_token_id, self.padding_id}
            ends = ends if self.paper_model is None else {None}
            order = ("unk",) if self.paper_model is not None else ("mask", "unk")
            return next((name for name in order if self.replacement_id(name) not in {None, *ends}), "delete")
        if wanted not in MASKINGS:
            raise SettingError(f"unknown masking {wanted!r}: use auto or one of {', '.join(MASKINGS)}")
        if wanted in ("unk", "mask", "pad") and self.replacement_id(wanted) is None:
            raise SettingError(f"{self.name} has no {wanted} token: use masking 'delete' or 'ignore'")
        return wanted

    def replacement_id(self, masking: str) -> int | None:
        """Token id that stands in for a removed token; None for deletion, ignoring, and ids that the model lacks."""
        token_id = getattr(self.tokenizer, f"{masking}_token_id", None) if masking in ("unk", "mask", "pad") else None
        if token_id is None or (self._n_words is not None and token_id >= self._n_words):
            return None
        return int(token_id)

    @property
    def padding_id(self) -> int | None:
        """The id the model itself takes for padding; None if it knows none, whatever the tokenizer says.

        Decoders read their logits off the last token that is not that one, and take single texts only if it is None.
        """
        found = self.model.config.get_text_config().pad_token_id
        return None if found == _IMPOSSIBLE else found

    def inputs(self, encoded: Encoded) -> dict[str, Tensor]:
        """One text as the model takes it: a batch of one, on its device."""
        ids = torch.tensor(encoded.input_ids, device=self.model.device)[None]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if encoded.type_ids is not None:
            inputs["token_type_ids"] = torch.tensor(encoded.type_ids, device=self.model.device)[None]
        return inputs

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Evaluation mode inside; every module's own mode again afterwards, also after an exception.

        Hooks, attributes and buffers that turn up or change inside are as they were: transformers leaves some when
        attentions are asked for, and a module that makes its tables when first used must not half remember them.
        A model without a padding id takes an impossible one inside: else it would refuse more than one text at a time.
        Results have names inside, also where the configuration wants tuples: some models would fail on their own.
        Decoders fill no cache of keys and values inside: nothing is read from it.
        """
        own, config = self.model.config, self.model.config.get_text_config()
        settings: list[tuple[Any, str, Any]] = [(own, "return_dict", True)]
        if getattr(config, "use_cache", False):
            settings.append((config, "use_cache", False))
        if config.pad_token_id is None:
            settings.append((config, "pad_token_id", _IMPOSSIBLE))
        set_before = [(holder, name, getattr(holder, name)) for holder, name, _ in settings]
        before = {
            module: (dict(vars(module)), dict(module._buffers), set(module._forward_hooks))
            for module in self.model.modules()
        }
        try:
            self.model.eval()
            for holder, name, value in settings:
                setattr(holder, name, value)
            yield
        finally:
            for holder, name, value in set_before:
                setattr(holder, name, value)
            for module, (attributes, buffers, hooks) in before.items():
                for added in set(module._forward_hooks) - hooks:
                    del module._forward_hooks[added]
                _restore(module._buffers, buffers)
                _restore(vars(module), attributes)  # the mode among them


def _restore(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Make a dictionary hold what it held before, never anything less meanwhile."""
    for added in now.keys() - before.keys():
        del now[added]
    now.update(before)


def _padded(rows: Sequence[np.ndarray], filler: int) -> Tensor:
    """Rows of whole numbers as one tensor, filled up on the right: where positions are counted from."""
    table = np.full((len(rows), max(len(row) for row in rows)), filler, dtype=np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return torch.from_numpy(table)
