"""A classifier that is only a function from texts to probabilities: asked about texts, with nothing inside to look at.

The function stands behind a model of transformers whose tokens are the bytes of a text, so that a text without some of
its words is a text again: what is left of it, white space and all. Whatever needs word vectors, attention or gradients
finds none and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput

from heedful.errors import ModelError, SettingError, first_line

Probabilities = Callable[[list[str]], Any]

LEAST = 1e-9  # probabilities below it count as it: their logarithm is explained
_PADDING = "\ue000padding\ue000"  # of a private plane, which no text has
_ADDS_UP = 1e-3


class FunctionModel(PreTrainedModel):
    """The function as a model: ids of bytes to logarithms of probabilities."""

    config_class = PreTrainedConfig
    takes_pairs = False

    def __init__(self, function: Probabilities, labels: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> None:
        config = PreTrainedConfig(id2label=dict(enumerate(labels)), pad_token_id=tokenizer.pad_token_id)
        super().__init__(config)
        self.function, self.decoder = function, tokenizer.backend_tokenizer
        self.nothing = nn.Parameter(torch.zeros((), dtype=torch.float64))  # says where and in which precision

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """Ask the function about the texts that the ids spell.

        Raises:
            ModelError: the function fails, or gives no probabilities of texts and classes; or words are left in their
                place unattended, which texts know nothing of.
        """
        kept = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        if (kept[:, 1:] > kept[:, :-1]).any() or ((input_ids == self.config.pad_token_id) & kept.bool()).any():
            raise ModelError(
                "a function of texts cannot keep the place of a word that is not there: use masking 'delete'"
            )
        texts = [self.decoder.decode(row[mask.bool()].tolist()) for row, mask in zip(input_ids, kept, strict=True)]
        values = _checked(self.function, texts, len(self.config.id2label))
        return SequenceClassifierOutput(logits=torch.from_numpy(np.log(np.maximum(values, LEAST))))


def function_parts(function: Probabilities, labels: Sequence[str]) -> tuple[FunctionModel, PreTrainedTokenizerFast]:
    """Return a model and tokenizer that stand for a function.

    Args:
        function: from a list of texts to probabilities (texts, classes).
        labels: class names, one a column.

    Raises:
        SettingError: the labels are no list of at least two names.

    Example:
        >>> model, tokenizer = function_parts(lambda texts: [[0.25, 0.75] for _ in texts], ["no", "yes"])
        >>> model(torch.tensor([tokenizer.encode("é!")])).logits.exp().detach().numpy()
        array([[0.25, 0.75]])
    """
    if isinstance(labels, str) or len(labels) < 2 or not all(isinstance(label, str) for label in labels):
        raise SettingError(f"labels is a list of at least two class names, one a column, got {labels!r}")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=_PADDING)
    return FunctionModel(function, labels, tokenizer), tokenizer


def _checked(function: Probabilities, texts: list[str], n_classes: int) -> np.ndarray:
    """Probabilities of texts and classes, or one line that says what came instead."""
    try:
        given = function(list(texts))
    except Exception as error:
        raise ModelError(f"the function fails on {len(texts)} texts: {first_line(error)}") from error
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"the function must give numbers (texts, classes), got {type(given).__name__}") from None
    if values.shape != (len(texts), n_classes):
        wanted = (len(texts), n_classes)
        raise ModelError(
            f"the function must give probabilities of shape {wanted}, texts by classes, got {values.shape}"
        )
    if not (values >= 0).all() or not (np.abs(values.sum(axis=1) - 1) <= _ADDS_UP).all():
        raise ModelError("the function must give probabilities: of each text, not negative and adding up to 1")
    return values
