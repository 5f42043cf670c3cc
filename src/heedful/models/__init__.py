"""The paper's classifier as a transformers model: configuration, model, tokenizer, registered with the Auto classes."""

from transformers import AutoConfig, AutoModelForSequenceClassification

from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.modeling import AttentionPoolingForSequenceClassification, FoldedTables
from heedful.models.tokenizer import build_tokenizer

AutoConfig.register(AttentionPoolingConfig.model_type, AttentionPoolingConfig, exist_ok=True)
AutoModelForSequenceClassification.register(
    AttentionPoolingConfig, AttentionPoolingForSequenceClassification, exist_ok=True
)

__all__ = [
    "AttentionPoolingConfig",
    "AttentionPoolingForSequenceClassification",
    "FoldedTables",
    "build_tokenizer",
]
