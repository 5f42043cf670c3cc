"""Tiny models of any kind, random weights, for what a classifier must bear."""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerFast

import zoo

SIZES: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 64, "num_labels": 3,
}  # fmt: skip
DECODER = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
ENCODER_DECODER = {
    "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24,
}  # fmt: skip
BIG_BIRD = {"block_size": 4, "num_random_blocks": 1, "attention_type": "block_sparse", "max_position_embeddings": 128}
MOBILE = {"intra_bottleneck_size": 16, "embedding_size": 16, "true_hidden_size": 16}


def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of the zoo that a test may change."""
    return copy.deepcopy(zoo.make_tokenizer(kind))


def model(kind: str, own: PreTrainedTokenizerFast, *, seed: int = 0, **settings: Any) -> PreTrainedModel:
    """A model of this kind in float64, far enough from zero for words to matter."""
    ids = {f"{name}_token_id": getattr(own, f"{name}_token_id") for name in ("pad", "bos", "eos", "mask")}
    sizes = {name: size for name, size in SIZES.items() if kind != "xlnet" or "position" not in name}
    if kind in ("bart", "t5"):
        ids["decoder_start_token_id"] = own.eos_token_id
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = AutoConfig.for_model(kind, vocab_size=len(own), **(sizes | ids | settings))
        made = AutoModelForSequenceClassification.from_config(config).double().eval()
        for weight in made.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.4)
    return made
