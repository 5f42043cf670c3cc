"""What a model can be fed: how many tokens, and which ids, of words, of padding and of the two texts of a pair."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.errors import ModelError

# What configurations call the number of positions; `attribute_map` adds further names for these.
_POSITIONS = (
    "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_seq_length", "max_sequence_length",
    "seq_length", "max_encoder_position_embeddings", "max_decoder_position_embeddings", "max_source_positions",
    "max_target_positions",
)  # fmt: skip


def longest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, limit: int | None = None) -> int:
    """Return the longest sequence the model and its tokenizer take; `sys.maxsize` where nothing limits it.

    With a `limit`, that stands for the tokenizer's own.

    Raises:
        ModelError: a limit is not a number.
    """
    stated = tokenizer.model_max_length if limit is None else limit
    limits = [_number(stated, "its tokenizer's model_max_length", name)]
    for config in {id(one): one for one in (model.config, model.config.get_text_config())}.values():
        given = {each: getattr(config, each, None) for each in _POSITIONS}
        limits += [_number(n, f"{each} in its configuration", name) for each, n in given.items() if n is not None]
    return min(sys.maxsize, *(limit for limit in limits if limit > 0))


def positions_behind_padding(model: PreTrainedModel) -> int:
    """Return how many positions RoBERTa and its kin have, which count from behind the padding's; else `sys.maxsize`."""
    tables = (module for place, module in model.named_modules() if place.endswith("position_embeddings"))
    sizes = [len(one.weight) - one.padding_idx - 1 for one in tables if getattr(one, "padding_idx", None) is not None]
    return min(sizes, default=sys.maxsize)


def _number(value: Any, what: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ModelError(f"{name}: {what} is {value!r}, which is no number of tokens: correct it")
    return int(min(value, sys.maxsize))


def n_words(model: PreTrainedModel) -> int | None:
    """Return the number of word vectors; None where the model has no table of them."""
    try:
        rows = getattr(model.get_input_embeddings(), "num_embeddings", None)
    except (NotImplementedError, AttributeError):
        return None
    return rows if isinstance(rows, int) else None


def word_tables(model: PreTrainedModel) -> Iterator[nn.Embedding]:
    """Yield every table of the model that looks its words up: an encoder and a decoder may have one each."""
    size = n_words(model)
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == size:
            yield module


def n_types(model: PreTrainedModel) -> int | None:
    """Return how many texts the model can tell apart by token types; None where it has no table for that."""
    for place, module in model.named_modules():
        if place.endswith("token_type_embeddings") and isinstance(module, nn.Embedding):
            return module.num_embeddings
    return None


def padding_id(model: PreTrainedModel, name: str) -> int | None:
    """Return the id the model itself takes for padding; None if it knows none, or one for which it has no vector.

    Raises:
        ModelError: the configuration's is no number.
    """
    value, size = model.config.get_text_config().pad_token_id, n_words(model)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ModelError(f"{name}: pad_token_id in its configuration is {value!r}, which is no token id: correct it")
    return value if value >= 0 and (size is None or value < size) else None


def is_block_sparse(model: PreTrainedModel) -> bool:
    """Return whether a text's length decides which tokens attend to each other, as in BigBird."""
    return getattr(model.config, "attention_type", None) == "block_sparse"


def goes_by_length(model: PreTrainedModel) -> bool:
    """Return whether the longest text of a forward pass decides how all are read.

    That is which tokens attend to each other, in BigBird, and how positions are turned, by the rules "longrope" (of
    Phi-3) and "dynamic": these change at lengths that made-up texts need not reach.
    """
    rules: set[Any] = set()
    for module in model.modules():
        given = getattr(module, "rope_type", None)
        rules.update(given.values() if isinstance(given, Mapping) else [given])
    return is_block_sparse(model) or bool(rules & {"longrope", "dynamic"})


def least_tokens(model: PreTrainedModel, n_tokens: int) -> int:
    """Return how many tokens, padding included, make a text be attended to in the same way as one of `n_tokens`.

    BigBird turns from block-sparse to full attention where a text is too short for all its blocks; 0 for other models.
    """
    if not is_block_sparse(model):
        return 0
    full = (5 + 2 * model.config.num_random_blocks) * model.config.block_size  # the longest of the short
    return full + 1 if n_tokens > full else 0


def check_weights(model: PreTrainedModel, name: str) -> None:
    """Raise ModelError if a weight is NaN or infinite, or if there are none; those kept elsewhere are not looked at."""
    weights = dict(model.named_parameters())
    if weights and all(weight.is_meta for weight in weights.values()) and not hasattr(model, "_hf_hook"):
        raise ModelError(f"{name} has no weights: all are on the meta device, which holds none; load them first")
    with torch.inference_mode():  # weights made in that mode can be looked at in no other
        for place, weight in weights.items():
            looked_at = weight.is_floating_point() and not weight.is_meta
            if looked_at and not torch.isfinite(weight if weight.element_size() > 1 else weight.float()).all():
                raise ModelError(f"{name}: weight {place} holds NaN or infinite numbers; the model is broken")
