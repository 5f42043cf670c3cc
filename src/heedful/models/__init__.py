"""The paper's classifier as a transformers model: configuration, model, tokenizer, registered with the Auto classes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, AutoModelForSequenceClassification

from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.modeling import AttentionPoolingForSequenceClassification, FoldedTables
from heedful.models.tokenizer import build_tokenizer

AutoConfig.register(AttentionPoolingConfig.model_type, AttentionPoolingConfig, exist_ok=True)
AutoModelForSequenceClassification.register(
    AttentionPoolingConfig, AttentionPoolingForSequenceClassification, exist_ok=True
)

if TYPE_CHECKING:
    from heedful.models import builtin, presets, training

_MODULES = ("builtin", "presets", "training")  # the Trainer takes a second to import: only where it is asked for


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"heedful.models.{name}")
    raise AttributeError(f"module 'heedful.models' has no attribute {name!r}")


__all__ = [
    "AttentionPoolingConfig",
    "AttentionPoolingForSequenceClassification",
    "FoldedTables",
    "build_tokenizer",
    "builtin",
    "presets",
    "training",
]
