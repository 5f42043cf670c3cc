"""Logits of the paper's classifier from its look-up tables: many texts in one compiled loop, without a forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import nn
from torch.nn.modules import module as hooks
from transformers import PreTrainedModel

from heedful.models.modeling import AttentionPoolingForSequenceClassification

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def folded_logits(
    model: PreTrainedModel, texts: Sequence[Int64[np.ndarray, " _"]]
) -> Float64[np.ndarray, "texts classes"] | None:
    """Return logits of texts given as ids, in double precision; None where only a forward pass can tell.

    A text has the same bits alone and among others. A forward pass must be run where the model is another or has been
    altered (hooks, another `forward`), attends otherwise than by softmax, is of low precision, or has no such token or
    position.
    """
    if not isinstance(model, AttentionPoolingForSequenceClassification) or not texts or not _as_written(model):
        return None
    config = model.config
    ids, lengths = np.concatenate(texts), np.array([len(text) for text in texts])
    if not lengths.all() or lengths.max() > len(model.positions):
        return None
    firsts = ids[np.cumsum(lengths) - lengths]
    if (firsts != config.cls_token_id).any() or ids.min() < 0 or ids.max() >= model.embeddings.num_embeddings:
        return None
    return model.tables().logits(texts, config.unk_token_id if config.attend_padding else None)


def _as_written(model: AttentionPoolingForSequenceClassification) -> bool:
    """Whether the forward pass is what the class says, and in full precision."""
    words = model.embeddings
    return (
        type(model) is AttentionPoolingForSequenceClassification
        and type(words) is nn.Embedding
        and words.max_norm is None
        and model.config.normaliser == "softmax"
        and not any("forward" in vars(part) for part in (model, words))
        and not any(getattr(part, name) for part in (model, words) for name in _HOOKS)
        and not (hooks._global_forward_hooks or hooks._global_forward_pre_hooks)
        and all(
            weight.dtype in (torch.float32, torch.float64) and weight.device.type != "meta"
            for weight in chain(model.parameters(), model.buffers())
        )
    )
