"""Classifiers for tests; import after conftest has installed the shape checks."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertForSequenceClassification

from heedful.classifier import Classifier
from heedful.models import (
    AttentionPoolingConfig,
    AttentionPoolingForSequenceClassification,
    build_tokenizer,
)

SENTENCES = (
    "the plot was not good but the acting was very good !",
    "a dull film , and a slow one ; the end was never dull",
    "what a wonderful soundtrack : the music stays with you",
)


def make_classifier(seed: int = 0, *, texts: tuple[str, ...] = SENTENCES, **settings: object) -> Classifier:
    """The paper's classifier with random float64 weights, peaked enough for heads to differ."""
    attend = bool(settings.get("attend_padding", False))
    limit = int(settings.get("max_position_embeddings", 64))  # type: ignore[call-overload]
    tokenizer = build_tokenizer(texts, min_frequency=1, max_length=limit, pad_with_unknown=attend)
    sizes: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "key_size": 8,
        "value_size": 8,
        "num_attention_heads": 3,
        "max_position_embeddings": limit,
        "num_labels": 3,
        "pad_token_id": tokenizer.pad_token_id,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AttentionPoolingForSequenceClassification(AttentionPoolingConfig(**(sizes | settings)))
    return Classifier(model.double().eval(), tokenizer, "random weights")


def make_bert(seed: int = 0, **settings: object) -> Classifier:
    """Another architecture: two layers of BERT with random float64 weights, and the same tokenizer."""
    tokenizer = make_classifier().tokenizer
    sizes: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 64,
        "num_labels": 3,
        "initializer_range": 0.5,
        "attn_implementation": "eager",
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForSequenceClassification(BertConfig(**(sizes | settings)))
    return Classifier(model.double().eval(), tokenizer, "bert")
