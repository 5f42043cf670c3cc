"""Classifier: one view on any Hugging Face text classifier, which it leaves exactly as it came."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import regex
import torch
from jaxtyping import Float64, Int64
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.errors import ModelError, SettingError, TargetError, TextError
from heedful.explanation import Span
from heedful.models.modeling import AttentionPoolingForSequenceClassification

MASKINGS = ("unk", "mask", "pad", "delete", "ignore")

# What belongs to the character before it, but is left out of a token's span where NFC has merged the two.
_MARK = regex.compile(r"[\p{M}\u1160-\u11FF]")


@dataclass(frozen=True, eq=False)
class Encoded:
    """One text as the classifier sees it.

    Attributes:
        text: the caller's text.
        input_ids: token ids, special tokens included.
        offsets: character span of every token; None for special tokens.
        cut: character spans of the text beyond the classifier's limit.
    """

    text: str
    input_ids: Int64[np.ndarray, " tokens"]
    offsets: tuple[Span | None, ...]
    cut: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A sequence classifier and its fast tokenizer.

    Attributes:
        model: the caller's model; its mode, weights, hooks and device are the same after every call.
        tokenizer: its tokenizer.
        name: what results call it.

    Raises:
        ModelError: the tokenizer is not a fast one, the model has no labels, or a weight is not a finite number.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str

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
    def max_tokens(self) -> int:
        """Longest sequence the classifier takes, special tokens included; `sys.maxsize` where nothing limits it."""
        limits = (getattr(self.model.config, "max_position_embeddings", None), self.tokenizer.model_max_length)
        return min(sys.maxsize, *(int(limit) for limit in limits if limit is not None and limit > 0))

    def encode(self, text: str) -> Encoded:
        """Tokenise one text; what exceeds `max_tokens` is cut and recorded.

        Raises:
            TextError: not a string, blank, not valid Unicode, or without a single known word.
        """
        if not isinstance(text, str):
            raise TextError(f"the text must be a string, got {type(text).__name__}")
        if not text.strip():
            raise TextError("the text is empty: give at least one word")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TextError(f"the text is not valid Unicode: lone surrogate at character {error.start}") from None
        ids, offsets = self._tokenise(text, truncate=True)
        whole = offsets if len(ids) < self.max_tokens else self._tokenise(text, truncate=False)[1]
        widened = _with_marks(text, whole)
        offsets, whole = (tuple(widened[span] for span in spans) for spans in (offsets, whole))
        words = [int(i) for i, span in zip(ids, offsets, strict=True) if span is not None]
        if not words or all(i == self.tokenizer.unk_token_id for i in words):
            raise TextError(f"no word of the text is in the vocabulary of {self.name}")
        return Encoded(text, ids, offsets, _difference(whole, offsets))

    def _tokenise(self, text: str, *, truncate: bool) -> tuple[Int64[np.ndarray, " tokens"], tuple[Span | None, ...]]:
        backend = self.tokenizer.backend_tokenizer
        truncation, padding = backend.truncation, backend.padding  # every call sets them anew
        try:
            out = self.tokenizer(
                text,
                truncation=truncate,
                max_length=self.max_tokens if truncate else None,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
                verbose=False,
            )
        finally:
            backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
            backend.no_padding() if padding is None else backend.enable_padding(**padding)
        spans = zip(out["offset_mapping"], out["special_tokens_mask"], strict=True)
        offsets = tuple(None if special else (int(a), int(b)) for (a, b), special in spans)
        return np.asarray(out["input_ids"], dtype=np.int64), offsets

    def logits(
        self, ids: Sequence[Int64[np.ndarray, " _"]], attended: Sequence[np.ndarray] | None = None
    ) -> Float64[np.ndarray, "texts classes"]:
        """Logits of token sequences, as one padded batch; `attended` marks what attention may use (default all).

        Raises:
            ModelError: the model is no sequence classifier: it gives no logit a text and class.
        """
        width = max(len(row) for row in ids)
        batch = torch.full((len(ids), width), self._padding_id, dtype=torch.long)
        mask = torch.zeros((len(ids), width), dtype=torch.long)
        for i, row in enumerate(ids):
            batch[i, : len(row)] = torch.from_numpy(row)
            mask[i, : len(row)] = 1 if attended is None else torch.from_numpy(attended[i].astype(np.int64))
        device = self.model.device
        with self.undisturbed(), torch.no_grad():
            out = self.model(input_ids=batch.to(device), attention_mask=mask.to(device))
        logits = getattr(out, "logits", None)
        if logits is None or logits.shape != (len(ids), len(self.labels)):
            raise ModelError(f"{self.name} gives no logits of texts and classes; load it as a sequence classifier")
        return logits.double().cpu().numpy()

    def attention(self, encoded: Encoded) -> Float64[np.ndarray, "heads tokens"]:
        """What the first position, [CLS], attends to in the last layer, for every head.

        Raises:
            ModelError: the model gives no attention weights.
        """
        ids = torch.from_numpy(encoded.input_ids)[None].to(self.model.device)
        with self.undisturbed(), torch.no_grad():
            out = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True)
        attentions = out.attentions
        if not attentions or attentions[-1] is None:
            raise ModelError(f"{self.name} returns no attention weights; load it with attn_implementation='eager'")
        return attentions[-1][0, :, 0, : len(encoded)].double().cpu().numpy()

    def gradient(
        self, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
    ) -> Float64[np.ndarray, "tokens size"]:
        """Gradient of `cotangent . logits` by every token's input vector, by automatic differentiation."""
        with self.undisturbed(), torch.inference_mode(False), torch.enable_grad():
            ids = torch.from_numpy(encoded.input_ids)[None].to(self.model.device)
            vectors = self.model.get_input_embeddings()(ids).detach().requires_grad_()
            logits = self.model(inputs_embeds=vectors, attention_mask=torch.ones_like(ids)).logits
            weights = torch.from_numpy(cotangent).to(logits)
            (gradient,) = torch.autograd.grad((logits[0] * weights).sum(), vectors)
        return gradient[0].double().cpu().numpy()

    def input_vectors(self, encoded: Encoded) -> Float64[np.ndarray, "tokens size"]:
        """The vectors gradients refer to: e_t = E[token] + P[t] in the paper's classifier, word vectors elsewhere."""
        ids = torch.from_numpy(encoded.input_ids).to(self.model.device)
        with torch.no_grad():
            vectors = self.model.get_input_embeddings()(ids).double()
            if self.paper_model is not None:
                vectors = vectors + self.paper_model.positions[: len(encoded)].double()
        return vectors.cpu().numpy()

    def target(self, wanted: int | str, logits: Float64[np.ndarray, " classes"]) -> int:
        """Index of a class given as index, name, or "predicted".

        Raises:
            TargetError: there is no such class; the message names those there are.
        """
        valid = ", ".join(f"{i} {name!r}" for i, name in enumerate(self.labels))
        if wanted in self.labels and isinstance(wanted, str):
            return self.labels.index(wanted)
        if wanted == "predicted":
            return int(np.argmax(logits))
        if isinstance(wanted, str) and regex.fullmatch("-?[0-9]{1,9}", wanted):
            wanted = int(wanted)
        if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
            if 0 <= wanted < len(self.labels):
                return int(wanted)
            raise TargetError(f"no class {wanted}; the classes are {valid}")
        raise TargetError(f"no class {wanted!r}; the classes are {valid}, or 'predicted'")

    def masking(self, wanted: str) -> str:
        """A masking by name; "auto" is the unknown word for the paper's classifier, else the mask token or deletion.

        Raises:
            SettingError: unknown, or the tokenizer lacks the token it needs.
        """
        if wanted == "auto":
            order = ("unk", "delete") if self.paper_model is not None else ("mask", "unk", "delete")
            return next(name for name in order if name == "delete" or self.replacement_id(name) is not None)
        if wanted not in MASKINGS:
            raise SettingError(f"unknown masking {wanted!r}: use auto or one of {', '.join(MASKINGS)}")
        if wanted in ("unk", "mask", "pad") and self.replacement_id(wanted) is None:
            raise SettingError(f"{self.name} has no {wanted} token: use masking 'delete' or 'ignore'")
        return wanted

    def replacement_id(self, masking: str) -> int | None:
        """Token id that stands in for a removed token; None for deletion and ignoring."""
        token_id = getattr(self.tokenizer, f"{masking}_token_id", None) if masking in ("unk", "mask", "pad") else None
        return None if token_id is None else int(token_id)

    @property
    def _padding_id(self) -> int:
        return self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Evaluation mode inside; every module's own mode again afterwards, also after an exception.

        Hooks and attributes that turn up inside go again too: transformers leaves some when attentions are asked for.
        """
        before = {
            module: (module.training, set(module._forward_hooks), set(vars(module))) for module in self.model.modules()
        }
        try:
            self.model.eval()
            yield
        finally:
            for module, (mode, hooks, names) in before.items():
                module.training = mode
                for added in set(module._forward_hooks) - hooks:
                    del module._forward_hooks[added]
                for added in set(vars(module)) - names:
                    del vars(module)[added]


def _with_marks(text: str, spans: tuple[Span | None, ...]) -> dict[Span | None, Span | None]:
    """Each span of a whole text, together with the marks behind it that no token has in its span."""
    claimed = {i for span in spans if span is not None for i in range(*span)}
    widened: dict[Span | None, Span | None] = {None: None}
    for span in spans:
        if span is not None:
            end = span[1]
            while span[0] < end < len(text) and end not in claimed and _MARK.match(text[end]):
                end += 1
            widened[span] = span[0], end
    return widened


def _difference(whole: tuple[Span | None, ...], kept: tuple[Span | None, ...]) -> tuple[Span, ...]:
    """Runs of the whole text's tokens that are not among the kept ones, as character spans."""
    seen = set(kept)
    runs: list[Span] = []
    joining = False
    for span in whole:
        if span is None:
            continue
        if span in seen:
            joining = False
        elif joining:
            runs[-1] = (runs[-1][0], span[1])
        else:
            runs.append(span)
            joining = True
    return tuple(runs)
