"""Configuration of the paper's classifier: one layer of multi-head attention read out at [CLS]."""

from __future__ import annotations

from transformers import PreTrainedConfig

from heedful.errors import SettingError
from heedful.support.names import choose

NORMALISERS = ("softmax", "sparsemax", "entmax")


class AttentionPoolingConfig(PreTrainedConfig):
    """Sizes and switches of `AttentionPoolingForSequenceClassification`; defaults are the paper's sizes.

    Attributes:
        vocab_size: rows of the word embedding.
        hidden_size: embedding size, d_e in the paper.
        key_size: query and key size, d_att in the paper.
        value_size: value size, d_out in the paper.
        num_attention_heads: heads, K in the paper.
        max_position_embeddings: longest sequence with [CLS], T_max in the paper.
        normaliser: what turns attention logits into weights: "softmax", "sparsemax" or "entmax".
        entmax_alpha: alpha of entmax, above 1 (1.5: entmax-1.5; 2: sparsemax).
        attend_padding: True pads every text to the full length with the unknown word and attends to it, as the
            paper's authors did; False masks padding out.
        word_dropout: share of words hidden in training, each in one of the ways an explanation will remove it:
            ignored by attention, replaced by the unknown word, or replaced by the mask token.
        position_scale: factor of the sinusoidal position vectors (1 in the paper).
        initializer_range: standard deviation of the initial word vectors (1 in the paper).
        unk_token_id, cls_token_id, mask_token_id: ids of the special tokens.

    Raises:
        SettingError: a size is below 1, an id is none, the normaliser is unknown, or alpha is not above 1.

    Example:
        >>> AttentionPoolingConfig(vocab_size=100, num_labels=3).num_labels
        3
    """

    model_type = "attention-pooling"

    vocab_size: int = 30_000
    hidden_size: int = 128
    key_size: int = 64
    value_size: int = 64
    num_attention_heads: int = 6
    num_hidden_layers: int = 1
    max_position_embeddings: int = 256
    normaliser: str = "softmax"
    entmax_alpha: float = 1.5
    attend_padding: bool = False
    word_dropout: float = 0.0
    position_scale: float = 1.0
    initializer_range: float = 1.0
    pad_token_id: int | None = 0
    unk_token_id: int = 1
    cls_token_id: int = 2
    mask_token_id: int = 3

    def __post_init__(self, **kwargs: object) -> None:
        super().__post_init__(**kwargs)
        sizes = (
            "vocab_size",
            "hidden_size",
            "key_size",
            "value_size",
            "num_attention_heads",
            "max_position_embeddings",
        )
        for name in sizes:
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("pad_token_id", "unk_token_id", "cls_token_id", "mask_token_id"):
            token_id = getattr(self, name)
            if (type(token_id) is not int or token_id < 0) and (token_id is not None or name != "pad_token_id"):
                raise SettingError(f"{name} must be the number of a token, got {token_id!r}")
        if self.cls_token_id >= self.vocab_size:
            raise SettingError(f"cls_token_id must lie below the {self.vocab_size} words, got {self.cls_token_id}")
        self.normaliser = choose(self.normaliser, NORMALISERS, "normaliser")
        if self.normaliser == "entmax" and not self.entmax_alpha > 1:
            raise SettingError(f"entmax needs alpha above 1, got {self.entmax_alpha}; alpha 1 is the softmax")
        if not 0 <= self.word_dropout < 1:
            raise SettingError(f"word_dropout must lie in [0, 1), got {self.word_dropout}")
